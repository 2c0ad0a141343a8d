// SPDX-License-Identifier: GPL-2.0

//! Where an item is among the lists of its instance. [`crate::ready`] has the transitions.

use crate::kernel_ext::once::Word;
use kernel::sync::atomic::AtomicType;

/// The place of an item.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Place {
    /// In no list.
    Idle,
    /// As [`Place::Listed`], and no wake-up has come since a scan began to look at the item there.
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
    /// Whether the next scan looks at the item.
    #[inline]
    pub(crate) fn is_ready(self) -> bool {
        matches!(self, Self::Listed | Self::Seen)
    }
}
