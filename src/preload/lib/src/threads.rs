// SPDX-License-Identifier: MIT OR Apache-2.0

//! What libc tells about the process's threads.

use crate::signals;
use core::{
    ffi::CStr,
    ptr,
    sync::atomic::{
        AtomicPtr,
        AtomicU64,
        Ordering::Relaxed, //
    }, //
};
use libc::{
    c_char,
    c_void, //
};

/// libc's, which is not 0 while there is one thread. Null if it has none, as musl.
static SINGLE_THREADED: AtomicPtr<c_char> = AtomicPtr::new(ptr::null_mut());

/// The signal by which `pthread_cancel` reaches a thread, as a set. It is one of those
/// that libc keeps to itself.
static CANCEL: AtomicU64 = AtomicU64::new(signals::set_of(32));

/// The same of musl.
const CANCEL_OF_MUSL: u64 = signals::set_of(33);

/// Something of libc's, or null.
pub(crate) fn find(name: &CStr) -> *mut c_void {
    // SAFETY: The name is a C string.
    unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) }
}

/// Finds what has to be known of libc.
pub(crate) fn load() {
    SINGLE_THREADED.store(find(c"__libc_single_threaded").cast(), Relaxed);
    if find(c"gnu_get_libc_version").is_null() {
        CANCEL.store(CANCEL_OF_MUSL, Relaxed);
    }
}

/// Whether there is no other thread, for sure.
#[inline(always)]
pub(crate) fn is_alone() -> bool {
    let single = SINGLE_THREADED.load(Relaxed);
    // SAFETY: libc's, for as long as the process lives.
    !single.is_null() && unsafe { single.read_volatile() } != 0
}

/// The set with the signal of `pthread_cancel`.
pub(crate) fn cancel_signal() -> u64 {
    CANCEL.load(Relaxed)
}
