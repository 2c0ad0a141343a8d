// SPDX-License-Identifier: GPL-2.0

//! The lists of an instance, in which its items are linked.

use super::Counters;
use crate::{
    awake::Awake,
    event::Interest,
    item::Item,
    kernel_ext::{
        list::List,
        waiters::{
            Awaited,
            Waiters, //
        }, //
    },
    place::Place, //
};
use core::ptr::NonNull;

/// The lists of an instance.
///
/// # Invariants
///
/// The lists hold items of this instance, all in its tree, whose `place` is not [`Place::Idle`]:
/// [`Place::Dead`] in `dead`, [`Place::Listed`] or [`Place::Seen`] in the others.
pub(crate) struct Lists {
    /// Items that are ready and that no scan has taken.
    pub(super) ready: List<Item, 0>,
    /// Items that the current scan has not reached yet.
    pub(super) batch: List<Item, 0>,
    /// Items that the current scan has collected for the next one.
    pub(super) requeued: List<Item, 0>,
    /// Items whose files were closed.
    pub(super) dead: List<Item, 0>,
    /// The task that scans.
    pub(super) scanner: Option<usize>,
    /// Whether a poll has answered during that scan that nothing is ready, which is not certain
    /// before the scan ends.
    pub(super) denied: bool,
    /// Counts the ready items that keep the system awake, and also a scan that has begun to hide
    /// items, because items that it has taken off may be put back.
    pub(super) awake: Awake,
    /// Whether the scan is counted.
    pub(super) scan_is_awake: bool,
    /// The tasks that sleep until something is ready.
    pub(crate) waiters: Waiters,
    /// Counts of what has happened.
    pub(crate) counters: Counters,
}

// SAFETY: It is a field, which nobody moves out.
unsafe impl Awaited for Lists {
    fn waiters(&mut self) -> &mut Waiters {
        &mut self.waiters
    }
}

impl Lists {
    /// Empty lists.
    pub(super) fn new() -> Self {
        Self {
            ready: List::new(),
            batch: List::new(),
            requeued: List::new(),
            dead: List::new(),
            scanner: None,
            denied: false,
            awake: Awake::new(),
            scan_is_awake: false,
            waiters: Waiters::new(),
            counters: Counters::default(),
        }
    }

    /// The list that the item is in. An item in the middle of a list looks the same in all of them,
    /// so any of them can remove it.
    pub(super) fn list_of(&mut self, item: &Item) -> &mut List<Item, 0> {
        let lists = [&mut self.batch, &mut self.requeued, &mut self.dead];
        for list in lists {
            if list.has_end(item) {
                return list;
            }
        }
        &mut self.ready
    }

    /// Records the place of the item.
    pub(super) fn set_place(&mut self, item: &Item, place: Place) {
        let from = item.place();
        item.set_place(place);
        self.counters.moved(from, place);
        let (before, now) = (from.is_ready(), place.is_ready());
        if before != now && item.interest().keeps_awake() {
            self.count_awake(now);
        }
    }

    #[cold]
    fn count_awake(&mut self, more: bool) {
        self.awake.count(more);
    }

    /// Changes what an item watches for.
    pub(crate) fn set_interest(&mut self, item: &Item, interest: Interest) {
        let before = item.interest().keeps_awake();
        let now = interest.keeps_awake();
        item.set_interest(interest);
        if before != now && item.place().is_ready() {
            self.count_awake(now);
        }
    }

    /// The reasons to keep the system awake.
    pub(crate) fn awake(&mut self) -> &mut Awake {
        &mut self.awake
    }

    /// Takes the item off its list.
    pub(crate) fn forget(&mut self, item: &Item) {
        if item.place() != Place::Idle {
            unlink(self.list_of(item), item);
            self.set_place(item, Place::Idle);
        }
    }

    /// Puts the item, whose file was closed, on the list of the dead for the next holder of the
    /// mutex.
    pub(crate) fn bury(&mut self, item: &Item) {
        self.forget(item);
        self.set_place(item, Place::Dead);
        link(&mut self.dead, item);
    }

    /// Whether something is listed that no scan has taken.
    pub(crate) fn has_listed(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Whether a waiter may find something: an item is listed, or a scan may put some back.
    pub(crate) fn is_available(&self) -> bool {
        !self.ready.is_empty() || self.scanner.is_some()
    }

    /// Makes the item ready if it is in no list. Returns whether it was in none.
    #[inline]
    pub(crate) fn push(&mut self, item: &Item) -> bool {
        match item.place() {
            Place::Seen | Place::Listed | Place::Dead => {
                item.unsee();
                false
            }
            Place::Idle => {
                item.set_place(Place::Listed);
                self.counters.join();
                if item.interest().keeps_awake() {
                    self.count_awake(true);
                }
                link(&mut self.ready, item);
                true
            }
        }
    }
}

/// Puts an item of the instance, which is in none of the lists, at the end of one.
#[inline]
pub(super) fn link(list: &mut List<Item, 0>, item: &Item) {
    link_at(list, item, List::push_back);
}

/// Puts an item of the instance, which is in none of the lists, on one, with `push`.
#[inline(always)]
pub(super) fn link_at(
    list: &mut List<Item, 0>,
    item: &Item,
    push: unsafe fn(&mut List<Item, 0>, &Item),
) {
    // SAFETY: By its place, the item is in no list. It is in the instance's tree, and leaves that
    // after `forget` was called here.
    unsafe { push(list, item) };
}

/// Takes an item off the list that it is in.
#[inline]
pub(super) fn unlink(list: &mut List<Item, 0>, item: &Item) {
    // SAFETY: The callers found it there, by its place and `list_of`.
    unsafe { list.remove(item) };
}

/// An item from a list whose lock, or the instance's mutex, is held during `'a`.
#[inline]
pub(super) fn listed<'a>(item: NonNull<Item>) -> &'a Item {
    // SAFETY: Items in lists are in the tree. They leave it under the mutex, and before that they
    // leave the lists, under their lock.
    unsafe { item.as_ref() }
}
