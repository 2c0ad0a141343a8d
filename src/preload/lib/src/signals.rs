// SPDX-License-Identifier: MIT OR Apache-2.0

//! Signals and their actions.
//!
//! This file makes system calls, because libc's functions exclude the signals that libc
//! reserves.

use crate::kernel::{call, int, Answer};
use core::{mem::size_of, ptr};
use libc::{c_int, pid_t};

/// The size of the kernel's signal set, which is not that of `sigset_t`.
const SET_SIZE: usize = size_of::<u64>();

/// The kernel's `struct sigaction`, which is not libc's.
#[derive(Default)]
#[repr(C)]
pub(crate) struct Action {
    /// The address of a function, or `SIG_DFL` or `SIG_IGN`.
    pub(crate) handler: usize,
    flags: u64,
    restorer: usize,
    mask: u64,
}

/// The kernel's `siginfo_t`, in the form for a signal that a process sends.
#[derive(Default)]
#[repr(C)]
struct Information {
    signal: c_int,
    errno: c_int,
    code: c_int,
    __pad: c_int,
    process: pid_t,
    user: u32,
    value: u64,
    __rest: [u64; 12],
}

/// The set with this signal.
pub(crate) const fn set_of(signal: c_int) -> u64 {
    1 << (signal - 1)
}

/// Blocks these signals and no others. Returns the set that was blocked before.
pub(crate) fn replace(set: u64) -> u64 {
    let mut before = 0u64;
    let arguments = [
        int(libc::SIG_SETMASK),
        ptr::from_ref(&set).expose_provenance(),
        ptr::from_mut(&mut before).expose_provenance(),
        SET_SIZE,
        0,
        0,
    ];
    // SAFETY: It reads one set and writes another.
    unsafe { call(libc::SYS_rt_sigprocmask, &arguments) };
    before
}

/// The action of a signal.
pub(crate) fn action(signal: c_int) -> Action {
    let mut action = Action::default();
    let place = ptr::from_mut(&mut action).expose_provenance();
    // SAFETY: It writes an action.
    unsafe { sigaction(signal, 0, place) };
    action
}

/// Changes the action of a signal.
///
/// # Safety
///
/// The handler must be a signal handler that is valid for this signal.
pub(crate) unsafe fn set_action(signal: c_int, action: &Action) {
    let place = ptr::from_ref(action).expose_provenance();
    // SAFETY: It reads an action; the caller vouches for that.
    unsafe { sigaction(signal, place, 0) };
}

unsafe fn sigaction(signal: c_int, new: usize, old: usize) -> Answer {
    let arguments = [int(signal), new, old, SET_SIZE, 0, 0];
    // SAFETY: The caller vouches for the call.
    unsafe { call(libc::SYS_rt_sigaction, &arguments) }
}

/// Sends a signal to a thread of this process, as `pthread_sigqueue` does.
pub(crate) fn send(signal: c_int, thread: pid_t) {
    // SAFETY: It takes no arguments.
    let process = unsafe { call(libc::SYS_getpid, &[0; 6]) } as pid_t;
    let information = Information {
        signal,
        code: libc::SI_QUEUE,
        process,
        ..Default::default()
    };
    let place = ptr::from_ref(&information).expose_provenance();
    let arguments = [int(process), int(thread), int(signal), place, 0, 0];
    // SAFETY: It reads the information.
    unsafe { call(libc::SYS_rt_tgsigqueueinfo, &arguments) };
}

/// The kernel's ID of the calling thread.
pub(crate) fn thread() -> pid_t {
    // SAFETY: It takes no arguments.
    unsafe { call(libc::SYS_gettid, &[0; 6]) as pid_t }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_structures_are_the_kernels() {
        assert_eq!(size_of::<Action>(), 32);
        assert_eq!(size_of::<Information>(), size_of::<libc::siginfo_t>());
    }
}
