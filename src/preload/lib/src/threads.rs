// SPDX-License-Identifier: MIT OR Apache-2.0

//! What libc tells about the process's threads.

use core::{
    ffi::CStr,
    ptr,
    sync::atomic::{AtomicPtr, Ordering::Relaxed},
};
use libc::{c_char, c_void};

/// libc's, which is not 0 while there is one thread. Null if it has none, as musl.
static SINGLE_THREADED: AtomicPtr<c_char> = AtomicPtr::new(ptr::null_mut());

/// Something of libc's, or null.
pub(crate) fn find(name: &CStr) -> *mut c_void {
    // SAFETY: The name is a C string.
    unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) }
}

/// Finds what has to be known of libc.
pub(crate) fn load() {
    SINGLE_THREADED.store(find(c"__libc_single_threaded").cast(), Relaxed);
}

/// Whether there is no other thread, for sure.
#[inline(always)]
pub(crate) fn is_alone() -> bool {
    let single = SINGLE_THREADED.load(Relaxed);
    // SAFETY: libc's, for as long as the process lives.
    !single.is_null() && unsafe { single.read_volatile() } != 0
}
