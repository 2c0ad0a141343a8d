// SPDX-License-Identifier: MIT OR Apache-2.0

//! The functions that programs call instead of libc's.
//!
//! They are safe to call with any arguments: they only pass addresses on to the kernel.

use crate::{
    create,
    ctl::ctl,
    kernel::{call, error, int, to_libc, Arguments},
    observer,
    settings::settings,
    valgrind::filled,
    wait::Wait,
};
use libc::{c_int, c_long, epoll_event, sigset_t, timespec};

/// The size of the kernel's signal set, which is not that of `sigset_t`.
const KERNEL_SIGSET_SIZE: usize = 8;

/// `epoll_create(2)`.
#[no_mangle]
pub extern "C" fn epoll_create(size: c_int) -> c_int {
    to_libc(create::create(size)) as c_int
}

/// `epoll_create1(2)`.
#[no_mangle]
pub extern "C" fn epoll_create1(flags: c_int) -> c_int {
    to_libc(create::create1(flags)) as c_int
}

/// `epoll_ctl(2)`.
#[no_mangle]
pub extern "C" fn epoll_ctl(epfd: c_int, op: c_int, fd: c_int, event: *mut epoll_event) -> c_int {
    to_libc(ctl(epfd, op, fd, event.expose_provenance())) as c_int
}

/// `epoll_wait(2)`.
#[no_mangle]
pub extern "C-unwind" fn epoll_wait(
    epfd: c_int,
    events: *mut epoll_event,
    maxevents: c_int,
    timeout: c_int,
) -> c_int {
    let events = events.expose_provenance();
    let arguments = [int(epfd), events, int(maxevents), int(timeout), 0, 0];
    let wait = Wait::new(libc::SYS_epoll_wait, arguments);
    to_libc(filled(events, wait.run_cancellable())) as c_int
}

/// `epoll_pwait(2)`.
#[no_mangle]
pub extern "C-unwind" fn epoll_pwait(
    epfd: c_int,
    events: *mut epoll_event,
    maxevents: c_int,
    timeout: c_int,
    sigmask: *const sigset_t,
) -> c_int {
    let events = events.expose_provenance();
    let arguments = [
        int(epfd),
        events,
        int(maxevents),
        int(timeout),
        sigmask.expose_provenance(),
        KERNEL_SIGSET_SIZE,
    ];
    let wait = Wait::new(libc::SYS_epoll_pwait, arguments);
    to_libc(filled(events, wait.run_cancellable())) as c_int
}

/// `epoll_pwait2(2)`.
#[no_mangle]
pub extern "C-unwind" fn epoll_pwait2(
    epfd: c_int,
    events: *mut epoll_event,
    maxevents: c_int,
    timeout: *const timespec,
    sigmask: *const sigset_t,
) -> c_int {
    let events = events.expose_provenance();
    let arguments = [
        int(epfd),
        events,
        int(maxevents),
        timeout.expose_provenance(),
        sigmask.expose_provenance(),
        KERNEL_SIGSET_SIZE,
    ];
    let wait = Wait::new(libc::SYS_epoll_pwait2, arguments);
    to_libc(filled(events, wait.run_cancellable())) as c_int
}

/// `syscall(2)`. Some runtimes call epoll with it, and Node.js's runtime sets up
/// io_uring.
///
/// In C it takes as many arguments as the system call has. As in libc, all six are read
/// from where they would be, and the kernel ignores those that the call does not have.
///
/// # Safety
///
/// That of the system call.
#[no_mangle]
pub unsafe extern "C" fn syscall(
    number: c_long,
    a: usize,
    b: usize,
    c: usize,
    d: usize,
    e: usize,
    f: usize,
) -> c_long {
    let arguments: Arguments = [a, b, c, d, e, f];
    to_libc(match number {
        libc::SYS_epoll_create => create::create(a as c_int),
        libc::SYS_epoll_create1 => create::create1(a as c_int),
        libc::SYS_epoll_ctl => ctl(a as c_int, b as c_int, c as c_int, d),
        libc::SYS_epoll_wait => filled(b, Wait::new(number, [a, b, c, d, 0, 0]).run()),
        libc::SYS_epoll_pwait | libc::SYS_epoll_pwait2 => {
            filled(b, Wait::new(number, arguments).run())
        }
        libc::SYS_io_uring_setup if !settings().allows_io_uring() => error(libc::ENOSYS),
        _ => {
            observer::before_call(number, &arguments);
            // SAFETY: The caller vouches for the call.
            unsafe { call(number, &arguments) }
        }
    })
}
