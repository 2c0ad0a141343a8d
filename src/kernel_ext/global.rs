// SPDX-License-Identifier: GPL-2.0

//! Module-wide values that callbacks without a context argument can reach.

use core::{
    cell::UnsafeCell,
    mem::MaybeUninit, //
};

/// A static that holds a value while the module is in use.
///
/// # Invariants
///
/// The value is initialised from [`Global::install`] until its [`Installed`] is dropped.
pub(crate) struct Global<T>(UnsafeCell<MaybeUninit<T>>);

// SAFETY: Only shared references to the value are handed out between `install` and the drop of
// `Installed`, and those two are the module's entry and exit, which run alone.
unsafe impl<T: Send + Sync> Sync for Global<T> {}

impl<T> Global<T> {
    /// An empty global.
    pub(crate) const fn empty() -> Self {
        Self(UnsafeCell::new(MaybeUninit::uninit()))
    }

    /// Puts the value in place until the returned token is dropped.
    ///
    /// # Safety
    ///
    /// Called at most once in the life of the module, by its initialisation, before anything
    /// calls [`Global::get`]; and the token outlives the last call of it.
    pub(crate) unsafe fn install(&'static self, value: T) -> Installed<T> {
        // SAFETY: By the safety requirements nobody else accesses the cell now.
        unsafe { (*self.0.get()).write(value) };
        Installed(self)
    }

    /// The value.
    pub(crate) fn get(&'static self) -> &'static T {
        // SAFETY: By the type invariant and the requirements of `install`, the value is there.
        unsafe { (*self.0.get()).assume_init_ref() }
    }
}

/// Keeps the value of a [`Global`] in place.
pub(crate) struct Installed<T: 'static>(&'static Global<T>);

impl<T> Drop for Installed<T> {
    fn drop(&mut self) {
        // SAFETY: `install` wrote the value, and by its requirements nobody uses it any more.
        unsafe { (*self.0 .0.get()).assume_init_drop() };
    }
}
