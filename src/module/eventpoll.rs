// SPDX-License-Identifier: GPL-2.0

//! An instance: its items, its mutexes, its pollers, its release.
//!
//! The banner of the crate explains how the parts work together.

mod info;
mod mutexes;
mod poll;

pub(crate) use info::BATCH;
pub(crate) use mutexes::{
    Mutexes,
    Outer, //
};
pub(crate) use poll::poll_item;

use crate::{
    busy_poll::BusyPoll,
    item::{
        Item,
        Owned,
        Owner, //
    },
    kernel_ext::{
        anon_file,
        barrier::smp_mb,
        global::{
            Global,
            Installed,
            Loading, //
        },
        nested_mutex::{
            lock_interruptible,
            lock_killable, //
        },
        once::Once,
        rbtree::{
            Keyed,
            Tree, //
        },
        slab::SlabBox,
        task,
        wait_queue::Pollers,
        waiters::Policy, //
    },
    key::ItemKey,
    limits::Account,
    marks::Marks,
    place::Place,
    ready::ReadyList,
    registry::{
        Registered,
        Registration,
        Registry, //
    },
    relay::Relay,
    trace,
    vertex::Vertex,
    watch, //
};
use core::{
    mem::offset_of,
    ops::{
        Deref,
        DerefMut, //
    },
};
use kernel::{
    fs::LocalFile,
    prelude::*,
    static_lock_class,
    sync::{
        lock::mutex::MutexBackend,
        lock::Guard,
        new_mutex,
        Mutex, //
    },
};

/// How many dead items are removed before other tasks get a chance to run, or to take the mutex.
const DEAD_BATCH: usize = 64;

/// The items of an instance.
pub(crate) struct Set {
    /// The items by their keys.
    pub(crate) items: Tree<Item>,
    /// The marks on the superblocks of their files.
    pub(crate) marks: Marks,
}

impl Set {
    /// The tree of all items.
    pub(crate) fn items(&self) -> &Tree<Item> {
        &self.items
    }
}

/// Counts operations. Written with the mutex held, read by any task.
pub(crate) struct Tally {
    adds: Once<u64>,
    mods: Once<u64>,
    dels: Once<u64>,
    /// Scans by waiters.
    waits: Once<u64>,
    /// How many of them delivered nothing.
    vain: Once<u64>,
    /// Events that were delivered.
    delivered: Once<u64>,
    /// Items whose files had no events when a scan polled them.
    spurious: Once<u64>,
}

impl Tally {
    const fn new() -> Self {
        Self {
            adds: Once::new(0),
            mods: Once::new(0),
            dels: Once::new(0),
            waits: Once::new(0),
            vain: Once::new(0),
            delivered: Once::new(0),
            spurious: Once::new(0),
        }
    }

    /// An item was added.
    #[inline]
    pub(crate) fn add(&self) {
        self.adds.increment();
    }

    /// An item was modified.
    #[inline]
    pub(crate) fn modify(&self) {
        self.mods.increment();
    }

    /// An item was deleted.
    #[inline]
    pub(crate) fn delete(&self) {
        self.dels.increment();
    }

    /// A waiter's scan has delivered this many events.
    #[inline]
    pub(crate) fn wait(&self, delivered: usize) {
        self.waits.increment();
        if delivered == 0 {
            self.vain.increment();
        }
        self.delivered.add(delivered as u64);
    }

    /// A scan has polled this many items that had no events.
    #[inline]
    pub(crate) fn spurious(&self, items: usize) {
        if items != 0 {
            self.spurious.add(items as u64);
        }
    }
}

/// An instance. `fs/eventpoll.c` calls it `struct eventpoll`.
#[pin_data]
pub(crate) struct Eventpoll {
    /// Outside the set's mutex. Changes and waits on an instance that watches an epoll hold it: see
    /// [`nesting`](crate::nesting).
    #[pin]
    outer: Mutex<()>,
    /// Whether the instance ever watched an epoll. Set with both mutexes held.
    watches_epolls: Once<bool>,
    #[pin]
    set: Mutex<Set>,
    /// The account of the user who created the instance.
    pub(crate) account: Account,
    /// Which waiter is woken.
    pub(crate) policy: Policy,
    /// The ready items, and the tasks that wait for one.
    #[pin]
    pub(crate) ready: ReadyList,
    /// The pollers of the instance itself.
    #[pin]
    pub(crate) pollers: Pollers,
    /// The instance in the graph of instances that watch each other.
    pub(crate) vertex: Vertex,
    /// The work of a worker for the instance.
    #[pin]
    pub(crate) relay: Relay<Self>,
    /// Busy polling by waiters before they sleep.
    pub(crate) busy_poll: BusyPoll,
    pub(crate) tally: Tally,
    /// The instance in the registry of all instances.
    pub(crate) registration: Registration,
    pub(crate) answers_direct_calls: bool,
}

impl Eventpoll {
    /// An instance without items, charged to the current user. It answers direct calls if
    /// requested.
    pub(crate) fn new(policy: Policy, answers_direct_calls: bool) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            outer <- new_mutex!((), "repoll::outer"),
            watches_epolls: Once::new(false),
            set <- new_mutex!(Set {
                items: Tree::new(),
                marks: Marks::new(),
            }, "repoll::set"),
            account: Account::of_current_user()?,
            policy,
            ready <- ReadyList::new(),
            pollers <- Pollers::new(c"repoll::pollers", static_lock_class!()),
            vertex: Vertex::new(),
            relay <- Relay::new(),
            busy_poll: BusyPoll::new(),
            tally: Tally::new(),
            registration: Registration::new(),
            answers_direct_calls,
        })
    }

    /// Takes the mutex for a change or a delivery. Returns `None` if the instance watches an epoll,
    /// which requires both mutexes.
    ///
    /// # Errors
    ///
    /// `EINTR` if the task is being killed.
    #[inline(always)]
    pub(crate) fn enter_plain(&self) -> Result<Option<LockedSet<'_>>> {
        if self.watches_epolls.read() {
            return Ok(None);
        }
        let set = self.lock()?;
        // It changes with the mutex held.
        Ok((!self.watches_epolls.read()).then_some(set))
    }

    /// Takes the outer mutex and the mutex, for a change or a delivery of an instance that watches
    /// an epoll, or is about to.
    ///
    /// # Errors
    ///
    /// As [`Eventpoll::enter_plain`].
    #[cold]
    pub(crate) fn enter_both(&self) -> Result<(Outer<'_>, LockedSet<'_>)> {
        let outer = self.lock_outer()?;
        Ok((outer, self.lock()?))
    }

    /// Takes the mutex. Then there are no dead items, except those that die while it is held.
    ///
    /// # Errors
    ///
    /// `EINTR` if the task is being killed. The mutex may be held for as long as the poll of a file
    /// takes, which users can make arbitrarily long.
    #[inline(always)]
    pub(crate) fn lock(&self) -> Result<LockedSet<'_>> {
        self.lock_nested(0)
    }

    /// Takes the mutex while the caller holds the mutexes of `nesting` other instances. Each of
    /// them watches the next one, and the last one watches this instance.
    ///
    /// # Errors
    ///
    /// Those of [`Eventpoll::lock`].
    #[inline(always)]
    pub(crate) fn lock_nested(&self, nesting: u32) -> Result<LockedSet<'_>> {
        Ok(self.locked(lock_killable(&self.set, nesting)?))
    }

    /// Takes the mutex, unless a signal comes first.
    ///
    /// # Errors
    ///
    /// `EINTR`.
    fn lock_interruptible(&self) -> Result<LockedSet<'_>> {
        Ok(self.locked(lock_interruptible(&self.set)?))
    }

    #[inline]
    fn locked<'a>(&'a self, mut set: Guard<'a, Set, MutexBackend>) -> LockedSet<'a> {
        if self.ready.has_dead() {
            self.remove_all_dead(&mut set);
        }
        LockedSet {
            set,
            _afterwards: RemoveDead(self),
        }
    }

    #[cold]
    fn remove_all_dead(&self, set: &mut Set) {
        while self.ready.has_dead() {
            self.remove_some_dead(set);
            task::cond_resched();
        }
    }

    fn remove_some_dead(&self, set: &mut Set) {
        for _ in 0..DEAD_BATCH {
            let Some(key) = self.ready.first_dead() else {
                return;
            };
            // Dead items are still in the tree.
            if let Some(item) = set.items.remove(&key) {
                self.dispose(item);
            }
        }
    }

    /// Undoes all effects of an item, and frees it. It is not in the tree.
    pub(crate) fn dispose(&self, item: SlabBox<Item>) {
        watch::stop(&item);
        // No wake-up or close can reach the item any more, so only the holder of the mutex moves
        // it.
        if item.place() != Place::Idle {
            self.ready.lock().forget(&item);
        }
        self.account.uncharge();
    }

    /// Removes an item from the tree, and disposes of it.
    ///
    /// # Errors
    ///
    /// `ENOENT`.
    pub(crate) fn remove(&self, set: &mut Set, key: &ItemKey) -> Result {
        let item = set.items.remove(key).ok_or(ENOENT)?;
        self.dispose(item);
        Ok(())
    }

    /// Removes some dead items, unless another task holds the mutex, which then removes them.
    /// Returns whether the caller has to remove more. Does not wait.
    #[inline]
    pub(crate) fn try_remove_dead(&self) -> bool {
        // Either the holder sees the dead items when it checks the list after its unlock, or the
        // attempt here sees the unlock.
        smp_mb();
        self.ready.has_dead() && self.try_remove_some_dead()
    }

    #[cold]
    fn try_remove_some_dead(&self) -> bool {
        let Some(mut set) = self.set.try_lock() else {
            return false;
        };
        self.remove_some_dead(&mut set);
        drop(set);
        smp_mb();
        self.ready.has_dead()
    }

    /// The instance that a file is, if it is one.
    pub(crate) fn of_file(file: &LocalFile) -> Option<&Self> {
        anon_file::of_file(file)
    }

    /// Undoes everything, because the last reference to the instance's file is gone.
    pub(crate) fn release(&self) {
        trace::release(self.ready.id);
        instances().remove(self);
        // Without a reference to the instance's file, another task can only have the mutex to
        // remove a few dead items. Users cannot prolong that, so a wait that cannot be killed is
        // acceptable.
        let mut set = self.locked(self.set.lock());
        while let Some(item) = set.items.pop() {
            self.dispose(item);
            task::cond_resched();
        }
        set.marks.clear();
        drop(set);
        self.account.close();
        self.vertex.set_file(0);
        self.relay.stop();
        let wakeup_source = self.ready.lock().awake().set_source(None);
        drop(wakeup_source);
    }
}

impl Owned for Item {
    type Owner = Eventpoll;
}

impl Owner for Eventpoll {
    fn id(&self) -> trace::Id {
        self.ready.id
    }

    #[inline]
    fn user(&self) -> u32 {
        self.registration.user()
    }

    fn bury(&self, item: &Item) {
        self.ready.lock().bury(item);
    }

    #[inline]
    fn remove_dead_soon(&self) {
        if self.try_remove_dead() {
            self.relay.start();
        }
    }
}

// SAFETY: The offset is that of the node, which nothing else uses; the id does not change while the
// instance is in the tree.
unsafe impl Keyed<0> for Eventpoll {
    type Key = u64;
    const OFFSET: usize = offset_of!(Eventpoll, registration) + Registration::NODE;
    fn key(&self) -> u64 {
        self.registration.id()
    }
}

// SAFETY: The instance is inserted when its file, whose address is in its vertex, is opened, and
// removed by `release`. It lies in an `RcuBox`.
unsafe impl Registered for Eventpoll {
    fn registration(&self) -> &Registration {
        &self.registration
    }

    fn file_address(&self) -> usize {
        self.vertex.file()
    }
}

static INSTANCES: Global<Pin<KBox<Registry<Eventpoll>>>> = Global::empty();

/// Creates the registry of all instances, as long as the result is kept.
pub(crate) fn install(loading: &Loading) -> Result<Installed<Pin<KBox<Registry<Eventpoll>>>>> {
    INSTANCES.install(loading, KBox::pin_init(Registry::new(), GFP_KERNEL)?)
}

/// All instances.
pub(crate) fn instances() -> &'static Registry<Eventpoll> {
    INSTANCES.get()
}

/// The items, with the mutex held.
pub(crate) struct LockedSet<'a> {
    // Dropped in this order: the unlock, then the check for dead items.
    set: Guard<'a, Set, MutexBackend>,
    _afterwards: RemoveDead<'a>,
}

/// On drop, removes the items that died while the mutex was held.
struct RemoveDead<'a>(&'a Eventpoll);

impl Drop for RemoveDead<'_> {
    fn drop(&mut self) {
        while self.0.try_remove_dead() {
            task::cond_resched();
        }
    }
}

impl Deref for LockedSet<'_> {
    type Target = Set;

    fn deref(&self) -> &Set {
        &self.set
    }
}

impl DerefMut for LockedSet<'_> {
    fn deref_mut(&mut self) -> &mut Set {
        &mut self.set
    }
}
