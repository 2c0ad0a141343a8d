// SPDX-License-Identifier: GPL-2.0

//! Keeping the system awake while an item with `EPOLLWAKEUP` is ready.
//!
//! An instance has one wake-up source for all such items. It is active while any of them is in the
//! ready list: from the item's event until that is delivered, and then, if the item is
//! level-triggered, until a wait finds no event any more.

use crate::kernel_ext::wakeup_source::WakeupSource;

/// How many reasons an instance has to keep the system awake.
///
/// # Invariants
///
/// The source, if there is one, is active if and only if there are reasons.
pub(crate) struct Awake {
    reasons: usize,
    source: Option<WakeupSource>,
}

impl Awake {
    /// No reasons.
    pub(crate) const fn new() -> Self {
        Self {
            reasons: 0,
            source: None,
        }
    }

    /// Whether there is a source.
    pub(crate) fn has_source(&self) -> bool {
        self.source.is_some()
    }

    /// Sets or removes the source. Returns the previous one, which must be dropped where sleeping
    /// is allowed.
    pub(crate) fn set_source(&mut self, source: Option<WakeupSource>) -> Option<WakeupSource> {
        if let Some(source) = &source {
            source.activate(self.is_active());
        }
        core::mem::replace(&mut self.source, source)
    }

    /// Adds a reason, or removes one.
    pub(crate) fn count(&mut self, more: bool) {
        let before = self.is_active();
        if more {
            self.reasons += 1;
        } else {
            self.reasons -= 1;
        }
        let now = self.is_active();
        if let Some(source) = self.source.as_ref().filter(|_| before != now) {
            source.activate(now);
        }
    }

    /// Whether there is any reason.
    pub(crate) fn is_active(&self) -> bool {
        self.reasons > 0
    }
}
