// SPDX-License-Identifier: MIT OR Apache-2.0

//! `pthread_cancel(3)`, with the signal that ends a wait and its handler.
//!
//! musl and glibc since 2.41 send that signal to every thread that may be cancelled. glibc from
//! 2.36 on sent it only to those with asynchronous cancellation, which its own waits had
//! and those of this library have not: there it is sent here.
//!
//! # The handler
//!
//! libc makes its handler known to the kernel when a thread is cancelled for the first time. This
//! library then puts its own handler in that place, which does what [`crate::window`] needs and
//! calls libc's. All else about the signal stays as libc wants it.
//!
//! The first signal may have come before that, and have had no effect on a thread that was about
//! to sleep. So the first signal is sent again here. If the thread forbids to be cancelled, that
//! may interrupt one of its system calls, as glibc before 2.36 and musl always do.
//!
//! A signal that is sent here says that it comes from `sigqueue`. glibc's handler ignores such
//! signals. It would not do to have it take them for its own: until 2.40 it marks any thread
//! that gets one as cancelled, and that of 2.41 ends a thread of asynchronous cancellation even
//! if the thread forbids to be cancelled.

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

/// The first glibc that sends the signal, of major version 2.
const SENDS: u32 = 41;

/// The signal, one of those that libc keeps to itself.
const SIGNAL_OF_GLIBC: c_int = 32;
const SIGNAL_OF_MUSL: c_int = 33;

/// The function that this one stands in for.
static NEXT: AtomicPtr<c_void> = AtomicPtr::new(ptr::null_mut());

static SIGNAL: AtomicI32 = AtomicI32::new(SIGNAL_OF_GLIBC);

/// Whether the signal has to be sent here.
static LACKS_SIGNAL: AtomicBool = AtomicBool::new(false);

/// libc's handler, once the one here is in its place.
static HANDLER: AtomicUsize = AtomicUsize::new(0);

/// Whether the handler is in its place for good: libc does not make its own known again.
static READY: AtomicBool = AtomicBool::new(false);

/// Finds out what libc does.
pub(crate) fn load() {
    let version = threads::find(c"gnu_get_libc_version");
    if version.is_null() {
        SIGNAL.store(SIGNAL_OF_MUSL, Relaxed);
    } else {
        // SAFETY: It is the function of that name, which has this type.
        let version =
            unsafe { mem::transmute::<*mut c_void, extern "C" fn() -> *const c_char>(version) };
        // SAFETY: It returns a C string, which is there for ever.
        let version = unsafe { CStr::from_ptr(version()) };
        let lacks = minor(version.to_bytes()).is_some_and(|minor| minor < SENDS);
        LACKS_SIGNAL.store(lacks, Relaxed);
    }
    // SAFETY: The name is a C string.
    let next = unsafe { libc::dlsym(libc::RTLD_NEXT, c"pthread_cancel".as_ptr()) };
    NEXT.store(next, Release);
}

/// The second number of a version whose first is 2.
fn minor(version: &[u8]) -> Option<u32> {
    let minor = version.strip_prefix(b"2.")?;
    let mut digits = minor.iter().take_while(|digit| digit.is_ascii_digit());
    digits.try_fold(0u32, |minor, digit| {
        minor.checked_mul(10)?.checked_add(u32::from(digit - b'0'))
    })
}

/// The function that this one stands in for. The constructor of another library may need it before
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
    // The thread may be over, and its name with it, unless somebody is to join it.
    let id = (!is_ready || LACKS_SIGNAL.load(Relaxed))
        .then(|| id_of(thread))
        .flatten();
    let error = if is_ready {
        // SAFETY: It is the function of that name, which has this type.
        let next = unsafe { mem::transmute::<*mut c_void, Function>(next) };
        next(thread)
    } else {
        // SAFETY: As before.
        unsafe { first(next, thread) }
    };
    // Where libc has no handler, the signal would end the process.
    if let (0, true, Some(id)) = (error, READY.load(Acquire), id) {
        signals::send(SIGNAL.load(Relaxed), id);
    }
    error
}

/// Calls libc's function while that may make its handler known, and puts the one here in its place.
///
/// Threads take turns, since in several such calls at once libc makes its handler known several
/// times. A thread that is itself cancelled meanwhile, asynchronously, ends after its turn.
///
/// # Safety
///
/// It is the function, and the thread is good for it.
unsafe extern "C-unwind" fn first(next: *mut c_void, thread: pthread_t) -> c_int {
    // It does not unwind if cancellation is deferred.
    type Function = extern "C" fn(pthread_t) -> c_int;
    // SAFETY: The caller vouches for it.
    let next = unsafe { mem::transmute::<*mut c_void, Function>(next) };
    let mut kind = PTHREAD_CANCEL_DEFERRED;
    // SAFETY: The thread's own state.
    unsafe { pthread_setcanceltype(PTHREAD_CANCEL_DEFERRED, &mut kind) };
    let error = fork::apart(|| {
        let error = next(thread);
        put_in_place();
        error
    });
    // SAFETY: As before; nothing is to be dropped.
    unsafe { pthread_setcanceltype(kind, ptr::null_mut()) };
    error
}

/// Puts the handler in the place of libc's, if that is there. glibc makes none known for a thread
/// that is over.
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
        // SAFETY: It is a handler, and calls libc's in the way of the kernel.
        unsafe { signals::set_action(signal, &action) };
    }
    READY.store(true, Release);
}

/// Handles the signal. If cancellation is asynchronous, it does not return, and is unwound.
///
/// # Safety
///
/// The kernel calls it.
unsafe extern "C-unwind" fn handler(
    signal: c_int,
    information: *mut siginfo_t,
    context: *mut c_void,
) {
    type Handler = unsafe extern "C-unwind" fn(c_int, *mut siginfo_t, *mut c_void);
    // SAFETY: This is the handler. All actions of libc's have the signal blocked meanwhile.
    unsafe { window::interrupted(signal, context.cast()) };
    let libcs: *const c_void = ptr::with_exposed_provenance(HANDLER.load(Acquire));
    // SAFETY: It is libc's handler, which takes all three.
    unsafe { mem::transmute::<*const c_void, Handler>(libcs)(signal, information, context) }
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
        // SAFETY: It takes nothing.
        let me = unsafe { libc::pthread_self() };
        assert_eq!(id_of(me), Some(signals::thread()));
    }
}
