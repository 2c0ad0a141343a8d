// SPDX-License-Identifier: MIT OR Apache-2.0

//! What libc reports about the threads of the process.

use core::{
    ffi::CStr,
    ptr,
    sync::atomic::{AtomicPtr, Ordering::Relaxed},
};
use libc::{c_char, c_void};

/// libc's variable, which is not 0 while there is one thread. Null if libc has none, as
/// musl.
static SINGLE_THREADED: AtomicPtr<c_char> = AtomicPtr::new(ptr::null_mut());

/// The address of a symbol of libc, or null.
pub(crate) fn find(name: &CStr) -> *mut c_void {
    // SAFETY: The name is a C string.
    unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) }
}

/// Looks up what this file needs from libc.
pub(crate) fn load() {
    SINGLE_THREADED.store(find(c"__libc_single_threaded").cast(), Relaxed);
}

/// Whether this is certainly the only thread.
#[inline(always)]
pub(crate) fn is_alone() -> bool {
    let single = SINGLE_THREADED.load(Relaxed);
    // SAFETY: It belongs to libc, which stays loaded.
    !single.is_null() && unsafe { single.read_volatile() } != 0
}
