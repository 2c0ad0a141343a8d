// SPDX-License-Identifier: GPL-2.0

//! The ready list, who waits for it, and scans of it.
//!
//! # States of an item
//!
//! ```text
//!              push                    begin scan              take
//!     idle ------------> ready ---------------------> batch ----------> idle
//!                          ^                                              |
//!                          |     end of scan                      settle  v
//!                          +------------------------ requeued <-----------+
//!
//!     from anywhere: forget ---> idle, bury ---> dead
//! ```
//!
//! A scan runs without the spinlock, since it polls files and writes to user memory; the
//! instance's mutex makes it the only one. (With one exception: while it polls an epoll, it is
//! suspended without the mutex, and who looks meanwhile is told so; see [`crate::nesting`].) It
//! takes the ready list over as its batch, from which it takes some items at a time. Meanwhile
//! wake-ups go on filling the ready list. At its end the lists are joined: what the scan did not
//! reach, then what became ready meanwhile, then what it put back; so nobody starves.
//!
//! A file may be closed during the scan, too: its items leave whichever list they are in, for the
//! list of the dead, which the next holder of the mutex empties.

use crate::{
    awake::Awake,
    event::Interest,
    item::{
        Item,
        Key, //
    },
    kernel_ext::{
        array::Array,
        hook,
        list::List,
        once::Once,
        poll_file::{
            self,
            FileRef, //
        },
        rbtree::Tree,
        task,
        wait_queue::WaitQueue, //
    },
    uapi::Pending,
    watch,
};
use core::ops::{
    Deref,
    DerefMut, //
};
use kernel::{
    prelude::*,
    static_lock_class,
    sync::{
        lock::{
            spinlock::SpinLockIrqBackend,
            Guard, //
        },
        new_spinlock_irq,
        SpinLockIrq, //
    },
};

/// How many items a scan takes at once. It bounds how long their lock is held for that.
pub(crate) const CHUNK: usize = 16;

/// Whether an item is linked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// In no list.
    Idle,
    /// In the ready list, the batch or the list of what was put back.
    Listed,
    /// In the list of the dead.
    Dead,
}

/// The lists of an instance.
///
/// # Invariants
///
/// The lists hold items of this instance, all in its tree, whose `place` is not [`Place::Idle`]:
/// [`Place::Dead`] in `dead`, [`Place::Listed`] in the others.
pub(crate) struct Lists {
    ready: List<Item, 0>,
    batch: List<Item, 0>,
    requeued: List<Item, 0>,
    dead: List<Item, 0>,
    /// The task that scans.
    scanner: Option<usize>,
    /// Whether somebody who looked during that scan was told that nothing is ready, which is not
    /// for certain before it ends.
    denied: bool,
    /// Counts the items with that interest that are [`Place::Listed`], and a scan that began
    /// with some: what it has taken off may be on its way back.
    awake: Awake,
    scan_is_awake: bool,
}

impl Lists {
    /// The list that the item is in. An item in the middle of a list looks the same in all of
    /// them and can be removed by any.
    fn list_of(&mut self, item: &Item) -> &mut List<Item, 0> {
        let lists = [&mut self.batch, &mut self.requeued, &mut self.dead];
        for list in lists {
            if list.has_end(item) {
                return list;
            }
        }
        &mut self.ready
    }

    /// Notes where the item is now.
    fn set_place(&mut self, item: &Item, place: Place) {
        let before = item.place.replace(place) == Place::Listed;
        let now = place == Place::Listed;
        if before != now && item.interest().keeps_awake() {
            self.awake.count(now);
        }
    }

    /// Changes what an item watches for.
    pub(crate) fn set_interest(&mut self, item: &Item, interest: Interest) {
        let before = item.interest().keeps_awake();
        let now = interest.keeps_awake();
        item.set_interest(interest);
        if before != now && item.place.get() == Place::Listed {
            self.awake.count(now);
        }
    }

    /// What keeps the system awake.
    pub(crate) fn awake(&mut self) -> &mut Awake {
        &mut self.awake
    }

    /// Takes the item off its list.
    pub(crate) fn forget(&mut self, item: &Item) {
        if item.place.get() != Place::Idle {
            // SAFETY: By the type invariant the item is in a list; `list_of` found it.
            unsafe { self.list_of(item).remove(item) };
            self.set_place(item, Place::Idle);
        }
    }

    /// Does with items, whose events were just handed out, what their interest wants: disarms them,
    /// or puts them back, to be looked at again in the next scan, after all others.
    fn settle(&mut self, handed_out: &[Pending<&Item>]) {
        for Pending { what: item, .. } in handed_out {
            let interest = item.interest();
            if !interest.is_simple() {
                if interest.is_oneshot() {
                    item.set_interest(interest.disarmed());
                    continue;
                }
                if !interest.is_level_triggered() {
                    continue;
                }
                if item.place.get() == Place::Idle {
                    self.awake.count(true);
                }
            }
            if item.place.get() == Place::Idle {
                item.place.set(Place::Listed);
                // SAFETY: The item is in no list, and in the tree.
                unsafe { self.requeued.push_back(item) };
            }
        }
    }

    /// Puts the item, whose file was closed, where the next holder of the mutex finds it.
    pub(crate) fn bury(&mut self, item: &Item) {
        self.forget(item);
        self.set_place(item, Place::Dead);
        // SAFETY: The item is in no list now, and in the tree.
        unsafe { self.dead.push_back(item) };
    }

    /// Whether a waiter may find something: there is something, or a scan may put some back.
    pub(crate) fn is_available(&self) -> bool {
        !self.ready.is_empty() || self.scanner.is_some()
    }

    /// Makes the item ready if it is nowhere yet. Returns whether it was not.
    pub(crate) fn push(&mut self, item: &Item) -> bool {
        let idle = item.place.get() == Place::Idle;
        if idle {
            self.set_place(item, Place::Listed);
            // SAFETY: The item was in no list, and is in the tree, which it leaves only after it
            // was forgotten here.
            unsafe { self.ready.push_back(item) };
        }
        idle
    }
}

/// The ready list of an instance with its lock and its waiters.
#[pin_data]
pub(crate) struct ReadyList {
    #[pin]
    lists: SpinLockIrq<Lists>,
    /// [`Lists::is_available`] for those who do not hold the lock. It changes under the lock, in
    /// one step, so that there is no moment in which a scan hides what is ready.
    available: Once<bool>,
    /// Whether there are dead items.
    dead: Once<bool>,
    /// Who sleeps until something is ready.
    #[pin]
    pub(crate) waiters: WaitQueue,
}

impl ReadyList {
    /// Nothing ready, nobody waiting.
    pub(crate) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            lists <- new_spinlock_irq!(Lists {
                ready: List::new(),
                batch: List::new(),
                requeued: List::new(),
                dead: List::new(),
                scanner: None,
                denied: false,
                awake: Awake::new(),
                scan_is_awake: false,
            }, "repoll::lists"),
            available: Once::new(false),
            dead: Once::new(false),
            waiters <- WaitQueue::new(c"repoll::waiters", static_lock_class!()),
        })
    }

    /// Takes the spinlock.
    pub(crate) fn lock(&self) -> Locked<'_> {
        Locked {
            lists: self.lists.lock(),
            list: self,
        }
    }

    /// Whether a waiter may find something, without the lock: what was ready before the call is
    /// not missed.
    pub(crate) fn is_available(&self) -> bool {
        self.available.read()
    }

    /// Whether there are dead items, without the lock.
    pub(crate) fn has_dead(&self) -> bool {
        self.dead.read()
    }

    /// Takes the key of a dead item off its list.
    pub(crate) fn pop_dead(&self) -> Option<Key> {
        let mut lists = self.lock();
        let item = lists.dead.first()?;
        // SAFETY: Items in lists are in the tree, which they leave under the lock of the lists.
        let item = unsafe { item.as_ref() };
        lists.forget(item);
        Some(item.key())
    }

    /// Hands a wake-up that will not be consumed to another waiter.
    pub(crate) fn pass_on(&self) {
        let ready = self.lock();
        if !ready.ready.is_empty() {
            ready.wake_waiter(false);
        }
    }

    /// Starts a scan of what is ready, and takes the first items as [`Scan::take`] does. `items`
    /// shows that the caller holds the mutex.
    ///
    /// # Errors
    ///
    /// [`Suspended`] if another scan has not ended yet, though the mutex is free.
    pub(crate) fn scan<'b>(
        &self,
        items: &'b Tree<Item>,
        most: usize,
        chunk: &mut Chunk<'b>,
    ) -> Result<(Scan<'_>, Option<Taken<'b>>), Suspended> {
        let mut guard = self.lock();
        let lists = &mut *guard;
        let me = task::current_id();
        if let Some(scanner) = lists.scanner {
            let lists = [&lists.ready, &lists.batch, &lists.requeued];
            let may_be_ready = scanner != me || lists.iter().any(|list| !list.is_empty());
            guard.denied |= !may_be_ready;
            return Err(Suspended { may_be_ready });
        }
        lists.batch.append(&mut lists.ready);
        lists.denied = false;
        lists.scanner = Some(me);
        lists.scan_is_awake = lists.awake.is_active();
        if lists.scan_is_awake {
            lists.awake.count(true);
        }
        let alone = chunk.fill(lists, items, most);
        Ok((Scan(self), alone))
    }
}

/// The lists, locked. What those see who do not take the lock is brought up to date on unlocking.
pub(crate) struct Locked<'a> {
    lists: Guard<'a, Lists, SpinLockIrqBackend>,
    list: &'a ReadyList,
}

impl Locked<'_> {
    /// Joins the lists of a scan.
    #[inline]
    fn end_scan(&mut self) {
        let lists = &mut *self.lists;
        lists.batch.append(&mut lists.ready);
        lists.batch.append(&mut lists.requeued);
        lists.ready.append(&mut lists.batch);
        lists.scanner = None;
        if core::mem::take(&mut lists.scan_is_awake) {
            lists.awake.count(false);
        }
        if !lists.ready.is_empty() {
            self.wake_waiter(false);
        }
    }

    /// Wakes a waiter. Returns whether there was one.
    pub(crate) fn wake_waiter(&self, sync: bool) -> bool {
        let active = self.list.waiters.is_active();
        if active {
            self.list.waiters.wake_one(sync);
        }
        active
    }

    /// Unlocks, and gives a reference to the item's file unless that was closed.
    pub(crate) fn file_of(self, item: &Item) -> Option<FileRef> {
        if item.place.get() == Place::Dead {
            return None;
        }
        // SAFETY: The item was not buried, which happens under the lock before the file is
        // freed.
        let file = unsafe { poll_file::try_get(item.file()) }?;
        // What comes now takes a lock that is outside this one.
        drop(self);
        (!watch::is_abandoned(item, &file)).then_some(file)
    }
}

impl Deref for Locked<'_> {
    type Target = Lists;

    fn deref(&self) -> &Lists {
        &self.lists
    }
}

impl DerefMut for Locked<'_> {
    fn deref_mut(&mut self) -> &mut Lists {
        &mut self.lists
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        let list = self.list;
        list.available.write(self.lists.is_available());
        list.dead.write(!self.lists.dead.is_empty());
    }
}

/// Why there can be no scan now: another one is suspended while it polls an epoll.
pub(crate) struct Suspended {
    /// Whether the instance is to be taken for ready: if something else is listed, or on account of
    /// that epoll; but not if it is this epoll that, in the same task, polls the instance.
    pub(crate) may_be_ready: bool,
}

/// An item that a scan has taken off all lists, with a reference to its file.
pub(crate) type Taken<'b> = (&'b Item, FileRef);

/// Some items that a scan has taken, none of which needs to be taken alone; later, what was found of
/// them.
///
/// # Invariants
///
/// Until they are `polled` there is a reference to the file of each.
pub(crate) struct Chunk<'b> {
    items: Array<Pending<&'b Item>, CHUNK>,
    polled: bool,
    /// Whether the scan may find more.
    pub(crate) more: bool,
}

impl<'b> Chunk<'b> {
    /// Nothing.
    #[inline]
    pub(crate) const fn new() -> Self {
        Self {
            items: Array::new(),
            polled: true,
            more: true,
        }
    }

    /// Polls the files. Items without events are dropped: a wake-up will bring them back.
    #[inline]
    pub(crate) fn poll(&mut self) {
        if !self.polled {
            self.polled = true;
            self.items.change_all(|Pending { what: item, .. }| {
                // SAFETY: By the type invariant. This happens once.
                let file = unsafe { poll_file::assume_got(item.file()) };
                let events = hook::poll(&file, item.interest().bits());
                (events != 0).then(|| Pending::new(events, item.data(), item))
            });
        }
    }

    /// Puts the item, which was taken alone and polled, in.
    pub(crate) fn push(&mut self, item: &'b Item, events: u32) {
        self.items.push(Pending::new(events, item.data(), item));
    }

    /// The items that have events.
    #[inline]
    pub(crate) fn found(&self) -> &[Pending<&'b Item>] {
        self.items.as_slice()
    }

    /// Leaves so many of these.
    pub(crate) fn truncate(&mut self, len: usize) {
        self.items.truncate(len);
    }

    /// Takes the next items of the batch, at most so many. One that has to be taken alone is
    /// returned.
    #[inline]
    fn fill(
        &mut self,
        lists: &mut Lists,
        _items: &'b Tree<Item>,
        most: usize,
    ) -> Option<Taken<'b>> {
        let taken = &mut self.items;
        taken.truncate(0);
        self.polled = false;
        let mut alone = None;
        lists.batch.take_front(most.min(CHUNK), |item| {
            // SAFETY: The item is in the tree, and items leave it under the mutex, which is held
            // for `'b`.
            let item: &'b Item = unsafe { item.as_ref() };
            if item.is_special() {
                alone = Some(item);
                return false;
            }
            item.place.set(Place::Idle);
            // If there is no more, the file is being closed, and the item about to be buried.
            // SAFETY: The item was not buried, which happens under the lock before the file is
            // freed.
            if unsafe { poll_file::get_raw(item.file()) } {
                // SAFETY: No more are taken than there is room for.
                unsafe { taken.push_unchecked(Pending::bare(item)) };
            }
            true
        });
        let alone = alone.filter(|_| taken.as_slice().is_empty());
        let taken = alone.and_then(|item| {
            lists.forget(item);
            // SAFETY: As above.
            Some((item, unsafe { poll_file::try_get(item.file()) }?))
        });
        self.more = !lists.batch.is_empty();
        taken
    }
}

impl Drop for Chunk<'_> {
    #[inline]
    fn drop(&mut self) {
        self.poll();
    }
}

/// A scan of what was ready when it began. Ends when it is dropped.
pub(crate) struct Scan<'a>(&'a ReadyList);

impl Scan<'_> {
    /// Sees to the items of the chunk, whose events were handed out, and takes the next ones into
    /// it, at most so many; or one that has to be taken alone, which is returned. `items` shows that
    /// the caller holds the mutex.
    pub(crate) fn take<'b>(
        &mut self,
        items: &'b Tree<Item>,
        most: usize,
        chunk: &mut Chunk<'b>,
    ) -> Option<Taken<'b>> {
        let mut lists = self.0.lock();
        lists.settle(chunk.found());
        chunk.fill(&mut lists, items, most)
    }

    /// Whether somebody was told, since this was asked last, that nothing is ready.
    pub(crate) fn take_denied(&mut self) -> bool {
        core::mem::take(&mut self.0.lock().denied)
    }

    /// Puts an item back as if it had not been taken.
    pub(crate) fn put_back(&mut self, item: &Item) {
        let mut lists = self.0.lock();
        if item.place.get() == Place::Dead {
            return;
        }
        lists.forget(item);
        lists.set_place(item, Place::Listed);
        // SAFETY: The item is in no list now, and in the tree.
        unsafe { lists.batch.push_front(item) };
    }

    /// Sees to the last items, whose events were handed out, and ends the scan.
    pub(crate) fn finish(self, chunk: &Chunk<'_>) {
        let list = self.0;
        core::mem::forget(self);
        let mut lists = list.lock();
        lists.settle(chunk.found());
        lists.end_scan();
    }
}

impl Drop for Scan<'_> {
    fn drop(&mut self) {
        self.0.lock().end_scan();
    }
}
