// SPDX-License-Identifier: MIT OR Apache-2.0

//! `pthread_cancel(3)`: the signal that ends a wait, and its handler.
//!
//! musl, and glibc since 2.41, send that signal to every thread that can be cancelled. From 2.36 to
//! 2.40, glibc sent it only to threads with asynchronous cancellation. glibc's own waits used this
//! type, but those of this library do not. With these versions, the library itself sends the
//! signal.
//!
//! # The handler
//!
//! libc registers its handler with the kernel when it cancels a thread for the first time. Then
//! this library replaces it with a handler that does what [`crate::window`] needs and calls libc's
//! handler. All other properties of the signal stay as libc set them.
//!
//! The first signal may come before the handler is replaced. It then has no effect on a thread that
//! is about to sleep, so the library sends the first signal again. If the thread has disabled
//! cancellation, this may interrupt one of its system calls, as glibc before 2.36 and musl always
//! do.
//!
//! A signal from this library is marked as one from `sigqueue`, which glibc's handler ignores. The
//! handler must not take it for its own: up to 2.40 it marks any thread that receives one as
//! cancelled, and in 2.41 it ends a thread with asynchronous cancellation even if that thread has
//! disabled cancellation.

use crate::{fork, signals, threads, window};
use core::{
    ffi::CStr,
    mem, ptr,
    sync::atomic::{
        AtomicBool, AtomicI32, AtomicPtr, AtomicUsize,
        Ordering::{Acquire, Relaxed, Release},
    },
};
use libc::{c_char, c_int, c_void, clockid_t, pid_t, pthread_t, siginfo_t};

extern "C" {
    fn pthread_getcpuclockid(thread: pthread_t, clock: *mut clockid_t) -> c_int;
}

extern "C-unwind" {
    fn pthread_setcanceltype(kind: c_int, before: *mut c_int) -> c_int;
}

const PTHREAD_CANCEL_DEFERRED: c_int = 0;

/// The minor version of the first glibc that sends the signal; the major version is 2.
const SENDS: u32 = 41;

/// The signal, one of those that libc reserves.
const SIGNAL_OF_GLIBC: c_int = 32;
const SIGNAL_OF_MUSL: c_int = 33;

/// The function that this library replaces.
static NEXT: AtomicPtr<c_void> = AtomicPtr::new(ptr::null_mut());

static SIGNAL: AtomicI32 = AtomicI32::new(SIGNAL_OF_GLIBC);

/// Whether this library has to send the signal.
static LACKS_SIGNAL: AtomicBool = AtomicBool::new(false);

/// libc's handler, once it has been replaced.
static HANDLER: AtomicUsize = AtomicUsize::new(0);

/// Whether the handler has been replaced for good: libc does not register its own again.
static READY: AtomicBool = AtomicBool::new(false);

/// Finds out what libc does.
pub(crate) fn load() {
    let version = threads::find(c"gnu_get_libc_version");
    if version.is_null() {
        SIGNAL.store(SIGNAL_OF_MUSL, Relaxed);
    } else {
        // SAFETY: It is the function with this name, which has this type.
        let version =
            unsafe { mem::transmute::<*mut c_void, extern "C" fn() -> *const c_char>(version) };
        // SAFETY: It returns a C string that is never freed.
        let version = unsafe { CStr::from_ptr(version()) };
        let lacks = minor(version.to_bytes()).is_some_and(|minor| minor < SENDS);
        LACKS_SIGNAL.store(lacks, Relaxed);
    }
    // SAFETY: The name is a C string.
    let next = unsafe { libc::dlsym(libc::RTLD_NEXT, c"pthread_cancel".as_ptr()) };
    NEXT.store(next, Release);
}

/// The minor version, if the major version is 2.
fn minor(version: &[u8]) -> Option<u32> {
    let minor = version.strip_prefix(b"2.")?;
    let mut digits = minor.iter().take_while(|digit| digit.is_ascii_digit());
    digits.try_fold(0u32, |minor, digit| {
        minor.checked_mul(10)?.checked_add(u32::from(digit - b'0'))
    })
}

/// The function that this library replaces. The constructor of another library may need it before
/// [`load`] is called.
pub(crate) fn next() -> *mut c_void {
    if NEXT.load(Acquire).is_null() {
        load();
    }
    NEXT.load(Relaxed)
}

/// `pthread_cancel(3)`.
///
/// # Safety
///
/// That of libc's function.
#[no_mangle]
pub unsafe extern "C-unwind" fn pthread_cancel(thread: pthread_t) -> c_int {
    type Function = extern "C-unwind" fn(pthread_t) -> c_int;
    let next = next();
    let is_ready = READY.load(Acquire);
    // The thread, and its ID, may be gone, unless another thread will join it.
    let id = (!is_ready || LACKS_SIGNAL.load(Relaxed))
        .then(|| id_of(thread))
        .flatten();
    let error = if is_ready {
        // SAFETY: It is the function with this name, which has this type.
        let next = unsafe { mem::transmute::<*mut c_void, Function>(next) };
        next(thread)
    } else {
        // SAFETY: As before.
        unsafe { first(next, thread) }
    };
    // If libc has no handler, the signal would end the process.
    if let (0, true, Some(id)) = (error, READY.load(Acquire), id) {
        signals::send(SIGNAL.load(Relaxed), id);
    }
    error
}

/// Calls libc's function while that may register its handler, and replaces the handler.
///
/// Threads take turns, because libc registers its handler several times if several such calls run
/// at once. A thread that is itself cancelled meanwhile, asynchronously, ends after its turn.
///
/// # Safety
///
/// `next` is libc's function, and the thread is valid for it.
unsafe extern "C-unwind" fn first(next: *mut c_void, thread: pthread_t) -> c_int {
    // It does not unwind while cancellation is deferred.
    type Function = extern "C" fn(pthread_t) -> c_int;
    // SAFETY: The caller vouches for it.
    let next = unsafe { mem::transmute::<*mut c_void, Function>(next) };
    let mut kind = PTHREAD_CANCEL_DEFERRED;
    // SAFETY: It changes the thread's own state.
    unsafe { pthread_setcanceltype(PTHREAD_CANCEL_DEFERRED, &mut kind) };
    let error = fork::apart(|| {
        let error = next(thread);
        put_in_place();
        error
    });
    // SAFETY: As before; there is nothing to drop.
    unsafe { pthread_setcanceltype(kind, ptr::null_mut()) };
    error
}

/// Replaces libc's handler, if it is registered. glibc does not register it for a thread that has
/// ended.
fn put_in_place() {
    let signal = SIGNAL.load(Relaxed);
    let own = (handler as *const ()).expose_provenance();
    let mut action = signals::action(signal);
    if matches!(action.handler, libc::SIG_DFL | libc::SIG_IGN) {
        return;
    }
    if action.handler != own {
        HANDLER.store(action.handler, Release);
        action.handler = own;
        // SAFETY: It is a handler, and calls libc's as the kernel would.
        unsafe { signals::set_action(signal, &action) };
    }
    READY.store(true, Release);
}

/// Handles the signal. If cancellation is asynchronous, it does not return but is unwound.
///
/// # Safety
///
/// Only the kernel calls it.
unsafe extern "C-unwind" fn handler(
    signal: c_int,
    information: *mut siginfo_t,
    context: *mut c_void,
) {
    type Handler = unsafe extern "C-unwind" fn(c_int, *mut siginfo_t, *mut c_void);
    // SAFETY: This is the handler. libc's actions all block the signal while it runs.
    unsafe { window::interrupted(signal, context.cast()) };
    let libcs: *const c_void = ptr::with_exposed_provenance(HANDLER.load(Acquire));
    // SAFETY: It is libc's handler, which takes all three arguments.
    unsafe { mem::transmute::<*const c_void, Handler>(libcs)(signal, information, context) }
}

/// The kernel's ID of the thread. libc returns it as part of the ID of the thread's clock, in the
/// kernel's format.
fn id_of(thread: pthread_t) -> Option<pid_t> {
    /// The bits below the thread ID: they mark the clock of a thread, and what it counts.
    const KIND_BITS: u32 = 3;

    let mut clock: clockid_t = 0;
    // SAFETY: The caller of `pthread_cancel` guarantees that the thread exists.
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
        // SAFETY: It takes no arguments.
        let me = unsafe { libc::pthread_self() };
        assert_eq!(id_of(me), Some(signals::thread()));
    }
}
