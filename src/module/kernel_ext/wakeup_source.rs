// SPDX-License-Identifier: GPL-2.0

//! Wake-up sources, which keep the system from going to sleep.
//!
//! C header: [`include/linux/pm_wakeup.h`](srctree/include/linux/pm_wakeup.h)

use crate::bindings;
use core::ptr::NonNull;
use kernel::prelude::*;

/// A registered wake-up source, listed under `/sys/class/wakeup`.
///
/// # Invariants
///
/// The pointer came from a registration and was not unregistered.
pub(crate) struct WakeupSource(NonNull<bindings::wakeup_source>);

// SAFETY: A wake-up source may be used from any thread.
unsafe impl Send for WakeupSource {}
// SAFETY: It has its own lock.
unsafe impl Sync for WakeupSource {}

impl WakeupSource {
    /// Registers an inactive source with this name. May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn register(name: &'static CStr) -> Result<Self> {
        // SAFETY: The name is a string; it is copied.
        let source = unsafe { bindings::rp_wakeup_source_register(name.as_char_ptr()) };
        // INVARIANT: Just registered.
        Ok(Self(NonNull::new(source).ok_or(ENOMEM)?))
    }

    /// Keeps the system awake from now on, or no longer. Callable from any context.
    pub(crate) fn activate(&self, active: bool) {
        // SAFETY: By the type invariant.
        unsafe { bindings::rp_wakeup_source_activate(self.0.as_ptr(), active) };
    }
}

impl Drop for WakeupSource {
    /// Sleeps for a grace period.
    fn drop(&mut self) {
        // SAFETY: By the type invariant; it is not used any more.
        unsafe { bindings::rp_wakeup_source_unregister(self.0.as_ptr()) };
    }
}
