// SPDX-License-Identifier: GPL-2.0

//! Threads of libc, which can be cancelled; and checks whether a thread sleeps.

use libc::{c_int, c_void, pid_t, pthread_t};
use std::{
    fs,
    mem::MaybeUninit,
    ptr::{null, null_mut},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// A time that passes only if a test fails.
const PATIENCE: Duration = Duration::from_secs(30);

/// The result of joining a cancelled thread.
pub const CANCELED: *mut c_void = -1isize as *mut c_void;

pub type Start = extern "C-unwind" fn(*mut c_void) -> *mut c_void;

extern "C-unwind" {
    fn pthread_create(
        thread: *mut pthread_t,
        attributes: *const libc::pthread_attr_t,
        start: Start,
        argument: *mut c_void,
    ) -> c_int;
    fn pthread_timedjoin_np(
        thread: pthread_t,
        result: *mut *mut c_void,
        until: *const libc::timespec,
    ) -> c_int;
}

/// Starts a thread with an argument that is valid for its function.
pub fn create(function: Start, argument: *mut c_void) -> pthread_t {
    let mut thread = MaybeUninit::uninit();
    // SAFETY: The caller vouches for the argument.
    unsafe {
        let error = pthread_create(thread.as_mut_ptr(), null(), function, argument);
        assert_eq!(error, 0);
        thread.assume_init()
    }
}

pub fn cancel(thread: pthread_t) {
    // SAFETY: It has not been joined.
    assert_eq!(unsafe { libc::pthread_cancel(thread) }, 0);
}

/// Waits for the thread to end, but not for ever: a thread that cannot be cancelled does
/// not end.
pub fn join(thread: pthread_t) -> *mut c_void {
    let until = SystemTime::now() + PATIENCE;
    let until = libc::timespec {
        tv_sec: until.duration_since(UNIX_EPOCH).unwrap().as_secs() as i64,
        tv_nsec: 0,
    };
    let mut result = null_mut();
    // SAFETY: It has not been joined.
    let error = unsafe { pthread_timedjoin_np(thread, &mut result, &until) };
    assert_eq!(error, 0);
    result
}

/// The ID of the calling thread.
pub fn thread_id() -> pid_t {
    // SAFETY: It takes no arguments.
    unsafe { libc::gettid() }
}

/// Whether the thread sleeps in a wait of either kind.
pub fn is_asleep(tid: pid_t) -> bool {
    let waits = [
        libc::SYS_epoll_wait,
        libc::SYS_epoll_pwait,
        libc::SYS_epoll_pwait2,
        libc::SYS_fadvise64,
        libc::SYS_ioctl,
    ];
    // It reads "running" unless the thread sleeps.
    let call = fs::read_to_string(format!("/proc/self/task/{tid}/syscall")).unwrap();
    let number = call.split(' ').next().unwrap().parse();
    number.is_ok_and(|number| waits.contains(&number))
}
