// SPDX-License-Identifier: GPL-2.0

//! The files of items, pinned so that they stay open.

use crate::{
    held::{
        self,
        Hold, //
    },
    item::Item,
    kernel_ext::{
        poll_file::FileRef,
        unreleased::Unreleased, //
    },
};
use core::ops::Deref;
use kernel::fs::LocalFile;

/// An item's file, which stays open for as long as this is kept.
pub(crate) enum Pinned {
    /// By a reference of its own.
    Open(FileRef),
    /// By the one reference that all items share on a file whose close nothing shows.
    Held(Hold),
}

impl Deref for Pinned {
    type Target = LocalFile;

    fn deref(&self) -> &LocalFile {
        match self {
            Self::Open(file) => file,
            Self::Held(hold) => hold,
        }
    }
}

/// An item whose file is to be pinned. Under the lock of the lists it gets a reference to the file,
/// if it is to have one of its own and the file is not being closed; the rest comes afterwards.
pub(super) struct Alone<'b> {
    /// The item.
    pub(super) item: &'b Item,
    file: Option<FileRef>,
}

impl<'b> Alone<'b> {
    /// With the lock held.
    pub(super) fn new(item: &'b Item) -> Self {
        // All users of a held file have one reference.
        let own = !item.watched().is_held() && !item.is_dead();
        let file = own.then(|| unburied(item).try_get()).flatten();
        Self { item, file }
    }

    /// Pins the file, unless that is being closed. The caller has released the lock of the lists,
    /// which is taken inside that of the held files.
    #[cold]
    pub(super) fn pin(self) -> Option<Pinned> {
        match self.item.watched().is_held() {
            true => held_file(self.item).map(Pinned::Held),
            false => self.file.map(Pinned::Open),
        }
    }
}

/// The file of an item that is not dead, while the lock of the lists is held.
#[inline]
pub(super) fn unburied(item: &Item) -> Unreleased<'_> {
    // SAFETY: The item is buried under that lock, before its file is torn down.
    unsafe { Unreleased::new(item.file()) }
}

/// The file of an item whose file is held, unless that is closed.
fn held_file(item: &Item) -> Option<Hold> {
    let hold = held::get(item.file().addr())?;
    // The item of a file that is closed is dead before another file can have the address.
    (!item.is_dead()).then_some(hold)
}
