// SPDX-License-Identifier: GPL-2.0

//! Noticing that a watched file was closed.
//!
//! In the kernel, `__fput()` tells epoll of every file that is released. A module is not told. It
//! must not hold a reference to the file instead: the peer of a socket would not see it closed for
//! as long as it is watched. And it must not miss a release: its entries on the file's wait queues
//! would point into freed memory.
//!
//! # The hook
//!
//! `__fput()` tells fsnotify first, before anything of the file is torn down. So a mark on the
//! superblock of sockets, pipes and anonymous files, or on the inode of a file that has a name,
//! brings the last close of each watched file here, in the closing task, and not before: dups and
//! inherited descriptors of the file keep it from happening. Most anonymous files do not report to
//! fsnotify; a watched one is made to, and made silent again when nobody watches it any more.
//!
//! Marks have a price for files that are not watched: each close on the same superblock looks into
//! the table below, and reads and writes pass a test of the mark's mask. So the mark on an inode is
//! there only while an item needs it, and one on a superblock only while there is an instance that
//! has had such an item.
//!
//! # The table
//!
//! All items whose file is not released are in the watch table, found by their file's address.
//! **An item enters and leaves the table, and leaves its wait queues, under the lock of its
//! bucket.** So:
//!
//! * while an item is in the table, its file and its wait queues exist, and unhooking it is safe
//!   without a reference to the file;
//! * once the release of a file has passed here, no item refers to it: its address may be reused
//!   by another file at once, as it is;
//! * the instance of an item in the table is not freed before the item has left it, and then only
//!   after a grace period.
//!
//! The hook must not wait for anybody, so it cannot take the instance's mutex. It takes the item
//! off the instance's lists under the spinlock, buries it, and lets the holder of the mutex remove
//! it from the tree: itself if nobody holds the mutex, else whoever does, on unlocking. If more are
//! dead than it takes on, [`relay`] sees to the rest. From outside, the item is gone at once.
//!
//! # Files that cannot be heard of
//!
//! The master of a pseudo-terminal is silent for a reason: its inode is shared by all users, who
//! could otherwise watch each other type. Such a file is held by a reference, and let go of as
//! soon as nobody else has one; [`HOLD_PERIOD_MS`] says how often that is looked at. It is not
//! reported meanwhile.
//!
//! The banner of the crate has the order of the locks.

use crate::{
    eventpoll::Eventpoll,
    held,
    item::{
        Item,
        WatchKey, //
    },
    kernel_ext::{
        fsnotify::{
            CloseListener,
            Group,
            MarkUse,
            Object, //
        },
        global::{
            Global,
            Installed,
            Loading, //
        },
        poll_file::{
            self,
            FileRef, //
        },
        rbtree::{
            Keyed,
            RawTree, //
        },
        task,
        work::Periodic, //
    },
    links::{
        self,
        Reservation, //
    },
    nesting::Kind,
    relay,
    trace, //
};
use core::{
    cell::Cell,
    pin::Pin,
    ptr::NonNull, //
};
use kernel::{
    bindings,
    fs::LocalFile,
    new_spinlock,
    prelude::*,
    sync::{
        rcu,
        SpinLock, //
    },
};

/// How often, in milliseconds, files that cannot be heard of are looked at.
pub(crate) const HOLD_PERIOD_MS: u32 = 50;

/// From how many items on a file on further ones are [`Item::crowded`].
const CROWD: u32 = 32;

/// How many items there may be on an open file, whoever has them. It bounds how long its release
/// takes, all within fsnotify's read-side section. (A wake-up goes through the items on all open
/// files that share a wait queue.)
const MAX_WATCHERS: u32 = 1 << 16;

/// How many locks the table is spread over.
const BUCKETS: usize = 1 << 10;

static TABLE: Global<Table> = Global::empty();
static GROUP: Global<Group<Table>> = Global::empty();
static LOOKS: Global<Periodic> = Global::empty();

/// How an item hears of the close of its file.
pub(crate) enum Source {
    /// By the mark on a superblock, which is in the instance's [`Marks`](crate::marks::Marks).
    SuperBlock {
        /// The superblock.
        sb: *mut bindings::super_block,
        /// Whether the file has to be made to report its close, and silent again afterwards. Under
        /// the bucket's lock.
        silent: Cell<bool>,
        /// See [`Source::watchers`].
        watchers: Cell<u32>,
    },
    /// By the mark on its inode.
    Inode {
        /// Keeps the mark.
        _mark: MarkUse,
        /// See [`Source::watchers`].
        watchers: Cell<u32>,
    },
    /// Not at all: the file is [`held`].
    Held {
        /// See [`Source::watchers`].
        watchers: Cell<u32>,
    },
}

impl Source {
    /// In the first item on a file: how many there are. Under the bucket's lock. (Here because
    /// there is room.)
    fn watchers(&self) -> &Cell<u32> {
        match self {
            Self::SuperBlock { watchers, .. }
            | Self::Inode { watchers, .. }
            | Self::Held { watchers } => watchers,
        }
    }

    fn is_silent(&self) -> bool {
        matches!(self, Self::SuperBlock { silent, .. } if silent.get())
    }
}

/// The items whose files share a bucket, sorted by file.
///
/// # Invariants
///
/// Every item is `watched`, and its file is not released. It is in its instance's tree, or on the
/// way there, by somebody who has references to the file and to the instance's own. If the file is
/// an instance's, its link is in [`links`].
struct Items(RawTree<Item, 1>);

impl Items {
    /// The first item on the file with that address.
    fn find(&self, file: usize) -> Option<&Item> {
        self.lower_bound(&WatchKey { file, item: 0 })
    }

    /// The first item from that key on, if it is on the same file.
    fn lower_bound(&self, key: &WatchKey) -> Option<&Item> {
        let found = self.0.lower_bound(key)?;
        // SAFETY: By the type invariant the item is alive, and it leaves under the lock only.
        let found = unsafe { found.as_ref() };
        (found.key().address() == key.file).then_some(found)
    }

    /// Puts a new item on `file` in. From then on the file reports its close.
    ///
    /// # Errors
    ///
    /// `ENOSPC` if there are [`MAX_WATCHERS`] on the file.
    fn insert(&mut self, item: &Item, file: &LocalFile, link: Option<Reservation>) -> Result {
        let first = self.find(item.key().address());
        let others = first.map_or(0, |first| first.source.watchers().get());
        if others >= MAX_WATCHERS {
            return Err(ENOSPC);
        }
        item.crowded.set(others >= CROWD);
        if let Source::SuperBlock { silent, .. } = &item.source {
            // Decided under the lock: another instance may just be done with the file.
            silent.set(match first {
                Some(first) => first.source.is_silent(),
                None => !poll_file::is_reporting(file),
            });
            if silent.get() {
                // SAFETY: The file is referenced; those with this source are on internal
                // superblocks.
                unsafe { poll_file::set_reporting(item.file(), true) };
            }
        }
        let first = first.filter(|first| Keyed::<1>::key(*first) < Keyed::<1>::key(item));
        first.unwrap_or(item).source.watchers().set(others + 1);
        item.watched.set(true);
        // SAFETY: The item is new, and taken out before it is dropped.
        unsafe { self.0.insert(NonNull::from(item)) };
        if let Some(link) = link {
            // SAFETY: Links are for instances; the link leaves with the item.
            unsafe { links::insert(link, item) };
        }
        Ok(())
    }

    /// Takes the item out and off its wait queues. Returns how many are left on its file.
    fn remove(&mut self, item: NonNull<Item>) -> u32 {
        // SAFETY: The caller found it here.
        let next = unsafe { self.0.next(item) };
        // SAFETY: By the type invariant; what keeps it alive still does.
        let item = unsafe { item.as_ref() };
        let file = item.key().address();
        let others = self.find(file).map_or(0, |first| {
            let others = first.source.watchers().get() - 1;
            let first = match next {
                // SAFETY: By the type invariant.
                Some(next) if core::ptr::eq(first, item) => unsafe { next.as_ref() },
                _ => first,
            };
            if others > 0 {
                first.source.watchers().set(others);
            }
            others
        });
        // SAFETY: It is here.
        unsafe { self.0.remove(NonNull::from(item)) };
        item.watched.set(false);
        if item.kind() == Kind::Instance {
            links::remove(item);
        }
        // SAFETY: The lock is held, and the item was in the table.
        unsafe { item.unhook() };
        others
    }

    /// Buries an item on a file, if it `may` be. Returns its instance, to be used under the
    /// caller's RCU read lock.
    fn bury_one(&mut self, file: usize, may: fn(&Item) -> bool) -> Option<NonNull<Eventpoll>> {
        let item = NonNull::from(self.find(file).filter(|item| may(item))?);
        self.remove(item);
        // SAFETY: Before the item is dropped, `stop` takes the lock that is held here.
        let item = unsafe { item.as_ref() };
        // SAFETY: The release of the file cannot go on before the lock is free.
        unsafe { trace::dropped(item) };
        item.owner().ready.lock().bury(item);
        Some(NonNull::from(item.owner()))
    }
}

/// A part of the table with a lock of its own.
#[pin_data]
struct Bucket {
    #[pin]
    items: SpinLock<Items>,
}

/// All items whose files are not released.
struct Table(Pin<KVBox<[Bucket]>>);

impl Table {
    fn new() -> Result<Self> {
        let bucket = |_| {
            try_pin_init!(Bucket {
                items <- new_spinlock!(Items(RawTree::new()), "repoll::bucket"),
            }? Error)
        };
        Ok(Self(KVBox::pin_slice(bucket, BUCKETS, GFP_KERNEL)?))
    }

    /// The bucket of the file with that address, which is that of an object from a slab: the low
    /// bits say little, the middle ones most.
    fn bucket(&self, file: usize) -> &SpinLock<Items> {
        const GOLDEN: u64 = 0x61c8_8646_80b5_83eb;
        let hash = (file as u64).wrapping_mul(GOLDEN) >> (u64::BITS - BUCKETS.ilog2());
        &self.0[hash as usize % BUCKETS].items
    }

    /// Buries the items on a file, one by one, as long as they `may` be.
    fn bury(&self, file: usize, may: fn(&Item) -> bool) {
        while self.bury_one(file, may) {
            task::cond_resched();
        }
    }

    /// Buries an item on a file. Returns whether there was one that `may` be buried, which is asked
    /// under the bucket's lock.
    fn bury_one(&self, file: usize, may: fn(&Item) -> bool) -> bool {
        let _rcu = rcu::read_lock();
        let owner = self.bucket(file).lock().bury_one(file, may);
        if let Some(owner) = owner {
            // SAFETY: The item was in the table under the RCU read lock, so its instance is freed
            // after that is let go.
            let owner = unsafe { owner.as_ref() };
            if owner.remove_dead() {
                relay::remove_dead(owner);
            }
        }
        owner.is_some()
    }
}

impl CloseListener for Table {
    fn closing(file: *const bindings::file) {
        TABLE.get().bury(file.addr(), |_| true);
    }
}

/// Buries the items on held files that nobody else refers to. Returns whether any are held still.
fn let_go() -> bool {
    // Without the lock of the held files the address may become that of another one, at any time.
    held::for_each_abandoned(|file| TABLE.get().bury(file, is_let_go));
    held::any()
}

/// Whether the item's file is held for its items alone. Nobody can get a new reference to it then
/// but by one of these. The item is in the table, under whose lock this is asked.
fn is_let_go(item: &Item) -> bool {
    // SAFETY: An item is in the table only while its file is not released.
    let file = unsafe { LocalFile::from_raw_file(item.file()) };
    matches!(item.source, Source::Held { .. }) && poll_file::references(file) == 1
}

/// Makes sure that releases of files of `object` come here, while the result is kept.
///
/// # Errors
///
/// `ENOMEM`.
///
/// # Safety
///
/// As for [`Group::mark`].
pub(crate) unsafe fn mark(object: Object) -> Result<MarkUse> {
    // SAFETY: By the requirements.
    unsafe { GROUP.get().mark(object) }
}

/// Watching, while the module is loaded.
pub(crate) struct Watching {
    // Dropped in this order: what calls into the table first.
    _looks: Installed<Periodic>,
    _group: Installed<Group<Table>>,
    _table: Installed<Table>,
    _held: Installed<held::Holds>,
}

impl Watching {
    /// Prepares everything; no mark is set yet.
    pub(crate) fn new(loading: &Loading) -> Result<Self> {
        let table = Table::new()?;
        let group = Group::new()?;
        let looks = Periodic::new(let_go, HOLD_PERIOD_MS)?;
        let held = held::install(loading)?;
        Ok(Self {
            _table: TABLE.install(loading, table)?,
            _group: GROUP.install(loading, group)?,
            _looks: LOOKS.install(loading, looks)?,
            _held: held,
        })
    }
}

/// Puts a new item into the table, and its link if it has one. `file` is its file, of which the
/// caller has a reference, as of the instance's own, until the item is in the instance's tree.
///
/// # Errors
///
/// `ENOSPC` if the file has too many items.
pub(crate) fn start(item: &Item, file: &LocalFile, link: Option<Reservation>) -> Result {
    let bucket = TABLE.get().bucket(item.key().address());
    bucket.lock().insert(item, file, link)?;
    if let Source::Held { .. } = item.source {
        LOOKS.get().start();
    }
    Ok(())
}

/// Whether nobody refers to the item's file any more but its items and `file`, a reference of
/// the caller's: it was closed, and will be let go of.
pub(crate) fn is_abandoned(item: &Item, file: &FileRef) -> bool {
    let Source::Held { .. } = item.source else {
        return false;
    };
    let bucket = TABLE.get().bucket(item.key().address()).lock();
    let watched = item.watched.get();
    drop(bucket);
    !watched || held::is_abandoned(file)
}

/// Shows the instance of the next item on a file, from `from` on, to `see`, with the lock of the
/// bucket held. An instance is shown as often as it watches the file. Some that come or go
/// meanwhile may be missing.
pub(crate) fn next_watcher<T>(from: &mut WatchKey, see: impl FnOnce(&Eventpoll) -> T) -> Option<T> {
    let bucket = TABLE.get().bucket(from.file).lock();
    let item = bucket.lower_bound(from)?;
    from.item = core::ptr::from_ref(item).addr() + 1;
    Some(see(item.owner()))
}

/// Takes an item out of the table and off its wait queues, unless the release of its file did.
/// When this has returned no callback and no release refers to the item.
pub(crate) fn stop(item: &Item) {
    let file = item.key().address();
    let mut bucket = TABLE.get().bucket(file).lock();
    if !item.watched.get() {
        return;
    }
    let others = bucket.remove(NonNull::from(item));
    if item.source.is_silent() && others == 0 {
        // The reference keeps a release from going on elsewhere once the file does not report.
        // SAFETY: The item was in the table, and a release that reports needs the lock that is
        // held.
        if let Some(file) = unsafe { poll_file::try_get(item.file()) } {
            // SAFETY: The file is referenced; silent ones are on internal superblocks.
            unsafe { poll_file::set_reporting(file.as_ptr(), false) };
            drop(bucket);
        }
    }
}
