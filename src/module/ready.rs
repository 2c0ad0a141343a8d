// SPDX-License-Identifier: GPL-2.0

//! The ready list, who waits for it, and scans of it.
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
//! A scan runs without the spinlock, since it polls files and writes to user memory; the
//! instance's mutex makes it the only one. (With one exception: while it polls an epoll, it is
//! suspended without the mutex, and who looks meanwhile is told so; see [`crate::nesting`].) It
//! looks at some items at a time. Those that are level-triggered stay on their list, marked as seen
//! before they are polled. A wake-up takes that mark away, so what comes after the poll is not taken
//! for what the poll has seen. Others leave the list before they are polled, and a wake-up lists
//! them again. So once the events are handed out, all items are where they belong, unless a file had
//! none: such a scan takes the lock once. What could not be handed out is put back.
//!
//! If there is more than it looks at at once, the scan takes the ready list over as its batch, and
//! puts aside what is to be looked at again by the next one, while wake-ups go on filling the ready
//! list. At its end the lists are joined: what the scan did not reach, then what became ready
//! meanwhile, then what was put aside; so nobody starves. (What becomes ready during a scan that
//! looks at all there is stays behind that, and may have to wait for the next but one.) No item is
//! looked at twice by a scan.
//!
//! A file may be closed during the scan, too: its items leave whichever list they are in, for the
//! list of the dead, which the next holder of the mutex empties.

mod chunk;
mod counters;
mod scan;

pub(crate) use chunk::{
    Chunk,
    CHUNK, //
};
pub(crate) use counters::{
    increment,
    Counters, //
};
pub(crate) use scan::Scan;

use crate::{
    awake::Awake,
    event::Interest,
    held::Hold,
    item::Item,
    kernel_ext::{
        barrier::smp_mb,
        list::List,
        once::Once,
        poll_file::FileRef,
        task::Deadline,
        unreleased::Unreleased,
        wait_queue::Pollers,
        waiters::{
            self,
            Awaited,
            Policy,
            Waiters,
            WakeFlags,
            Woken, //
        }, //
    },
    key::ItemKey,
    place::Place,
    trace,
    watch, //
};
use core::{
    ops::{
        Deref,
        DerefMut, //
    },
    ptr::NonNull, //
};
use kernel::{
    fs::LocalFile,
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

/// The lists of an instance.
///
/// # Invariants
///
/// The lists hold items of this instance, all in its tree, whose `place` is not [`Place::Idle`]:
/// [`Place::Dead`] in `dead`, [`Place::Listed`] or [`Place::Seen`] in the others.
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
    /// Counts the items with that interest that are ready, and a scan that has begun to hide some:
    /// what it has taken off may be on its way back.
    awake: Awake,
    scan_is_awake: bool,
    /// Who sleeps until something is ready.
    pub(crate) waiters: Waiters,
    /// What has happened.
    pub(crate) counters: Counters,
}

// SAFETY: It is a field, which nobody takes out.
unsafe impl Awaited for Lists {
    fn waiters(&mut self) -> &mut Waiters {
        &mut self.waiters
    }
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

    /// What keeps the system awake.
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

    /// Puts the item, whose file was closed, where the next holder of the mutex finds it.
    pub(crate) fn bury(&mut self, item: &Item) {
        self.forget(item);
        self.set_place(item, Place::Dead);
        link(&mut self.dead, item);
    }

    /// Whether something is listed that no scan has taken.
    pub(crate) fn has_listed(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Whether a waiter may find something: there is something, or a scan may put some back.
    pub(crate) fn is_available(&self) -> bool {
        !self.ready.is_empty() || self.scanner.is_some()
    }

    /// Makes the item ready if it is nowhere yet. Returns whether it was not.
    #[inline]
    pub(crate) fn push(&mut self, item: &Item) -> bool {
        match item.place() {
            Place::Listed | Place::Dead => false,
            Place::Seen => {
                item.set_place(Place::Listed);
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

/// Puts an item of the instance, which is in none of the lists, behind all others on one.
#[inline]
fn link(list: &mut List<Item, 0>, item: &Item) {
    link_at(list, item, List::push_back);
}

/// Puts an item of the instance, which is in none of the lists, on one, by `push`.
#[inline(always)]
fn link_at(list: &mut List<Item, 0>, item: &Item, push: unsafe fn(&mut List<Item, 0>, &Item)) {
    // SAFETY: By its place the item is in no list. It is in the instance's tree, which it leaves
    // after it was forgotten here.
    unsafe { push(list, item) };
}

/// Takes an item off the list that it is in.
#[inline]
fn unlink(list: &mut List<Item, 0>, item: &Item) {
    // SAFETY: The callers found it there, by its place and `list_of`.
    unsafe { list.remove(item) };
}

/// An item that was found in a list whose lock, or the instance's mutex, is held during `'a`.
#[inline]
fn listed<'a>(item: NonNull<Item>) -> &'a Item {
    // SAFETY: Items in lists are in the tree. They leave it under the mutex, and before that the
    // lists, under their lock.
    unsafe { item.as_ref() }
}

/// Comes between the moment in which a scan says that it looks at items and its look at their files.
#[inline]
fn scan_may_poll() {
    smp_mb();
}

/// The ready list of an instance with its lock and its waiters.
#[pin_data]
pub(crate) struct ReadyList {
    /// The instance's.
    pub(crate) id: trace::Id,
    #[pin]
    lists: SpinLockIrq<Lists>,
    /// [`Lists::is_available`] for those who do not hold the lock. It changes under the lock, in
    /// one step.
    available: Once<bool>,
    /// Whether there are dead items.
    dead: Once<bool>,
    /// Whether a scan is going on. Written with the mutex held.
    scanning: Once<bool>,
    /// Whether somebody may be waiting.
    awaited: Once<bool>,
    /// Wake-ups that found their item ready already; and those of them that came while a scan was
    /// going on.
    repeats: Atomic<u64>,
    repeats_in_scans: Atomic<u64>,
}

impl ReadyList {
    /// Nothing ready, nobody waiting.
    pub(crate) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            id: trace::Id::new(),
            lists <- new_spinlock_irq!(Lists {
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
            }, "repoll::lists"),
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

    /// Takes the spinlock for who may not change whether there is something. If it turns out that it
    /// does, [`ReadyList::locked`] is to be told.
    #[inline]
    pub(crate) fn lock_as_is(&self) -> Guard<'_, Lists, SpinLockIrqBackend> {
        self.lists.lock()
    }

    /// The same, with interrupts off already.
    #[inline]
    pub(crate) fn lock_with<'a>(
        &'a self,
        off: &'a LocalInterruptDisabled,
    ) -> Guard<'a, Lists, SpinLockBackend> {
        self.lists.lock_with(off)
    }

    /// The lists, which the caller has locked, and may change.
    #[inline]
    pub(crate) fn locked<'a, B: Backend>(
        &'a self,
        lists: Guard<'a, Lists, B>,
    ) -> LockedLists<'a, B> {
        LockedLists { lists, list: self }
    }

    /// Makes an item ready that is so already, without the lock. Returns false if it is not, or if
    /// somebody waits or polls.
    ///
    /// Called behind a full barrier, whose pair is in [`scan_may_poll`]. Nobody goes to sleep as long as
    /// the item is ready, and a poller that has joined looks at the item.
    #[inline(always)]
    pub(crate) fn push_again(&self, item: &Item, pollers: &Pollers) -> bool {
        if !item.place().is_ready() || self.awaited.read() || pollers.is_active() || !item.unsee() {
            return false;
        }
        self.repeats.add(1, Relaxed);
        if self.is_scanning() {
            self.repeats_in_scans.add(1, Relaxed);
        }
        true
    }

    /// What has happened.
    pub(crate) fn counters(&self) -> Counters {
        let mut counters = self.lists.lock().counters;
        counters.events = counters.events.wrapping_add(self.repeats.load(Relaxed));
        let overlaps = self.repeats_in_scans.load(Relaxed);
        counters.overlaps = counters.overlaps.wrapping_add(overlaps);
        counters
    }

    /// Whether a scan is going on.
    #[inline]
    pub(crate) fn is_scanning(&self) -> bool {
        self.scanning.read()
    }

    /// Whether a waiter may find something, without the lock: what was ready before the call is
    /// not missed, but for what a scan is just handing out. If that fails it is listed again, and a
    /// waiter is woken.
    pub(crate) fn is_available(&self) -> bool {
        self.available.read()
    }

    /// Says that a waiter may find something, since an item has joined the lists, which are locked.
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

    /// Hands a wake-up that will not be consumed to another waiter.
    pub(crate) fn pass_on(&self) {
        let mut ready = self.lock();
        if !ready.ready.is_empty() {
            ready.wake_waiter(WakeFlags::NONE);
        }
    }

    /// Sleeps until something may be ready, a signal comes or the deadline passes, queued by that
    /// policy.
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

    /// How many wait, and which threads, as [`Waiters::count`].
    pub(crate) fn count_waiters(&self, most: u32, tids: &mut [i32]) -> u32 {
        self.lists.lock().waiters.count(most, tids)
    }
}

/// The lists, locked. What those see who do not take the lock is brought up to date on unlocking.
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

    /// Unlocks, and gives the item's file, unless that was closed. The caller has the mutex.
    pub(crate) fn pin_file(self, item: &Item) -> Option<Pinned> {
        let alone = Alone::new(item);
        drop(self);
        alone.pin()
    }
}

/// An item whose file is wanted, while the lock of the lists is held: with a reference to the file, if
/// it is to have one of its own and is not being closed.
struct Alone<'b> {
    item: &'b Item,
    file: Option<FileRef>,
}

impl<'b> Alone<'b> {
    /// With the lock held.
    fn new(item: &'b Item) -> Self {
        // All users of a held file have one reference.
        let own = !item.watched().is_held() && !item.is_dead();
        let file = own.then(|| unburied(item).try_get()).flatten();
        Self { item, file }
    }

    /// Gets the file, unless that is being closed. The lock of the held files is outside that of the
    /// lists, which the caller has no more.
    #[cold]
    fn pin(self) -> Option<Pinned> {
        match self.item.watched().is_held() {
            true => watch::held_file(self.item).map(Pinned::Held),
            false => self.file.map(Pinned::Open),
        }
    }
}

/// The file of an item that is not dead, while the lock of the lists is held.
#[inline]
fn unburied(item: &Item) -> Unreleased<'_> {
    // SAFETY: The item is buried under that lock, before its file is torn down.
    unsafe { Unreleased::new(item.file()) }
}

/// An item's file, which stays open for as long as this is kept.
pub(crate) enum Pinned {
    /// By a reference of its own.
    Open(FileRef),
    /// By the one reference that all items share on a file whose close cannot be heard of.
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
