// SPDX-License-Identifier: MIT OR Apache-2.0

//! Prevents a fork between the steps that create something.
//!
//! A thread takes a lock for these steps, and so does a thread that forks. Signal handlers may do
//! both safely: a thread that holds the lock, or is about to take it, has blocked all signals. A
//! child never finds the lock taken by a thread that it does not have: the lock is in memory that
//! the kernel wipes in a child, however that was forked. While there is only one thread, nobody
//! takes the lock.
//!
//! libc reports only `fork`. A child that is created by `_Fork`, or by a system call that the
//! program makes itself, may come in between.

use crate::{
    kernel::{call, int},
    signals, threads,
};
use core::{
    mem, ptr,
    sync::atomic::{
        AtomicBool, AtomicPtr, AtomicU32, AtomicU64,
        Ordering::{Acquire, Relaxed, Release},
    },
};
use libc::{c_int, c_void};

/// A lock that is held for a moment.
struct Lock(AtomicU32);

const FREE: u32 = 0;
const TAKEN: u32 = 1;
/// Another thread may sleep until the lock is free.
const WANTED: u32 = 2;

impl Lock {
    fn take(&self) {
        if self
            .0
            .compare_exchange(FREE, TAKEN, Acquire, Relaxed)
            .is_ok()
        {
            return;
        }
        while self.0.swap(WANTED, Acquire) != FREE {
            self.futex(libc::FUTEX_WAIT, WANTED);
        }
    }

    fn give(&self) {
        if self.0.swap(FREE, Release) == WANTED {
            self.futex(libc::FUTEX_WAKE, 1);
        }
    }

    fn futex(&self, operation: c_int, value: u32) {
        let word = self.0.as_ptr().expose_provenance();
        let operation = int(operation | libc::FUTEX_PRIVATE_FLAG);
        // SAFETY: It reads the word, which is never freed.
        unsafe { call(libc::SYS_futex, &[word, operation, value as usize, 0, 0, 0]) };
    }
}

/// Null if such memory is not available; then nothing prevents a fork.
static LOCK: AtomicPtr<Lock> = AtomicPtr::new(ptr::null_mut());

/// Whether the forking thread holds the lock, and the signals that it had blocked before. Only the
/// holder of the lock writes them, or the only thread.
static FORKING: AtomicBool = AtomicBool::new(false);
static BLOCKED: AtomicU64 = AtomicU64::new(0);

/// The lock, unless this is the only thread.
fn lock() -> Option<&'static Lock> {
    if threads::is_alone() {
        return None;
    }
    // SAFETY: It is null, or a lock that is never freed.
    unsafe { LOCK.load(Relaxed).as_ref() }
}

/// Runs `make` without a fork in between.
pub(crate) fn apart<T>(make: impl FnOnce() -> T) -> T {
    let Some(lock) = lock() else {
        return make();
    };
    let blocked = signals::replace(u64::MAX);
    lock.take();
    let made = make();
    lock.give();
    signals::replace(blocked);
    made
}

extern "C" fn before() {
    let Some(lock) = lock() else {
        FORKING.store(false, Relaxed);
        return;
    };
    let blocked = signals::replace(u64::MAX);
    lock.take();
    BLOCKED.store(blocked, Relaxed);
    FORKING.store(true, Relaxed);
}

extern "C" fn in_parent() {
    if !FORKING.swap(false, Relaxed) {
        return;
    }
    let blocked = BLOCKED.load(Relaxed);
    if let Some(lock) = lock() {
        lock.give();
    }
    signals::replace(blocked);
}

/// The child's lock is free already.
extern "C" fn in_child() {
    if FORKING.swap(false, Relaxed) {
        signals::replace(BLOCKED.load(Relaxed));
    }
}

/// Creates the lock, and registers the handlers of forks.
pub(crate) fn load() {
    let Some(memory) = wiped_in_children() else {
        return;
    };
    if watch(before, in_parent, in_child) {
        LOCK.store(memory.cast(), Relaxed);
    }
}

/// A page of zeros, which is wiped in a child.
fn wiped_in_children() -> Option<*mut c_void> {
    const PAGE: usize = 4096;
    let access = int(libc::PROT_READ | libc::PROT_WRITE);
    let kind = int(libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
    // SAFETY: It creates a new mapping.
    let memory = unsafe { call(libc::SYS_mmap, &[0, PAGE, access, kind, int(-1), 0]) };
    let memory = usize::try_from(memory).ok()?;
    let wiped = [memory, PAGE, int(libc::MADV_WIPEONFORK), 0, 0, 0];
    // SAFETY: It is that mapping, which nobody uses yet.
    let answer = unsafe { call(libc::SYS_madvise, &wiped) };
    (answer == 0).then(|| ptr::with_exposed_provenance_mut(memory))
}

type Handler = extern "C" fn();

/// Makes libc call these functions at each fork: before it, in the parent, and in the child.
/// Returns whether it will. Functions that are registered later are called earlier before the fork,
/// and later after it.
pub(crate) fn watch(before: Handler, in_parent: Handler, in_child: Handler) -> bool {
    // glibc provides `pthread_atfork` only for linking, and exports the first function; musl has
    // only the second one.
    let of_glibc = threads::find(c"__register_atfork");
    if !of_glibc.is_null() {
        type Register = extern "C" fn(Handler, Handler, Handler, *const c_void) -> c_int;
        // SAFETY: It is the function with this name, which has this type.
        let register = unsafe { mem::transmute::<*mut c_void, Register>(of_glibc) };
        return register(before, in_parent, in_child, ptr::null()) == 0;
    }
    let of_posix = threads::find(c"pthread_atfork");
    if of_posix.is_null() {
        return false;
    }
    type Register = extern "C" fn(Handler, Handler, Handler) -> c_int;
    // SAFETY: As above.
    let register = unsafe { mem::transmute::<*mut c_void, Register>(of_posix) };
    register(before, in_parent, in_child) == 0
}
