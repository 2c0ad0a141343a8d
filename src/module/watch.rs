// SPDX-License-Identifier: GPL-2.0

//! Watching files, and the effect of their last close on the items.
//!
//! The kernel's `__fput()` calls epoll for every file that is released. It does not call a module.
//! A module must not hold a reference to the file instead: the peer of a socket would not see it
//! closed as long as it is watched. And a module must not miss a release: its entries on the file's
//! wait queues would point into freed memory.
//!
//! # How a close is noticed
//!
//! All items on an open file share one [`Watched`](crate::watched::Watched). It determines how the
//! module notices that the file is closed, in one of three ways:
//!
//! * *By a mark on the superblock* ([`fsnotify`]): `__fput()` calls fsnotify first, before anything
//!   of the file is torn down, in the closing task, and only for the last reference, so not while a
//!   copy of the descriptor is open.
//! * *By the file's last wake-up*: the release of an eventfd wakes its wait queue with `POLLHUP`.
//!   The `Watched` keeps that queue.
//! * *Not at all*. The master of a pseudo-terminal reports nothing for a reason: all users share
//!   its inode, and could otherwise observe each other typing. The module [holds](held) such a file
//!   by a reference, and drops it as soon as there is no other one, which it checks every
//!   [`HOLD_PERIOD_MS`]. Meanwhile, waits do not report the file.
//!
//! # Anonymous files
//!
//! Timerfds, signalfds and other anonymous files also report nothing, and share one inode. Holding
//! them would delay the effects of their release, for any number of them. So they report while they
//! are watched. An inotify or fanotify mark on that inode, which belongs to root, then shows reads,
//! writes and closes of watched files, though not whose. There is no other way to notice that one
//! of them is closed. Before `release`, `__fput()` calls only these: fsnotify, which the file's
//! mode enables or not, for all events alike; epoll, for its own items; file locks, by the inode,
//! which all share; security modules, which cannot be loaded; and `fasync`, an operation that these
//! files do not have.
//!
//! Marks have a price for files that are not watched: each close on the same superblock causes a
//! lookup in the table below, and reads and writes test the mark's mask. So a mark exists only
//! while an item needs it, or an instance that has had such an item.
//!
//! # The table
//!
//! All items whose file is not released are in the watch table, sorted by their file, so that items
//! on one file are neighbours. **While an item is in the table, its file and its wait queues exist;
//! and it leaves its wait queues, and then the table, under the unhooking lock of its `Watched`.**
//! So:
//!
//! * the holder of that lock may unhook an item that is in the table without a reference to the
//!   file, because the file's release waits for the lock;
//! * once the release of a file has passed this code, no item refers to it: another file may get
//!   its address at once, and many do;
//! * the instance of an item in the table is not freed before the item has left the table, and then
//!   only after a grace period.
//!
//! (An eventfd's items stay in the table after its release. They are unhooked by then, the queue
//! still exists, and as long as it does, no other file is found by its address.)
//!
//! Unhooking takes the lock of the file's wait queue, which may be held as long as a wake-up of all
//! items on it takes. Only a task that closes that very file, or stops watching it, waits for that:
//! the lock of a bucket, which other files share, is held for a few steps in a tree.
//!
//! # From the close to the end of the item
//!
//! `__fput()` → [`Closing::closing`] → [`bury`] → for each item on the file [`bury_one`]: the item
//! is unhooked, leaves the table and the ready list, and joins its instance's list of the dead. For
//! users, it is gone. The hook must not wait, so it cannot take the instance's mutex.
//! [`Owner::remove_dead_soon`] takes the mutex if it is free; otherwise its holder removes the dead
//! items when it unlocks; and if more items are dead than one of them removes at once, the
//! [`relay`](crate::relay) removes the rest. The item ends in `Eventpoll::dispose` → [`stop`],
//! which finds nothing to do, and with the last item on the file its `Watched` ends. For an
//! eventfd, [`Hooked::ended`](crate::kernel_ext::hook::Hooked::ended) starts this, and `stop`
//! removes the item from the table.
//!
//! The banner of the crate describes the order of the locks.

mod table;

use table::{
    unreleased,
    Table, //
};

use crate::{
    held,
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
        once::Once,
        poll_file::{
            self,
            CloseSource, //
        },
        slab::SlabBox,
        task,
        work::Periodic, //
    },
    key::WatchKey,
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
use core::ptr::NonNull;
use kernel::{
    bindings,
    fs::LocalFile,
    prelude::*,
    sync::rcu, //
};

/// How often, in milliseconds, the module checks whether held files have other users.
pub(crate) const HOLD_PERIOD_MS: u32 = 50;

static TABLE: Global<Table> = Global::empty();
static LOOKS: Global<Periodic> = Global::empty();

static OPERATIONS: fsnotify::GroupOperations = fsnotify::GroupOperations::new::<Closing>();

/// Buries the items on a file, one by one. The file is being released, or the hold is the only
/// reference to it.
fn bury(address: usize) {
    if let Some(watched) = TABLE.get().watched(address) {
        while bury_one(address, &watched) {
            task::cond_resched();
        }
    }
}

/// Buries an item on a file, if there is one. Returns whether there are more.
fn bury_one(address: usize, watched: &Watched) -> bool {
    let bucket = TABLE.get().bucket(address);
    let _rcu = rcu::read_lock();
    let (owner, left, more) = {
        let _unhooking = watched.unhooking.lock();
        let first = bucket.items.lock().first(address).map(NonNull::from);
        let Some(item) = first else {
            return false;
        };
        // SAFETY: The item is in the table, which it leaves before it is dropped, under the lock
        // that is held. Its instance is used for longer, under the RCU read lock. The release of
        // the instance disposes of the item first, so it has not finished; and the instance is
        // freed a grace period after it.
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

/// Receives the calls of fsnotify.
struct Closing;

impl CloseListener for Closing {
    fn closing(file: *const bindings::file) {
        bury(file.addr());
    }
}

/// Buries the items on held files to which there are no other references. Returns whether any files
/// are still held.
fn let_go() -> bool {
    let mut from = 0;
    while let Some((file, released)) = held::release_abandoned(from) {
        if released.is_some() {
            bury(file);
        }
        // This closes the file, unless a task is just checking it.
        drop(released);
        task::cond_resched();
        from = file + 1;
    }
    held::any()
}

/// The globals of watching, while the module is loaded.
pub(crate) struct Watching {
    // Dropped in this order: first the callers of the table.
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
    /// Calls `make` to create an item on `file`, for an instance with these `marks`.
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

    /// Inserts the item into the table, and its link if it has one. The caller has references to
    /// `file`, which is the item's, and to the instance's own file, until the item is in the
    /// instance's tree.
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
                // SAFETY: Links are for instances; the link is removed with the item.
                unsafe { links::insert(link, item) };
            }
            Ok(())
        })
    }

    /// The item, after it was started.
    #[inline]
    pub(crate) fn into_item(self) -> SlabBox<Item> {
        match self {
            Self { item, hold: None } => item,
            // The file is held already, for another item.
            Self { item, .. } => {
                hint::cold_path();
                item
            }
        }
    }
}

/// Whether an instance watches the file at this address.
pub(crate) fn is_watched(file: usize) -> bool {
    next_watcher(&mut WatchKey::first(file), |_| ()).is_some()
}

/// Calls `see` with the instance of the next item on a file, from `from` on, with the lock of the
/// bucket held. An instance occurs as often as it watches the file. Instances that come or go
/// meanwhile may be missing.
pub(crate) fn next_watcher<T>(from: &mut WatchKey, see: impl FnOnce(&Instance) -> T) -> Option<T> {
    let items = TABLE.get().bucket(from.address).items.lock();
    let item = items.from(from)?;
    *from = item.watch_key().next();
    Some(see(item.owner()))
}

/// Takes an item that is in the table off its wait queues, with the file's unhooking lock held.
fn unhook(item: &Item) {
    // SAFETY: The callers hold the lock, which excludes other calls, and have found the item in the
    // table, where items are only while their wait queues exist.
    unsafe { item.hooks.unhook() };
}

/// Ends the turn of an item that takes turns with others on its file.
pub(crate) fn end_turn(item: &Item) {
    if !item.takes_turns() {
        return;
    }
    // The caller keeps the file open. But if the file is held, it may be found to have no other
    // users meanwhile, and its items are buried then.
    let _unhooking = item.watched().unhooking.lock();
    if item.in_table.read() {
        // SAFETY: Nobody unhooks the item without the lock, which is held; and it is in the table.
        unsafe { item.hooks.move_back() };
    }
}

/// Takes an item off its wait queues and out of the table, unless the release of its file has done
/// so. Afterwards, no callback and no release refers to the item.
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
