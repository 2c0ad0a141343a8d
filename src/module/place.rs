// SPDX-License-Identifier: GPL-2.0

//! The list that an item is in. [`crate::ready`] describes the transitions.

use crate::kernel_ext::once::Word;
use kernel::sync::atomic::AtomicType;

/// The place of an item.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Place {
    /// In no list.
    Idle,
    /// Like [`Place::Listed`], but no wake-up has come since a scan began to check the item.
    Seen,
    /// In the ready list, the batch of a scan or the list of items that a scan has put back.
    Listed,
    /// In the list of the dead.
    Dead,
}

// SAFETY: It is a byte.
unsafe impl Word for Place {}

// SAFETY: As above.
unsafe impl AtomicType for Place {
    type Repr = i8;
}

impl Place {
    /// Whether the next scan checks the item.
    #[inline]
    pub(crate) fn is_ready(self) -> bool {
        matches!(self, Self::Listed | Self::Seen)
    }
}
