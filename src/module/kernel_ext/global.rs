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

/// Proof that the module is being loaded, and that nobody uses it yet.
pub(crate) struct Loading(());

impl Loading {
    /// Begins loading the module.
    ///
    /// # Safety
    ///
    /// Called by the module's initialisation. All calls of [`Global::get`] come after the global
    /// was installed and before its [`Installed`] is dropped, which the module's exit or the
    /// failure of its initialisation does.
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

// SAFETY: Between `install` and the drop of `Installed`, this returns only shared references to the
// value. Those two are called by the module's entry and exit, when nothing else runs.
unsafe impl<T: Send + Sync> Sync for Global<T> {}

impl<T> Global<T> {
    /// An empty global.
    pub(crate) const fn empty() -> Self {
        Self {
            value: UnsafeCell::new(MaybeUninit::uninit()),
            taken: Atomic::new(false),
        }
    }

    /// Stores the value until the returned token is dropped.
    ///
    /// # Errors
    ///
    /// `EBUSY` if there is a value already.
    pub(crate) fn install(&'static self, _: &Loading, value: T) -> Result<Installed<T>> {
        if self.taken.xchg(true, Relaxed) {
            return Err(EBUSY);
        }
        // SAFETY: By the requirements of `Loading::begin`, nobody has called `get` yet, and this
        // point is reached only once.
        unsafe { (*self.value.get()).write(value) };
        Ok(Installed(self))
    }

    /// The value.
    pub(crate) fn get(&'static self) -> &'static T {
        // SAFETY: By the requirements of `Loading::begin`, this is called while the value exists.
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
