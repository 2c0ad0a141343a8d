// SPDX-License-Identifier: GPL-2.0

//! The ready list, the tasks that wait for items on it, and scans of it.
//!
//! # States of an item
//!
//! ```text
//!              push                  fill                settle, if it has no events
//!     idle ------------> listed <==========> seen ----------------------------------> idle
//!                           |        push
//!                           +--- fill, if it is edge-triggered, one-shot or alone ---> idle
//!
//!     from anywhere: forget ---> idle, bury ---> dead
//! ```
//!
//! A scan runs without the spinlock, because it polls files and writes to user memory. The
//! instance's mutex ensures that there is only one scan. (There is one exception: while a scan
//! polls an epoll, it is suspended without the mutex. A caller that tries to scan meanwhile gets
//! [`Suspended`](scan::Suspended); see [`crate::nesting`].)
//!
//! A scan checks a chunk of items at a time. Level-triggered items stay on their list, marked as
//! seen before they are polled. A wake-up removes the mark, so that an event after the poll is not
//! mistaken for one that the poll has seen. Other items leave the list before they are polled, and
//! a wake-up lists them again. So once the events are delivered, all items are where they belong,
//! unless a file had none: such a scan takes the lock once. Items whose events could not be
//! delivered are put back.
//!
//! If there are more items than it checks at a time, the scan takes the whole ready list as its
//! batch, and collects items that the next scan must check in another list. Wake-ups continue to
//! fill the ready list. At the end of the scan the lists are joined: items that the scan did not
//! reach come first, then items that became ready meanwhile, then the collected ones; so no item
//! starves. (If a scan checks all items, those that become ready during the scan stay behind these,
//! and may have to wait for the scan after the next one.) No scan checks an item twice.
//!
//! A file may also be closed during the scan. Its items leave their lists for the list of the dead,
//! which the next holder of the mutex empties.

mod chunk;
mod counters;
mod lists;
mod pinned;
mod scan;

pub(crate) use chunk::{
    Chunk,
    CHUNK, //
};
pub(crate) use counters::{
    increment,
    Counters, //
};
pub(crate) use lists::Lists;
pub(crate) use pinned::Pinned;
pub(crate) use scan::Scan;

use lists::listed;
use pinned::Alone;

use crate::{
    item::Item,
    kernel_ext::{
        barrier::{
            smp_mb,
            smp_rmb, //
        },
        once::Once,
        task::Deadline,
        wait_queue::Pollers,
        waiters::{
            self,
            Policy,
            WakeFlags,
            Woken, //
        }, //
    },
    key::ItemKey,
    place::Place,
    trace, //
};
use core::ops::{
    Deref,
    DerefMut, //
};
use kernel::{
    interrupt::LocalInterruptDisabled,
    prelude::*,
    sync::{
        atomic::{
            ordering::Relaxed,
            Atomic, //
        },
        lock::{
            spinlock::{
                SpinLockBackend,
                SpinLockIrqBackend, //
            },
            Backend,
            Guard, //
        },
        new_spinlock_irq,
        SpinLockIrq, //
    },
};

/// Orders the marks that a scan sets on items before its polls of their files.
#[inline]
fn scan_may_poll() {
    smp_mb();
}

/// The lists of an instance with their lock, and some facts about them that can be read without it.
#[pin_data]
pub(crate) struct ReadyList {
    /// The instance's number in traces.
    pub(crate) id: trace::Id,
    #[pin]
    lists: SpinLockIrq<Lists>,
    /// [`Lists::is_available`], for readers without the lock. It changes under the lock, in one
    /// step.
    available: Once<bool>,
    /// Whether there are dead items.
    dead: Once<bool>,
    /// Whether a scan is going on. Written with the mutex held.
    scanning: Once<bool>,
    /// Whether a task may be waiting.
    awaited: Once<bool>,
    /// Wake-ups that found their item ready already.
    repeats: Atomic<u64>,
    /// How many of them came during a scan.
    repeats_in_scans: Atomic<u64>,
}

impl ReadyList {
    /// Empty lists.
    pub(crate) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            id: trace::Id::new(),
            lists <- new_spinlock_irq!(Lists::new(), "repoll::lists"),
            available: Once::new(false),
            dead: Once::new(false),
            scanning: Once::new(false),
            awaited: Once::new(false),
            repeats: Atomic::new(0),
            repeats_in_scans: Atomic::new(0),
        })
    }

    /// Takes the spinlock.
    pub(crate) fn lock(&self) -> LockedLists<'_> {
        self.locked(self.lists.lock())
    }

    /// Takes the spinlock, for a caller that is unlikely to change whether anything is available.
    /// If it does change that, it calls [`ReadyList::locked`].
    #[inline]
    pub(crate) fn lock_as_is(&self) -> Guard<'_, Lists, SpinLockIrqBackend> {
        self.lists.lock()
    }

    /// The same with interrupts already off.
    #[inline]
    pub(crate) fn lock_with<'a>(
        &'a self,
        off: &'a LocalInterruptDisabled,
    ) -> Guard<'a, Lists, SpinLockBackend> {
        self.lists.lock_with(off)
    }

    /// The lists, which the caller has locked and may change.
    #[inline]
    pub(crate) fn locked<'a, B: Backend>(
        &'a self,
        lists: Guard<'a, Lists, B>,
    ) -> LockedLists<'a, B> {
        LockedLists { lists, list: self }
    }

    /// Records a wake-up of an item that is ready already, without the lock. Returns false if the
    /// wake-up requires the lock: the item is not ready, a task waits or polls, or another
    /// processor is just listing the item.
    ///
    /// Called after a full barrier, whose counterpart is in [`scan_may_poll`]. No task goes to
    /// sleep while the item is ready, and a poller that has joined checks the item. But a task that
    /// does not sleep only reads [`ReadyList::available`], which the listing processor writes last.
    #[inline(always)]
    pub(crate) fn push_again(&self, item: &Item, pollers: &Pollers) -> bool {
        if !item.place().is_ready() || self.awaited.read() || pollers.is_active() || !item.unsee() {
            return false;
        }
        smp_rmb();
        if !self.available.read() {
            return false;
        }
        self.repeats.add(1, Relaxed);
        if self.is_scanning() {
            self.repeats_in_scans.add(1, Relaxed);
        }
        true
    }

    /// The counters.
    pub(crate) fn counters(&self) -> Counters {
        let mut counters = self.lists.lock().counters;
        // Those that are counted last come first, so that they never exceed the others.
        let overlaps = self.repeats_in_scans.load(Relaxed);
        counters.overlaps = counters.overlaps.wrapping_add(overlaps);
        counters.events = counters.events.wrapping_add(self.repeats.load(Relaxed));
        counters
    }

    /// Whether a scan is going on.
    #[inline]
    pub(crate) fn is_scanning(&self) -> bool {
        self.scanning.read()
    }

    /// Whether a waiter may find something, without the lock. This misses no item that was ready
    /// before the call, except those that a scan is just delivering. If the scan fails to deliver
    /// them, it lists them again and wakes a waiter.
    pub(crate) fn is_available(&self) -> bool {
        self.available.read()
    }

    /// Whether a task that does not sleep may find something. During a scan it may: a scan that
    /// puts items back reports them as available before it ends.
    #[inline]
    pub(crate) fn is_available_at_once(&self) -> bool {
        let scanning = self.is_scanning();
        smp_rmb();
        self.is_available() || scanning
    }

    /// Records that a waiter may find something, because an item has joined the lists, which are
    /// locked.
    #[inline]
    pub(crate) fn note_available(&self, _lists: &Lists) {
        self.available.write(true);
    }

    /// Whether there are dead items, without the lock.
    pub(crate) fn has_dead(&self) -> bool {
        self.dead.read()
    }

    /// The key of a dead item.
    pub(crate) fn first_dead(&self) -> Option<ItemKey> {
        let lists = self.lists.lock();
        Some(listed(lists.dead.first()?).key())
    }

    /// Passes a wake-up that the caller does not consume on to another waiter.
    pub(crate) fn pass_on(&self) {
        let mut ready = self.lock();
        if !ready.ready.is_empty() {
            ready.wake_waiter(WakeFlags::NONE);
        }
    }

    /// Sleeps until something may be ready, a signal comes or the deadline passes. The policy
    /// determines the task's position in the queue.
    pub(crate) fn sleep(&self, deadline: Deadline, policy: Policy) -> Woken {
        waiters::sleep(&self.lists, deadline, policy, |lists| {
            let sleeps = !lists.is_available();
            if sleeps {
                increment(&mut lists.counters.sleeps);
                self.awaited.write(true);
            }
            sleeps
        })
    }

    /// Counts the waiters and stores the IDs of some, as `Waiters::count` does.
    pub(crate) fn count_waiters(&self, most: u32, tids: &mut [i32]) -> u32 {
        self.lists.lock().waiters.count(most, tids)
    }
}

/// The lists, locked. Unlocking updates the facts that can be read without the lock.
pub(crate) struct LockedLists<'a, B: Backend = SpinLockIrqBackend> {
    lists: Guard<'a, Lists, B>,
    list: &'a ReadyList,
}

impl<B: Backend> LockedLists<'_, B> {
    /// Wakes a waiter. Returns whether there was one.
    pub(crate) fn wake_waiter(&mut self, flags: WakeFlags) -> bool {
        let active = self.waiters.is_active();
        if active {
            let list = self.list;
            trace::wake(move || list.id, flags);
            increment(&mut self.counters.wakeups);
            self.waiters.wake_one(flags);
        }
        active
    }

    /// Unlocks, and pins the item's file, unless that was closed. The caller holds the mutex.
    pub(crate) fn pin_file(self, item: &Item) -> Option<Pinned> {
        let alone = Alone::new(item);
        drop(self);
        alone.pin()
    }
}

impl<B: Backend> Deref for LockedLists<'_, B> {
    type Target = Lists;

    fn deref(&self) -> &Lists {
        &self.lists
    }
}

impl<B: Backend> DerefMut for LockedLists<'_, B> {
    fn deref_mut(&mut self) -> &mut Lists {
        &mut self.lists
    }
}

impl<B: Backend> Drop for LockedLists<'_, B> {
    fn drop(&mut self) {
        let list = self.list;
        list.available.write(self.lists.is_available());
        list.dead.write(!self.lists.dead.is_empty());
        list.awaited.write(self.lists.waiters.is_active());
    }
}
