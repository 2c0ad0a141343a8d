// SPDX-License-Identifier: GPL-2.0

//! Words that are read and written in one piece.
//!
//! [`kernel::sync::atomic`] calls a function for each access. This module does inline what
//! `READ_ONCE()` and `WRITE_ONCE()` do, as a relaxed load or store, which is not ordered.
//!
//! C header: [`include/asm-generic/rwonce.h`](srctree/include/asm-generic/rwonce.h)

use core::cell::UnsafeCell;
use kernel::sync::atomic::{
    ordering::Relaxed,
    Atomic,
    AtomicType, //
};

/// A type that the processor reads and writes in one piece.
///
/// # Safety
///
/// The type has the size and alignment of an integer no longer than a register.
pub(crate) unsafe trait Word: Copy {}

// SAFETY: The type is such an integer, or has the size of one.
unsafe impl Word for bool {}
// SAFETY: As above.
unsafe impl Word for u32 {}
// SAFETY: As above. (If registers are shorter, a read may be torn, as for a C `u64`.)
unsafe impl Word for u64 {}
// SAFETY: As above.
unsafe impl Word for i64 {}

/// A word that any task may read and write.
pub(crate) struct Once<T: Word>(UnsafeCell<T>);

// SAFETY: Volatile accesses of words are the kernel's way of racing on purpose.
unsafe impl<T: Word + Send> Sync for Once<T> {}

impl<T: Word> Once<T> {
    /// A word with this value.
    pub(crate) const fn new(value: T) -> Self {
        Self(UnsafeCell::new(value))
    }

    /// The value.
    #[inline]
    pub(crate) fn read(&self) -> T {
        // SAFETY: The cell is valid and aligned; for races see above.
        unsafe { self.0.get().read_volatile() }
    }

    /// Writes the value.
    #[inline]
    pub(crate) fn write(&self, value: T) {
        // SAFETY: As above.
        unsafe { self.0.get().write_volatile(value) };
    }
}

impl<T: Word + AtomicType<Repr = i8>> Once<T> {
    /// Changes the value from `old` to `new`, if it is `old`, in one step. Returns whether it was
    /// `old`. Not ordered.
    #[inline]
    pub(crate) fn replace(&self, old: T, new: T) -> bool {
        // SAFETY: The cell is valid and aligned, and all other accesses are volatile accesses of
        // words.
        let atomic = unsafe { Atomic::from_ptr(self.0.get()) };
        atomic.cmpxchg(old, new, Relaxed).is_ok()
    }
}

impl Once<u64> {
    /// Adds one. The caller is the only one that changes the value.
    #[inline]
    pub(crate) fn increment(&self) {
        self.add(1);
    }

    /// Adds `more`. The caller is the only one that changes the value.
    #[inline]
    pub(crate) fn add(&self, more: u64) {
        self.write(self.read().wrapping_add(more));
    }
}
