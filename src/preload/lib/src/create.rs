// SPDX-License-Identifier: MIT OR Apache-2.0

//! Making an instance.

use crate::{
    direct, fork, gather,
    kernel::{self, call, error, int, Answer, Arguments, Open},
    message,
    settings::settings,
    stats::{self, Kind},
    uapi,
};
use libc::{c_int, c_long};

/// What `epoll_create` does: the size only has to be one.
pub(crate) fn create(size: c_int) -> Answer {
    if size <= 0 {
        return error(libc::EINVAL);
    }
    create1(0)
}

/// What `epoll_create1` does.
pub(crate) fn create1(flags: c_int) -> Answer {
    if flags & !libc::EPOLL_CLOEXEC != 0 {
        return error(libc::EINVAL);
    }
    let made = fork::apart(|| instance(flags));
    if made >= 0 {
        if settings().gathers() {
            gather::made(made as c_int);
        }
        stats::created();
        return made;
    }
    let errno = -made as c_int;
    if is_shortage(errno) || settings().is_strict() {
        return made;
    }
    message::no_device(errno);
    native(flags)
}

fn native(flags: c_int) -> Answer {
    // SAFETY: It takes a number and gives one.
    let answer = unsafe { call(libc::SYS_epoll_create1, &[int(flags), 0, 0, 0, 0, 0]) };
    stats::native(Kind::Create, answer)
}

/// Whether a descriptor or memory is wanting: `epoll_create` has these errors, too.
fn is_shortage(errno: c_int) -> bool {
    matches!(errno, libc::EMFILE | libc::ENFILE | libc::ENOMEM)
}

fn open_control() -> Answer {
    let arguments: Arguments = [
        int(libc::AT_FDCWD),
        uapi::REPOLL_DEVICE.as_ptr().expose_provenance(),
        int(libc::O_RDWR | libc::O_CLOEXEC),
        0,
        0,
        0,
    ];
    // SAFETY: The path is a C string.
    unsafe { call(libc::SYS_openat, &arguments) }
}

/// Makes an instance, under the number that the control node has meanwhile.
///
/// The program expects the lowest number that was free. This is the node's: it
/// was opened before anything else. Once the instance is there, under another
/// number, `dup3` puts it in the place of the node in one step. At no time is
/// that number free, so no other thread can get it, and no descriptor of
/// another thread can be hit. The price is one more free descriptor than epoll
/// needs, for an instant: with a single one left this is `EMFILE`. A child that is
/// forked in that instant would have one number too many for good: see [`fork`].
fn instance(flags: c_int) -> Answer {
    let control = open_control();
    if control < 0 {
        return control;
    }
    let control = control as usize;
    let mut create = uapi::repoll_create {
        // Whatever `flags` are, for as long as the number is not the final one.
        flags: uapi::REPOLL_CLOEXEC,
        ..Default::default()
    };
    if settings().wakes_first_come() {
        create.flags |= uapi::REPOLL_FIFO;
    }
    // SAFETY: It reads a `repoll_create`.
    let made = unsafe { kernel::ioctl(Open, control as c_int, uapi::REPOLL_CREATE, &create) };
    if made < 0 {
        close(control);
        return made;
    }
    direct::ask(control as c_int);
    let made = made as usize;
    // The one flag has the same value for `dup3`. With a node that is open, and
    // a number other than that, it does not fail.
    let moved = descriptors(libc::SYS_dup3, [made, control, int(flags)]);
    close(made);
    moved
}

fn close(fd: usize) {
    descriptors(libc::SYS_close, [fd, 0, 0]);
}

/// A system call on descriptors that are this library's own.
fn descriptors(number: c_long, [a, b, c]: [usize; 3]) -> Answer {
    // SAFETY: No address is passed, and nobody else has these descriptors.
    unsafe { call(number, &[a, b, c, 0, 0, 0]) }
}
