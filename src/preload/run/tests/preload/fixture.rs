// SPDX-License-Identifier: GPL-2.0

//! Parts that tests share, and what keeps tests apart.

use crate::epoll::{Call, Way};
use libc::c_int;
use std::{
    mem::zeroed,
    ptr::null_mut,
    sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

/// The two ways that may use something other than the kernel's epoll.
pub const WAYS: [Way; 2] = [Way::Function, Way::Syscall];

/// All calls that wait.
pub const WAITS: [Call; 3] = [Call::Wait, Call::Pwait, Call::Pwait2];

/// An address that can neither be read nor written.
pub fn hole() -> usize {
    // SAFETY: It creates a new mapping.
    let hole = unsafe {
        libc::mmap(
            null_mut(),
            4096,
            libc::PROT_NONE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            -1,
            0,
        )
    };
    assert_ne!(hole, libc::MAP_FAILED);
    hole as usize
}

/// An address of the kernel.
pub const KERNEL_ADDRESS: usize = -4096isize as usize;

static ROOM: RwLock<()> = RwLock::new(());

/// Prevents other tests from opening descriptors, forking and receiving signals
/// meanwhile. Each test that calls epoll in this process begins with it.
pub fn alone() -> RwLockWriteGuard<'static, ()> {
    ROOM.write().unwrap_or_else(PoisonError::into_inner)
}

/// Waits until no test runs that needs to be alone. Each test that starts other programs
/// begins with it.
pub fn together() -> RwLockReadGuard<'static, ()> {
    ROOM.read().unwrap_or_else(PoisonError::into_inner)
}

/// A set with only this signal.
pub fn signal_set(signal: c_int) -> libc::sigset_t {
    // SAFETY: It is emptied before it is used.
    unsafe {
        let mut set = zeroed();
        libc::sigemptyset(&mut set);
        libc::sigaddset(&mut set, signal);
        set
    }
}
