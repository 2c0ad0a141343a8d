// SPDX-License-Identifier: GPL-2.0

//! Files that are held by a reference while they are watched, since their close cannot be heard of.
//!
//! There is one reference for all items on a file, so that a file to which nobody else refers is
//! told by its reference count alone.

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
    task, //
};
use kernel::{
    fs::LocalFile,
    new_spinlock,
    prelude::*,
    rbtree::{
        RBTree,
        RBTreeNodeReservation, //
    },
    sync::SpinLock, //
};

/// A held file.
pub(crate) struct Hold {
    file: FileRef,
    items: usize,
}

// SAFETY: The reference is only counted and dropped, never used for the file's position.
unsafe impl Send for Hold {}

/// The held files by their addresses.
pub(crate) type Holds = Pin<KBox<SpinLock<RBTree<usize, Hold>>>>;

static HOLDS: Global<Holds> = Global::empty();

/// Makes the collection, for as long as the result is kept.
pub(crate) fn install(loading: &Loading) -> Result<Installed<Holds>> {
    let holds = KBox::pin_init(new_spinlock!(RBTree::new(), "repoll::holds"), GFP_KERNEL)?;
    HOLDS.install(loading, holds)
}

/// Holds the file for one item more.
///
/// # Errors
///
/// `ENOMEM`.
pub(crate) fn hold(file: &LocalFile) -> Result {
    let node = RBTreeNodeReservation::new(GFP_KERNEL_ACCOUNT)?;
    let address = file.as_ptr().addr();
    let mut holds = HOLDS.get().lock();
    if let Some(hold) = holds.get_mut(&address) {
        hold.items += 1;
        // The node, not needed, is freed without the lock.
        drop(holds);
        return Ok(());
    }
    let hold = Hold {
        file: file.into(),
        items: 1,
    };
    holds.insert(node.into_node(address, hold));
    Ok(())
}

/// Lets go of the file with that address for one item.
pub(crate) fn release(address: usize) {
    let mut holds = HOLDS.get().lock();
    let Some(hold) = holds.get_mut(&address) else {
        return;
    };
    hold.items -= 1;
    let last = if hold.items == 0 {
        holds.remove_node(&address)
    } else {
        None
    };
    // The reference is dropped without the lock.
    drop(holds);
    drop(last);
}

/// Whether nobody refers to a held file but the items on it and the caller.
pub(crate) fn is_abandoned(file: &LocalFile) -> bool {
    poll_file::references(file) == 2
}

/// Calls `each` with the address of each held file to which nobody refers but the items on it.
pub(crate) fn for_each_abandoned(each: impl Fn(usize)) {
    let mut from = 0;
    while let Some((address, abandoned)) = next(from) {
        if abandoned {
            each(address);
        }
        task::cond_resched();
        from = address + 1;
    }
}

/// The address of the next held file, from `from` on, and whether nobody refers to it but the items
/// on it.
fn next(from: usize) -> Option<(usize, bool)> {
    let holds = HOLDS.get().lock();
    let cursor = holds.cursor_lower_bound(&from)?;
    let (address, hold) = cursor.current();
    Some((*address, poll_file::references(&hold.file) == 1))
}

/// Whether any file is held.
pub(crate) fn any() -> bool {
    !HOLDS.get().lock().is_empty()
}
