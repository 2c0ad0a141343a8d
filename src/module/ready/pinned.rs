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

/// An item's file, which stays open as long as this is kept.
pub(crate) enum Pinned {
    /// By a separate reference.
    Open(FileRef),
    /// By the reference that all items share on a file whose close nothing shows.
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

/// An item whose file will be pinned. Under the lock of the lists it takes a reference to the file,
/// if it needs a separate one and the file is not being closed; the rest happens afterwards.
pub(super) struct Alone<'b> {
    /// The item.
    pub(super) item: &'b Item,
    file: Option<FileRef>,
}

impl<'b> Alone<'b> {
    /// Called with the lock held.
    pub(super) fn new(item: &'b Item) -> Self {
        // All users of a held file share one reference.
        let own = !item.watched().is_held() && !item.is_dead();
        let file = own.then(|| unburied(item).try_get()).flatten();
        Self { item, file }
    }

    /// Pins the file, unless it is being closed. The caller has released the lock of the lists,
    /// which is inside that of the held files.
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

/// The file of an item whose file is held, unless it is closed.
fn held_file(item: &Item) -> Option<Hold> {
    let hold = held::get(item.file().addr())?;
    // The item of a closed file is dead before another file can have the address.
    (!item.is_dead()).then_some(hold)
}
