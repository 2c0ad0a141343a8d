// SPDX-License-Identifier: MIT OR Apache-2.0

//! The signals that a thread has blocked.
//!
//! By system calls: libc's functions leave out the signals that it keeps to itself.

use crate::kernel::{
    call,
    int, //
};
use core::{
    mem::size_of,
    ptr, //
};
use libc::c_int;

/// The size of the kernel's signal set, which is not that of `sigset_t`.
pub(crate) const SET_SIZE: usize = size_of::<u64>();

/// The set with this signal.
pub(crate) const fn set_of(signal: u32) -> u64 {
    1 << (signal - 1)
}

/// Blocks these, too. Returns what was blocked before.
pub(crate) fn block(set: u64) -> u64 {
    change(libc::SIG_BLOCK, set)
}

/// Blocks these no more.
pub(crate) fn unblock(set: u64) {
    change(libc::SIG_UNBLOCK, set);
}

/// Blocks these and no others. Returns what was blocked before.
pub(crate) fn replace(set: u64) -> u64 {
    change(libc::SIG_SETMASK, set)
}

fn change(how: c_int, set: u64) -> u64 {
    let mut before = 0u64;
    let arguments = [
        int(how),
        ptr::from_ref(&set).expose_provenance(),
        ptr::from_mut(&mut before).expose_provenance(),
        SET_SIZE,
        0,
        0,
    ];
    // SAFETY: It reads a set, and writes another.
    unsafe { call(libc::SYS_rt_sigprocmask, &arguments) };
    before
}
