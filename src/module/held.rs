// SPDX-License-Identifier: GPL-2.0

//! Files that the module holds by a reference while they are watched, because nothing else shows
//! their close.
//!
//! There is one reference for all items on a file. A task that uses the file for an item shares
//! this reference and takes none of its own. So the file's reference count shows whether there are
//! other users.

use crate::kernel_ext::{
    global::{
        Global,
        Installed,
        Loading, //
    },
    poll_file::{
        self,
        FileRef, //
    },
};
use core::ops::Deref;
use kernel::{
    fs::LocalFile,
    new_spinlock,
    prelude::*,
    rbtree::{
        RBTree,
        RBTreeNode, //
    },
    sync::{
        Arc,
        SpinLock, //
    },
};

/// The reference to a held file. The file is closed when the last user drops this.
#[derive(Clone)]
pub(crate) struct Hold(Arc<FileRef>);

impl Hold {
    /// Whether this is the only reference to the file.
    fn is_abandoned(&self) -> bool {
        poll_file::references(self) == 1
    }
}

impl Deref for Hold {
    type Target = LocalFile;

    fn deref(&self) -> &LocalFile {
        &self.0
    }
}

/// The held files by their addresses.
pub(crate) type Holds = Pin<KBox<SpinLock<RBTree<usize, Hold>>>>;

static HOLDS: Global<Holds> = Global::empty();

/// Creates the collection, as long as the result is kept.
pub(crate) fn install(loading: &Loading) -> Result<Installed<Holds>> {
    let holds = KBox::pin_init(new_spinlock!(RBTree::new(), "repoll::holds"), GFP_KERNEL)?;
    HOLDS.install(loading, holds)
}

/// A reference to a file that may become its [`Hold`].
pub(crate) struct Prepared(RBTreeNode<usize, Hold>);

impl Prepared {
    /// Takes a reference.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn new(file: &LocalFile) -> Result<Self> {
        let hold = Hold(Arc::new(FileRef::new(file), GFP_KERNEL_ACCOUNT)?);
        let address = file.as_ptr().addr();
        Ok(Self(RBTreeNode::new(address, hold, GFP_KERNEL_ACCOUNT)?))
    }

    /// Holds the file, which is not held yet.
    pub(crate) fn hold(self) {
        HOLDS.get().lock().insert(self.0);
    }
}

/// The file at this address, unless there is no other reference to it.
pub(crate) fn get(address: usize) -> Option<Hold> {
    let hold = HOLDS.get().lock().get(&address)?.clone();
    (!hold.is_abandoned()).then_some(hold)
}

/// Ends the hold of the file at this address. The caller drops the result without locks.
#[must_use]
pub(crate) fn release(address: usize) -> Option<Released> {
    let released = HOLDS.get().lock().remove_node(&address);
    released.map(Released)
}

/// The rest of a hold that was ended.
pub(crate) struct Released(#[expect(dead_code)] RBTreeNode<usize, Hold>);

/// Checks the next held file, from this address on, and ends the hold if there is no other
/// reference to the file. Returns the file's address, and the rest of the hold if it was ended.
pub(crate) fn release_abandoned(from: usize) -> Option<(usize, Option<Released>)> {
    let mut holds = HOLDS.get().lock();
    let cursor = holds.cursor_lower_bound(&from)?;
    let (&address, hold) = cursor.current();
    let abandoned = hold.is_abandoned();
    let released = abandoned.then(|| holds.remove_node(&address)).flatten();
    Some((address, released.map(Released)))
}

/// Whether any file is held.
pub(crate) fn any() -> bool {
    !HOLDS.get().lock().is_empty()
}
