// SPDX-License-Identifier: GPL-2.0

//! Watched files, and what their last close does to the items on them.
//!
//! In the kernel, `__fput()` calls epoll for every file that is released. It does not call a module.
//! A module must not hold a reference to the file instead: the peer of a socket would not see it
//! closed for as long as it is watched. And it must not miss a release: its entries on the file's
//! wait queues would point into freed memory.
//!
//! # How a close is heard of
//!
//! Each open file that is watched has one [`Watched`], to which all items on it refer. It knows how
//! the file's close is heard of, in one of three ways:
//!
//! * *By a mark on the superblock* ([`fsnotify`]): `__fput()` calls fsnotify first, before anything
//!   of the file is torn down, in the closing task, and only for the last reference: copies of the
//!   descriptor keep it from happening.
//! * *By the file's last wake-up*: the release of an eventfd wakes its wait queue with `POLLHUP`.
//!   The `Watched` keeps that queue.
//! * *Not at all*. The master of a pseudo-terminal is silent for a reason: its inode is shared by all
//!   users, who could otherwise watch each other type. Such a file is [`held`] by a reference, and let
//!   go of as soon as nobody else has one; [`HOLD_PERIOD_MS`] says how often that is looked at. It is
//!   not reported meanwhile.
//!
//! # Anonymous files
//!
//! Timerfds, signalfds and the like are silent, too, and share one inode, but holding them would
//! delay what their release does, for as many of them as there are. They are made to report while
//! they are watched. So an inotify or fanotify mark on that inode, which is root's, shows reads,
//! writes and closes of watched ones, though not whose. There is no other way to hear of the close
//! of one of them: before `release`, `__fput()` calls fsnotify, which the file's mode lets through
//! or not, for all events alike; epoll, for its own items; file locks, by the inode, which all
//! share; security modules, which cannot be loaded; and `fasync`, an operation that these files do
//! not have.
//!
//! Marks have a price for files that are not watched: each close on the same superblock looks into
//! the table below, and reads and writes pass a test of the mark's mask. So the mark is there only
//! while an item needs it, or an instance that has had such an item.
//!
//! # The table
//!
//! All items whose file is not released are in the watch table, sorted by their file, so that those
//! on one file are neighbours. **While an item is in the table, its file and its wait queues exist;
//! and it leaves its wait queues, and then the table, under the lock of its `Watched`.** So:
//!
//! * the holder of that lock may unhook an item that is in the table without a reference to the
//!   file, since the file's release waits for the lock;
//! * once the release of a file has passed here, no item refers to it: another file may have its
//!   address at once, and many do;
//! * the instance of an item in the table is not freed before the item has left it, and then only
//!   after a grace period.
//!
//! (An eventfd's items stay in the table after its release. They are unhooked by then, the queue
//! exists, and as long as it does no other file is found by its address.)
//!
//! Unhooking takes the lock of the file's wait queue, which may be held for as long as a wake-up of
//! all items on it takes. Only a task that closes that very file, or stops watching it, waits for
//! that: the lock of a bucket, which other files share, is held for some steps in a tree.
//!
//! # From the close to the last trace of the item
//!
//! `__fput()` → [`Closing::closing`] → [`Table::bury`] → for each item on the file
//! [`Table::bury_one`]: unhooked, out of the table, off the ready list, onto its instance's list of
//! the dead. From outside, the item is gone. The hook must not wait for
//! anybody, so it cannot take the instance's mutex: then [`Owner::remove_dead_soon`] takes it if
//! nobody has it, else its holder removes the dead on unlocking; if more are dead than one removes at
//! once, [`relay`] sees to the rest. The item goes by `Eventpoll::dispose` → [`stop`], which finds
//! nothing to do, and with the last one on the file the [`Watched`]. For an eventfd,
//! [`Item::ended`](crate::kernel_ext::hook::Hooked::ended) begins this, and `stop` takes the item
//! out of the table.
//!
//! The banner of the crate has the order of the locks.

use crate::{
    held::{
        self,
        Hold, //
    },
    item::{
        Instance,
        Item,
        Owner, //
    },
    kernel_ext::{
        fsnotify::{
            self,
            CloseListener,
            Group, //
        },
        global::{
            Global,
            Installed,
            Loading, //
        },
        hint,
        hosted::{
            Hosted,
            Shared, //
        },
        once::Once,
        poll_file::{
            self,
            CloseSource,
            FileRef, //
        },
        rbtree::RawTree,
        slab::SlabBox,
        task,
        unreleased::Unreleased,
        work::Periodic, //
    },
    key::WatchKey,
    kind::Kind,
    links::{
        self,
        Reservation, //
    },
    marks::{
        self,
        Marks, //
    },
    trace,
    watched::{
        Source,
        Watched, //
    }, //
};
use core::{
    pin::Pin,
    ptr::NonNull, //
};
use kernel::{
    bindings,
    fs::LocalFile,
    new_spinlock,
    prelude::*,
    sync::{
        atomic::{
            ordering::{
                Acquire,
                Release, //
            },
            Atomic, //
        },
        rcu,
        SpinLock, //
    },
};

/// How often, in milliseconds, files that cannot be heard of are looked at.
pub(crate) const HOLD_PERIOD_MS: u32 = 50;

/// How many items of one user's on a file may have the pollers of their instances woken with the
/// wake-up of the file. The others' are woken by the [`relay`]: they are *crowded*.
const CROWD: usize = 32;

/// How many items there may be on an open file, whoever has them. It bounds how long its release
/// takes, all within fsnotify's read-side section. (A wake-up goes through the items on all open
/// files that share a wait queue.)
const MAX_WATCHERS: usize = 1 << 16;

/// How many locks the table is spread over.
const BUCKETS: usize = 1 << 10;

static TABLE: Global<Table> = Global::empty();
static LOOKS: Global<Periodic> = Global::empty();

static OPERATIONS: fsnotify::GroupOperations = fsnotify::GroupOperations::new::<Closing>();

/// What the last item on a file leaves behind, to be dropped without locks.
enum Left {
    /// A reference to the file, which was made silent again.
    File(#[expect(dead_code)] FileRef),
    /// What held the file.
    Hold(#[expect(dead_code)] held::Released),
}

impl Left {
    #[cold]
    fn let_go(self) {}
}

/// The items whose files share a bucket, sorted by file, then by user.
///
/// # Invariants
///
/// Every item is `watched`, and its file is not released, unless that hangs up. It is in its
/// instance's tree, or on the way there, by somebody who has references to the file and to the
/// instance's own. If the file is an instance's, its link is in [`links`].
struct Items(RawTree<Item, 1>);

impl Items {
    /// The first item from that key on, if it is on the same file.
    fn from(&self, key: &WatchKey) -> Option<&Item> {
        let found = self.0.get_from(key)?;
        (found.address() == key.address).then_some(found)
    }

    /// The first item on a file.
    fn first(&self, address: usize) -> Option<&Item> {
        self.from(&WatchKey::first(address))
    }

    /// The first [`CROWD`] items of that user's on a file, and one more.
    fn of_user(&self, address: usize, user: u32) -> impl Iterator<Item = &Item> {
        let mut key = WatchKey::first_of(address, user);
        core::iter::from_fn(move || {
            let item = self.from(&key).filter(|item| item.owner().user() == user)?;
            key = item.watch_key().next();
            Some(item)
        })
        .take(CROWD + 1)
    }

    /// Puts a new item in. Returns whether it is the first one on its file.
    ///
    /// # Errors
    ///
    /// `ENOSPC` if there are [`MAX_WATCHERS`] on the file.
    fn insert(&mut self, item: &SlabBox<Item>) -> Result<bool> {
        let address = item.address();
        let known = self.first(address).map(|first| first.watched().share());
        let is_first = known.is_none();
        if let Some(known) = &known {
            let others = known.items() - 1;
            if others >= MAX_WATCHERS {
                return Err(ENOSPC);
            }
            let user = item.owner().user();
            let crowded = others >= CROWD && self.of_user(address, user).count() >= CROWD;
            item.crowded.write(crowded);
        }
        item.in_table.write(true);
        // SAFETY: The item is new: it is in no table, tree or list yet. It is taken out before it is
        // dropped.
        unsafe {
            if let Some(known) = known {
                Hosted::join(item, known);
            }
            self.0.insert(NonNull::from(&**item));
        }
        Ok(is_first)
    }

    /// Takes an item out that is unhooked.
    fn remove(&mut self, item: &Item) -> Option<Left> {
        // SAFETY: The callers found it here.
        unsafe { self.0.remove(NonNull::from(item)) };
        item.in_table.write(false);
        if item.kind() == Kind::Instance {
            links::remove(item);
        }
        let watched = item.watched();
        if watched.items() > CROWD && !item.crowded.read() {
            self.make_room(item);
        }
        if watched.has_to_end() && self.first(item.address()).is_none() {
            return end(item);
        }
        None
    }

    /// An item that was not crowded has left its file: another one of the user's is crowded no longer.
    #[cold]
    fn make_room(&self, item: &Item) {
        let mut others = self.of_user(item.address(), item.owner().user());
        if let Some(crowded) = others.find(|other| other.crowded.read()) {
            crowded.crowded.write(false);
        }
    }
}

/// The file of an item that is or was in the table while the caller has one of its locks.
fn unreleased(item: &Item) -> Unreleased<'_> {
    // SAFETY: The release of the file needs that lock to take the item out, or to find that it is.
    unsafe { Unreleased::new(item.file()) }
}

/// The last item has left its file, under the lock of the bucket.
#[cold]
fn end(item: &Item) -> Option<Left> {
    if item.watched().is_held() {
        return held::release(item.file().addr()).map(Left::Hold);
    }
    // If there is no reference to be had, the file is being released.
    let file = unreleased(item).try_get()?;
    poll_file::set_reporting(&file, false);
    Some(Left::File(file))
}

/// A part of the table with a lock of its own.
#[pin_data]
struct Bucket {
    /// Whether there are any. Written under the lock.
    occupied: Atomic<bool>,
    #[pin]
    items: SpinLock<Items>,
}

impl Bucket {
    /// Makes a change, and brings `occupied` up to date.
    fn change<T>(&self, change: impl FnOnce(&mut Items) -> T) -> T {
        let mut items = self.items.lock();
        let changed = change(&mut items);
        self.occupied.store(items.0.any().is_some(), Release);
        changed
    }
}

/// All items whose files are not released.
struct Table(Pin<KVBox<[Bucket]>>);

impl Table {
    fn new() -> Result<Self> {
        let bucket = |_| {
            try_pin_init!(Bucket {
                occupied: Atomic::new(false),
                items <- new_spinlock!(Items(RawTree::new()), "repoll::bucket"),
            }? Error)
        };
        Ok(Self(KVBox::pin_slice(bucket, BUCKETS, GFP_KERNEL)?))
    }

    /// The bucket of the file with that address, which is that of an object from a slab: the low
    /// bits say little, the middle ones most.
    fn bucket(&self, address: usize) -> &Bucket {
        const GOLDEN: u64 = 0x61c8_8646_80b5_83eb;
        let hash = (address as u64).wrapping_mul(GOLDEN) >> (u64::BITS - BUCKETS.ilog2());
        &self.0[hash as usize % BUCKETS]
    }

    /// What is known of a file that may be watched.
    fn watched(&self, address: usize) -> Option<Shared<Item>> {
        let bucket = self.bucket(address);
        // An addition comes before the last reference to the file, the adder's, is given back, which
        // orders the two: the release of the file sees it. A removal has let go of the file's wait
        // queues before this can be false.
        if !bucket.occupied.load(Acquire) {
            return None;
        }
        let items = bucket.items.lock();
        items.first(address).map(|item| item.watched().share())
    }

    /// Buries the items on a file, one by one: it is being released, or nobody but its holder refers
    /// to it.
    fn bury(&self, address: usize) {
        if let Some(watched) = self.watched(address) {
            while self.bury_one(address, &watched) {
                task::cond_resched();
            }
        }
    }

    /// Buries an item on a file, if there is one. Returns whether there are others.
    fn bury_one(&self, address: usize, watched: &Watched) -> bool {
        let bucket = self.bucket(address);
        let _rcu = rcu::read_lock();
        let (owner, left, more) = {
            let _unhooking = watched.unhooking.lock();
            let first = bucket.items.lock().first(address).map(NonNull::from);
            let Some(item) = first else {
                return false;
            };
            // SAFETY: The item is in the table, which it leaves before it is dropped, under the lock
            // that is held. What it refers to is used longer: its instance was not released under
            // the RCU read lock, so it is freed after that is let go.
            let item = unsafe { item.as_ref() };
            unhook(item);
            trace::dropped(move || (item.traced(unreleased(item)), item.watched().is_held()));
            let (left, more) = bucket.change(|items| {
                let left = items.remove(item);
                (left, items.first(address).is_some())
            });
            let owner = item.owner();
            owner.bury(item);
            (owner, left, more)
        };
        drop(left);
        owner.remove_dead_soon();
        more
    }
}

/// What fsnotify calls.
struct Closing;

impl CloseListener for Closing {
    fn closing(file: *const bindings::file) {
        TABLE.get().bury(file.addr());
    }
}

/// Buries the items on held files that nobody else refers to. Returns whether any are held still.
fn let_go() -> bool {
    let mut from = 0;
    while let Some((file, released)) = held::release_abandoned(from) {
        if released.is_some() {
            TABLE.get().bury(file);
        }
        // The file is closed, unless somebody is just looking at it.
        drop(released);
        task::cond_resched();
        from = file + 1;
    }
    held::any()
}

/// Watching, while the module is loaded.
pub(crate) struct Watching {
    // Dropped in this order: what calls into the table first.
    _looks: Installed<Periodic>,
    _marking: Installed<Group>,
    _table: Installed<Table>,
    _held: Installed<held::Holds>,
}

impl Watching {
    /// Prepares everything; no mark is set yet.
    pub(crate) fn new(loading: &Loading) -> Result<Self> {
        let table = Table::new()?;
        let looks = Periodic::new(let_go, HOLD_PERIOD_MS)?;
        let held = held::install(loading)?;
        Ok(Self {
            _table: TABLE.install(loading, table)?,
            _marking: marks::install(loading, &OPERATIONS)?,
            _looks: LOOKS.install(loading, looks)?,
            _held: held,
        })
    }
}

/// An item that is about to watch its file.
pub(crate) struct NewItem {
    /// The item.
    pub(crate) item: SlabBox<Item>,
    hold: Option<held::Prepared>,
}

impl NewItem {
    /// Has `make` make an item on `file`, for an instance with these `marks`.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    #[inline(always)]
    pub(crate) fn make(
        file: &LocalFile,
        marks: &mut Marks,
        make: impl FnOnce(Source) -> Result<SlabBox<Item>>,
    ) -> Result<Self> {
        let mut hold = None;
        let source = match poll_file::close_source(file) {
            CloseSource::SuperBlock => {
                marks.set(file)?;
                Source::SuperBlock {
                    made_to_report: Once::new(false),
                }
            }
            CloseSource::Eventfd(eventfd) => Source::Eventfd(eventfd),
            CloseSource::None => {
                hold = Some(held::Prepared::new(file)?);
                Source::Held
            }
        };
        Ok(Self {
            item: make(source)?,
            hold,
        })
    }

    /// Puts the item into the table, and its link if it has one. `file` is its file, of which the
    /// caller has a reference, as of the instance's own, until the item is in the instance's tree.
    ///
    /// # Errors
    ///
    /// `ENOSPC` if the file has too many items.
    pub(crate) fn start(&mut self, file: &LocalFile, link: Option<Reservation>) -> Result {
        let Self { item, hold } = self;
        let bucket = TABLE.get().bucket(item.address());
        bucket.change(|items| {
            if items.insert(item)? {
                item.watched().begin(file);
                if let Some(hold) = hold.take() {
                    hold.hold();
                    LOOKS.get().start();
                }
            }
            if let Some(link) = link {
                // SAFETY: Links are for instances; the link leaves with the item.
                unsafe { links::insert(link, item) };
            }
            Ok(())
        })
    }

    /// The item, which has started.
    #[inline]
    pub(crate) fn into_item(self) -> SlabBox<Item> {
        match self {
            Self { item, hold: None } => item,
            // Somebody else holds the file already.
            Self { item, .. } => {
                hint::cold_path();
                item
            }
        }
    }
}

/// The file of an item whose file is held, unless that is closed.
pub(crate) fn held_file(item: &Item) -> Option<Hold> {
    let hold = held::get(item.file().addr())?;
    // The item of a file that is closed is dead before another file can have the address.
    (!item.is_dead()).then_some(hold)
}

/// Whether an instance watches the file with that address.
pub(crate) fn is_watched(file: usize) -> bool {
    next_watcher(&mut WatchKey::first(file), |_| ()).is_some()
}

/// Calls `see` with the instance of the next item on a file, from `from` on, with the lock of the
/// bucket held. An instance comes as often as it watches the file. Some that come or go meanwhile may
/// be missing.
pub(crate) fn next_watcher<T>(from: &mut WatchKey, see: impl FnOnce(&Instance) -> T) -> Option<T> {
    let items = TABLE.get().bucket(from.address).items.lock();
    let item = items.from(from)?;
    *from = item.watch_key().next();
    Some(see(item.owner()))
}

/// Takes an item off its wait queues that is in the table, with the file's unhooking lock held.
fn unhook(item: &Item) {
    // SAFETY: The callers hold the lock, which excludes other calls, and have found the item in the
    // table, where it is only while its wait queues exist.
    unsafe { item.hooks.unhook() };
}

/// If the item takes turns with others on its file, this one was its.
pub(crate) fn end_turn(item: &Item) {
    if !item.takes_turns() {
        return;
    }
    // Even if the file stays open: if it is held it may be found to be closed meanwhile.
    let _unhooking = item.watched().unhooking.lock();
    if item.in_table.read() {
        // SAFETY: The lock is held, without which nobody unhooks the item; and it is in the table.
        unsafe { item.hooks.move_back() };
    }
}

/// Takes an item off its wait queues and out of the table, unless the release of its file did.
/// When this has returned no callback and no release refers to the item.
pub(crate) fn stop(item: &Item) {
    let watched = item.watched();
    let left = {
        let _unhooking = watched.unhooking.lock();
        if !item.in_table.read() {
            return;
        }
        unhook(item);
        let bucket = TABLE.get().bucket(item.address());
        bucket.change(|items| items.remove(item))
    };
    if let Some(left) = left {
        left.let_go();
    }
}
