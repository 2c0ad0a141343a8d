// SPDX-License-Identifier: GPL-2.0

//! The superblocks whose files an instance watches, or has watched.

use crate::{
    kernel_ext::fsnotify::MarkUse,
    watch, //
};
use kernel::{
    bindings,
    prelude::*, //
};

/// How many marks an instance keeps: those of sockets, pipes and anonymous files, and of some more
/// file systems.
const KEPT: usize = 8;

/// A mark, and where it is.
struct Marked {
    sb: *mut bindings::super_block,
    mark: MarkUse,
}

/// Some of the marks that an instance uses or has used: the next item is as likely as not to need
/// them again, and a mark is dear to make.
///
/// # Invariants
///
/// Each superblock is there once. It is alive if the mark is attached.
pub(crate) struct Marks {
    kept: KVec<Marked>,
    /// Which one makes room for a new one.
    next: usize,
}

// SAFETY: The pointers are only compared.
unsafe impl Send for Marks {}

impl Marks {
    /// None.
    pub(crate) const fn new() -> Self {
        Self {
            kept: KVec::new(),
            next: 0,
        }
    }

    /// The mark on a superblock.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    ///
    /// # Safety
    ///
    /// The superblock is alive during the call.
    pub(crate) unsafe fn on(&mut self, sb: *mut bindings::super_block) -> Result<MarkUse> {
        let known = self.kept.iter_mut().find(|marked| marked.sb == sb);
        if let Some(known) = &known {
            if known.mark.is_attached() {
                return Ok(known.mark.clone());
            }
        }
        // SAFETY: By the requirements.
        let mark = unsafe { watch::mark(sb) }?;
        let marked = Marked {
            sb,
            mark: mark.clone(),
        };
        if let Some(known) = known {
            // That superblock is gone, and another one at its address.
            *known = marked;
        } else if self.kept.len() < KEPT {
            self.kept.push(marked, GFP_KERNEL_ACCOUNT)?;
        } else if let Some(oldest) = self.kept.get_mut(self.next % KEPT) {
            *oldest = marked;
            self.next = self.next.wrapping_add(1);
        }
        Ok(mark)
    }

    /// Lets go of all marks.
    pub(crate) fn clear(&mut self) {
        self.kept = KVec::new();
    }
}
