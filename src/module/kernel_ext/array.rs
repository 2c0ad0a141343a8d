// SPDX-License-Identifier: GPL-2.0

//! Short lists on the stack, which write only the slots that are used.

use core::mem::MaybeUninit;

/// A list of at most `N` values.
///
/// # Invariants
///
/// The first `len` slots are initialised.
pub(crate) struct Array<T: Copy, const N: usize> {
    len: usize,
    slots: MaybeUninit<[T; N]>,
}

impl<T: Copy, const N: usize> Array<T, N> {
    /// An empty list.
    #[inline]
    pub(crate) const fn new() -> Self {
        Self {
            len: 0,
            slots: MaybeUninit::uninit(),
        }
    }

    /// Puts a value behind all others. Returns false if there is no room.
    #[inline]
    pub(crate) fn push(&mut self, value: T) -> bool {
        let room = self.len < N;
        if room {
            // SAFETY: There is such a slot.
            unsafe { self.write(self.len, value) };
            // INVARIANT: It was just written. There is no overflow: it was less than `N`.
            self.len = self.len.wrapping_add(1);
        }
        room
    }

    /// Writes a slot, which does not count yet.
    ///
    /// # Safety
    ///
    /// There is such a slot.
    #[inline(always)]
    unsafe fn write(&mut self, at: usize, value: T) {
        // SAFETY: By the requirements.
        unsafe { self.slots.as_mut_ptr().cast::<T>().add(at).write(value) };
    }

    /// Has `fill` write values, at most `most` and as many as there is room for, to where its first
    /// argument points. Its second one is how many, and it returns how many it has written.
    ///
    /// # Safety
    ///
    /// It writes as many as it returns.
    #[inline]
    pub(crate) unsafe fn fill_with(
        &mut self,
        most: usize,
        fill: impl FnOnce(*mut T, usize) -> usize,
    ) {
        let most = most.min(N);
        // INVARIANT: By the requirements.
        self.len = fill(self.slots.as_mut_ptr().cast(), most).min(most);
    }

    /// The values.
    #[inline]
    pub(crate) fn as_slice(&self) -> &[T] {
        // SAFETY: By the type invariant so many slots, no more than there are, are initialised.
        unsafe { core::slice::from_raw_parts(self.slots.as_ptr().cast(), self.len) }
    }

    /// Puts other values in the place of all these.
    #[inline]
    pub(crate) fn filler(&mut self) -> Filler<'_, T, N> {
        Filler {
            array: self,
            len: 0,
        }
    }
}

/// Fills a list. Its length is known, and written once, at the end.
pub(crate) struct Filler<'a, T: Copy, const N: usize> {
    array: &'a mut Array<T, N>,
    len: usize,
}

impl<T: Copy, const N: usize> Filler<'_, T, N> {
    /// How many values there are.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Puts a value behind all others.
    ///
    /// # Safety
    ///
    /// There is room.
    #[inline]
    pub(crate) unsafe fn push_unchecked(&mut self, value: T) {
        // SAFETY: By the requirements there is such a slot.
        unsafe { self.array.write(self.len, value) };
        // There is no overflow: it was less than `N`.
        self.len = self.len.wrapping_add(1);
    }
}

impl<T: Copy, const N: usize> Drop for Filler<'_, T, N> {
    #[inline]
    fn drop(&mut self) {
        // INVARIANT: So many were written.
        self.array.len = self.len;
    }
}
