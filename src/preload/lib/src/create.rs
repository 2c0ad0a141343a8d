// SPDX-License-Identifier: MIT OR Apache-2.0

//! Creating instances.

use crate::{
    direct, fork, gather,
    kernel::{self, call, error, int, Answer, Arguments, Open},
    message,
    settings::settings,
    stats::{self, Kind},
    uapi,
};
use libc::{c_int, c_long};

/// Does what `epoll_create` does; the size only has to be at least one.
pub(crate) fn create(size: c_int) -> Answer {
    if size <= 0 {
        return error(libc::EINVAL);
    }
    create1(0)
}

/// Does what `epoll_create1` does.
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
    // SAFETY: It takes and returns a number.
    let answer = unsafe { call(libc::SYS_epoll_create1, &[int(flags), 0, 0, 0, 0, 0]) };
    stats::native(Kind::Create, answer)
}

/// Whether there is a lack of descriptors or memory: `epoll_create` has these errors,
/// too.
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

/// Creates an instance that replaces the control node under the node's number.
///
/// The program expects the lowest free number. The node has it, because it was opened
/// before anything else. When the instance exists, under another number, `dup3` puts it
/// in place of the node in one step. The number is never free meanwhile, so no other
/// thread can get it, and no descriptor of another thread can be replaced by mistake.
/// This needs one more free descriptor than epoll does, for a moment: if only one is
/// left, it fails with `EMFILE`. A child that is forked in that moment would keep one
/// descriptor too many: see [`fork`].
fn instance(flags: c_int) -> Answer {
    let control = open_control();
    if control < 0 {
        return control;
    }
    let control = control as usize;
    let mut create = uapi::repoll_create {
        // Close the temporary number in any case, whatever `flags` are.
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
    // `dup3` has the same value for the only flag. The node is open and has another
    // number, so this does not fail.
    let moved = descriptors(libc::SYS_dup3, [made, control, int(flags)]);
    close(made);
    moved
}

fn close(fd: usize) {
    descriptors(libc::SYS_close, [fd, 0, 0]);
}

/// A system call on descriptors that belong to this library.
fn descriptors(number: c_long, [a, b, c]: [usize; 3]) -> Answer {
    // SAFETY: No address is passed, and nobody else uses these descriptors.
    unsafe { call(number, &[a, b, c, 0, 0, 0]) }
}
