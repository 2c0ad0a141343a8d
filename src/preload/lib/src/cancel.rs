// SPDX-License-Identifier: MIT OR Apache-2.0

//! `pthread_cancel(3)`, with the signal that ends a wait.
//!
//! glibc has sent that signal to every thread that may be cancelled since 2.41, and musl
//! always has. Before, glibc sent it only to those with asynchronous cancellation, which its own
//! waits had and those of this library have not: there it is sent here. In any other place it
//! finds deferred cancellation, and does nothing.

use crate::{
    kernel::{
        call,
        int, //
    },
    threads, //
};
use core::{
    ffi::CStr,
    mem,
    ptr,
    sync::atomic::{
        AtomicBool,
        AtomicPtr,
        Ordering::Relaxed, //
    }, //
};
use libc::{
    c_char,
    c_int,
    c_void,
    clockid_t,
    pid_t,
    pthread_t, //
};

extern "C" {
    fn pthread_getcpuclockid(thread: pthread_t, clock: *mut clockid_t) -> c_int;
}

/// The first glibc that sends the signal, of major version 2.
const SENDS: u32 = 41;

/// glibc's signal.
const SIGCANCEL: c_int = 32;

/// The function that this one stands in for.
static NEXT: AtomicPtr<c_void> = AtomicPtr::new(ptr::null_mut());

/// Whether the signal has to be sent here.
static LACKS_SIGNAL: AtomicBool = AtomicBool::new(false);

fn next() -> *mut c_void {
    // SAFETY: The name is a C string.
    unsafe { libc::dlsym(libc::RTLD_NEXT, c"pthread_cancel".as_ptr()) }
}

/// Finds out what libc does.
pub(crate) fn load() {
    NEXT.store(next(), Relaxed);
    let version = threads::find(c"gnu_get_libc_version");
    if version.is_null() {
        return;
    }
    // SAFETY: It is the function of that name, which has this type.
    let version =
        unsafe { mem::transmute::<*mut c_void, extern "C" fn() -> *const c_char>(version) };
    // SAFETY: It returns a C string, which is there for ever.
    let version = unsafe { CStr::from_ptr(version()) };
    let lacks = minor(version.to_bytes()).is_some_and(|minor| minor < SENDS);
    LACKS_SIGNAL.store(lacks, Relaxed);
}

/// The second number of a version whose first is 2.
fn minor(version: &[u8]) -> Option<u32> {
    let minor = version.strip_prefix(b"2.")?;
    let mut digits = minor.iter().take_while(|digit| digit.is_ascii_digit());
    digits.try_fold(0u32, |minor, digit| {
        minor.checked_mul(10)?.checked_add(u32::from(digit - b'0'))
    })
}

/// `pthread_cancel(3)`.
///
/// # Safety
///
/// That of libc's function.
#[no_mangle]
pub unsafe extern "C-unwind" fn pthread_cancel(thread: pthread_t) -> c_int {
    let mut next_one = NEXT.load(Relaxed);
    if next_one.is_null() {
        next_one = next();
    }
    type Function = extern "C-unwind" fn(pthread_t) -> c_int;
    // SAFETY: It is the function of that name, which has this type.
    let next_one = unsafe { mem::transmute::<*mut c_void, Function>(next_one) };
    // The thread may be over, and its name with it, unless somebody is to join it.
    let id = LACKS_SIGNAL.load(Relaxed).then(|| id_of(thread)).flatten();
    let error = next_one(thread);
    if let (0, Some(id)) = (error, id) {
        // SAFETY: They take numbers.
        unsafe {
            let process = call(libc::SYS_getpid, &[0; 6]) as usize;
            let signal = int(SIGCANCEL);
            call(libc::SYS_tgkill, &[process, int(id), signal, 0, 0, 0]);
        }
    }
    error
}

/// What the kernel knows a thread by. libc tells it as a part of the name of the thread's
/// clock, in the kernel's own form.
fn id_of(thread: pthread_t) -> Option<pid_t> {
    /// Below the number: that the clock is a thread's, and what it counts.
    const KIND_BITS: u32 = 3;

    let mut clock: clockid_t = 0;
    // SAFETY: The caller of `pthread_cancel` says that there is such a thread.
    let error = unsafe { pthread_getcpuclockid(thread, &mut clock) };
    (error == 0).then_some(!(clock >> KIND_BITS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_number() {
        assert_eq!(minor(b"2.36"), Some(36));
        assert_eq!(minor(b"2.41.9000"), Some(41));
        assert_eq!(minor(b"2.4"), Some(4));
        assert_eq!(minor(b"3.1"), None);
    }

    #[test]
    fn a_thread_has_the_number_that_the_kernel_gave_it() {
        // SAFETY: They take nothing.
        let (me, id) = unsafe { (libc::pthread_self(), libc::gettid()) };
        assert_eq!(id_of(me), Some(id));
    }
}
