// SPDX-License-Identifier: GPL-2.0

//! The superblocks whose files an instance watches, or has watched.

use crate::kernel_ext::{
    fsnotify::{
        Group,
        GroupOperations,
        MarkUse, //
    },
    global::{
        Global,
        Installed,
        Loading, //
    },
    poll_file, //
};
use kernel::{
    bindings,
    fs::LocalFile,
    prelude::*, //
};

static GROUP: Global<Group> = Global::empty();

/// Creates the group of all marks, as long as the result is kept.
///
/// # Errors
///
/// `ENOMEM`.
pub(crate) fn install(
    loading: &Loading,
    operations: &'static GroupOperations,
) -> Result<Installed<Group>> {
    GROUP.install(loading, Group::new(operations)?)
}

/// A mark, and its superblock.
struct Marked {
    sb: *mut bindings::super_block,
    mark: MarkUse,
}

/// The marks on the superblocks whose files an instance watches, or has watched. They are kept
/// because the next item is likely to need them again, and creating a mark is expensive.
///
/// # Invariants
///
/// Each superblock occurs once. It is alive if the mark is attached.
pub(crate) struct Marks(KVec<Marked>);

// SAFETY: The pointers are only compared.
unsafe impl Send for Marks {}

impl Marks {
    /// No marks.
    pub(crate) const fn new() -> Self {
        Self(KVec::new())
    }

    /// Makes sure that there is a mark on the superblock of this file, until [`Marks::clear`].
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    #[inline]
    pub(crate) fn set(&mut self, file: &LocalFile) -> Result {
        let sb = poll_file::super_block(file);
        let mut known = self.0.iter().filter(|marked| marked.sb == sb);
        if known.any(|marked| marked.mark.is_attached()) {
            return Ok(());
        }
        self.add(file)
    }

    #[cold]
    fn add(&mut self, file: &LocalFile) -> Result {
        // Drops the marks of superblocks that are gone; one of them may have been at the same
        // address.
        self.0.retain(|marked| marked.mark.is_attached());
        self.0.reserve(1, GFP_KERNEL_ACCOUNT)?;
        let sb = poll_file::super_block(file);
        let mark = GROUP.get().mark(file)?;
        self.0.push(Marked { sb, mark }, GFP_KERNEL_ACCOUNT)?;
        Ok(())
    }

    /// Drops all marks, when there are no items any more.
    pub(crate) fn clear(&mut self) {
        self.0 = KVec::new();
    }
}
