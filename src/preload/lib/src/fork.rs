// SPDX-License-Identifier: MIT OR Apache-2.0

//! Keeps a fork from coming between the steps by which something is made.
//!
//! A thread takes the lock for these steps, and so does one that forks. The lock is
//! no burden for signal handlers, which may do either: a thread that has it, or is about
//! to, has all signals blocked. Nor can a child find it taken by a thread that the child
//! does not have: it is in memory that the kernel wipes in a child, however that was
//! forked. As long as there is one thread nobody takes it.
//!
//! libc tells of `fork` alone. A child that is made by `_Fork` or by a system call of
//! the program's own may come in between.

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

/// A lock that is taken for an instant.
struct Lock(AtomicU32);

const FREE: u32 = 0;
const TAKEN: u32 = 1;
/// Somebody may sleep until it is free.
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
        // SAFETY: It reads the word, which is there for ever.
        unsafe { call(libc::SYS_futex, &[word, operation, value as usize, 0, 0, 0]) };
    }
}

/// Null if there is no such memory; then nothing is kept apart.
static LOCK: AtomicPtr<Lock> = AtomicPtr::new(ptr::null_mut());

/// Whether the thread that forks has the lock, and the signals that it had blocked before.
/// Whoever has the lock writes them, or the only thread.
static FORKING: AtomicBool = AtomicBool::new(false);
static BLOCKED: AtomicU64 = AtomicU64::new(0);

/// The lock, if there may be somebody else to want it.
fn lock() -> Option<&'static Lock> {
    if threads::is_alone() {
        return None;
    }
    // SAFETY: Null, or a lock that is there for ever.
    unsafe { LOCK.load(Relaxed).as_ref() }
}

/// Does something that no fork comes in between.
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

/// The child's lock is free as it is.
extern "C" fn in_child() {
    if FORKING.swap(false, Relaxed) {
        signals::replace(BLOCKED.load(Relaxed));
    }
}

/// Makes the lock, and has libc tell of forks.
pub(crate) fn load() {
    let Some(memory) = wiped_in_children() else {
        return;
    };
    if watch(before, in_parent, in_child) {
        LOCK.store(memory.cast(), Relaxed);
    }
}

/// A page of zeroes, and of zeroes again in a child.
fn wiped_in_children() -> Option<*mut c_void> {
    const PAGE: usize = 4096;
    let access = int(libc::PROT_READ | libc::PROT_WRITE);
    let kind = int(libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
    // SAFETY: A new mapping.
    let memory = unsafe { call(libc::SYS_mmap, &[0, PAGE, access, kind, int(-1), 0]) };
    let memory = usize::try_from(memory).ok()?;
    let wiped = [memory, PAGE, int(libc::MADV_WIPEONFORK), 0, 0, 0];
    // SAFETY: That mapping, which nobody uses yet.
    let answer = unsafe { call(libc::SYS_madvise, &wiped) };
    (answer == 0).then(|| ptr::with_exposed_provenance_mut(memory))
}

type Handler = extern "C" fn();

/// Has libc call these at each fork: before, in the parent, and in the child. Says whether
/// it does. What was named later comes earlier before the fork, and later after it.
pub(crate) fn watch(before: Handler, in_parent: Handler, in_child: Handler) -> bool {
    // glibc has `pthread_atfork` only for programs to link, and the first one to call; musl
    // has the other alone.
    let of_glibc = threads::find(c"__register_atfork");
    if !of_glibc.is_null() {
        type Register = extern "C" fn(Handler, Handler, Handler, *const c_void) -> c_int;
        // SAFETY: It is the function of that name, which has this type.
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
