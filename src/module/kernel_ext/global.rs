// SPDX-License-Identifier: GPL-2.0

//! Module-wide values that callbacks without a context argument can reach.

use core::{
    cell::UnsafeCell,
    mem::MaybeUninit, //
};
use kernel::{
    prelude::*,
    sync::atomic::{
        ordering::Relaxed,
        Atomic, //
    },
};

/// The module is being loaded, and nobody uses it yet.
pub(crate) struct Loading(());

impl Loading {
    /// Begins to load the module.
    ///
    /// # Safety
    ///
    /// Called by the module's initialisation. Whatever calls [`Global::get`] does so after the
    /// global was installed, and has done so for the last time when its [`Installed`] is dropped,
    /// which is by the module's exit or by the failure of its initialisation.
    pub(crate) unsafe fn begin() -> Self {
        Self(())
    }
}

/// A static that holds a value while the module is in use.
///
/// # Invariants
///
/// The value is initialised from [`Global::install`] until its [`Installed`] is dropped.
pub(crate) struct Global<T> {
    value: UnsafeCell<MaybeUninit<T>>,
    taken: Atomic<bool>,
}

// SAFETY: Only shared references to the value are handed out between `install` and the drop of
// `Installed`, and those two are in the module's entry and exit, beside which nothing else runs.
unsafe impl<T: Send + Sync> Sync for Global<T> {}

impl<T> Global<T> {
    /// An empty global.
    pub(crate) const fn empty() -> Self {
        Self {
            value: UnsafeCell::new(MaybeUninit::uninit()),
            taken: Atomic::new(false),
        }
    }

    /// Puts the value in place until the returned token is dropped.
    ///
    /// # Errors
    ///
    /// `EBUSY` if that was done before.
    pub(crate) fn install(&'static self, _: &Loading, value: T) -> Result<Installed<T>> {
        if self.taken.xchg(true, Relaxed) {
            return Err(EBUSY);
        }
        // SAFETY: By the requirements of `Loading::begin` nobody has called `get` yet, and this
        // comes once.
        unsafe { (*self.value.get()).write(value) };
        Ok(Installed(self))
    }

    /// The value.
    pub(crate) fn get(&'static self) -> &'static T {
        // SAFETY: By the requirements of `Loading::begin` this is called while the value is there.
        unsafe { (*self.value.get()).assume_init_ref() }
    }
}

/// Keeps the value of a [`Global`] in place.
pub(crate) struct Installed<T: 'static>(&'static Global<T>);

impl<T> Drop for Installed<T> {
    fn drop(&mut self) {
        // SAFETY: `install` wrote the value, and by the requirements of `Loading::begin` nobody
        // uses it any more.
        unsafe { (*self.0.value.get()).assume_init_drop() };
    }
}
