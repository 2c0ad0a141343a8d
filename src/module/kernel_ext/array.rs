// SPDX-License-Identifier: GPL-2.0

//! Short lists on the stack that write only the slots that they use.

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

    /// Appends a value. Returns false if there is no room.
    #[inline]
    pub(crate) fn push(&mut self, value: T) -> bool {
        let room = self.len < N;
        if room {
            // SAFETY: The slot exists.
            unsafe { self.write(self.len, value) };
            // INVARIANT: The slot was just written. The addition cannot overflow, because the
            // length was less than `N`.
            self.len = self.len.wrapping_add(1);
        }
        room
    }

    /// Writes a slot without adding it to the list.
    ///
    /// # Safety
    ///
    /// The slot exists.
    #[inline(always)]
    unsafe fn write(&mut self, at: usize, value: T) {
        // SAFETY: By the requirements.
        unsafe { self.slots.as_mut_ptr().cast::<T>().add(at).write(value) };
    }

    /// Lets `fill` write values to the address in its first argument. Its second argument is the
    /// number of values: at most `most`, and as many as there is room for. It returns how many it
    /// has written.
    ///
    /// # Safety
    ///
    /// `fill` writes as many values as it returns.
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
        // SAFETY: By the type invariant, this many slots are initialised, and no more than exist.
        unsafe { core::slice::from_raw_parts(self.slots.as_ptr().cast(), self.len) }
    }

    /// Replaces all values.
    #[inline]
    pub(crate) fn filler(&mut self) -> Filler<'_, T, N> {
        Filler {
            array: self,
            len: 0,
        }
    }
}

/// Fills a list, whose length is written once, at the end.
pub(crate) struct Filler<'a, T: Copy, const N: usize> {
    array: &'a mut Array<T, N>,
    len: usize,
}

impl<T: Copy, const N: usize> Filler<'_, T, N> {
    /// The number of values.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Appends a value.
    ///
    /// # Safety
    ///
    /// There is room.
    #[inline]
    pub(crate) unsafe fn push_unchecked(&mut self, value: T) {
        // SAFETY: By the requirements, the slot exists.
        unsafe { self.array.write(self.len, value) };
        // The addition cannot overflow, because the length was less than `N`.
        self.len = self.len.wrapping_add(1);
    }
}

impl<T: Copy, const N: usize> Drop for Filler<'_, T, N> {
    #[inline]
    fn drop(&mut self) {
        // INVARIANT: This many slots were written.
        self.array.len = self.len;
    }
}
