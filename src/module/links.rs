// SPDX-License-Identifier: GPL-2.0

//! The links between instances, from the watcher down to the watched.
//!
//! An instance's tree also contains them, but under its mutex, whose holder users can make take
//! arbitrarily long. Here they are under a spinlock, for walks that must not wait. [`crate::watch`]
//! has the links in the other direction.

use crate::{
    item::Item,
    kernel_ext::{
        global::{
            Global,
            Installed,
            Loading, //
        },
        unreleased::Unreleased, //
    }, //
};
use core::ptr::NonNull;
use kernel::{
    bindings,
    new_spinlock,
    prelude::*,
    rbtree::{
        RBTree,
        RBTreeNodeReservation, //
    },
    sync::SpinLock, //
};

/// The position of a link among all others. The links of one instance are adjacent.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Position {
    /// The address of the instance that watches.
    owner: usize,
    /// The address of the item.
    item: usize,
}

impl Position {
    /// Before all links of the instance at this address.
    pub(crate) fn first(owner: usize) -> Self {
        Self { owner, item: 0 }
    }

    fn of(item: &Item) -> Self {
        Self {
            owner: core::ptr::from_ref(item.owner()).addr(),
            item: core::ptr::from_ref(item).addr(),
        }
    }
}

/// The watched file of a link.
///
/// # Invariants
///
/// It belongs to an instance, and is not released.
pub(crate) struct Link(NonNull<bindings::file>);

// SAFETY: By the type invariant, the file can be used from any thread.
unsafe impl Send for Link {}

/// Memory for a link that will be made.
pub(crate) type Reservation = RBTreeNodeReservation<Position, Link>;

/// All links.
pub(crate) type Links = Pin<KBox<SpinLock<RBTree<Position, Link>>>>;

static LINKS: Global<Links> = Global::empty();

/// Creates the collection, as long as the result is kept.
pub(crate) fn install(loading: &Loading) -> Result<Installed<Links>> {
    let links = KBox::pin_init(new_spinlock!(RBTree::new(), "repoll::links"), GFP_KERNEL)?;
    LINKS.install(loading, links)
}

/// Allocates a link.
///
/// # Errors
///
/// `ENOMEM`.
pub(crate) fn reserve() -> Result<Reservation> {
    Reservation::new(GFP_KERNEL_ACCOUNT)
}

/// Inserts the link of an item.
///
/// # Safety
///
/// The item's file belongs to an instance, and is not released before the link is removed.
pub(crate) unsafe fn insert(reservation: Reservation, item: &Item) {
    if let Some(file) = NonNull::new(item.file()) {
        // INVARIANT: By the requirements.
        let node = reservation.into_node(Position::of(item), Link(file));
        LINKS.get().lock().insert(node);
    }
}

/// Removes the link of an item.
pub(crate) fn remove(item: &Item) {
    LINKS.get().lock().remove_node(&Position::of(item));
}

/// Calls `see` with the watched file of an instance's next link, from `from` on, with the spinlock
/// held. The file belongs to an instance.
pub(crate) fn next<T>(from: &mut Position, see: impl FnOnce(Unreleased<'_>) -> T) -> Option<T> {
    let links = LINKS.get().lock();
    let cursor = links.cursor_lower_bound(from)?;
    let (position, link) = cursor.current();
    if position.owner != from.owner {
        return None;
    }
    from.item = position.item + 1;
    // SAFETY: By the type invariant, and since the link is removed under the lock.
    Some(see(unsafe { Unreleased::new(link.0.as_ptr()) }))
}
