// SPDX-License-Identifier: GPL-2.0

//! The watch table: all items whose files are not released, sorted by file.

use crate::{
    held,
    item::{
        Item,
        Owner, //
    },
    kernel_ext::{
        hosted::{
            Hosted,
            Shared, //
        },
        poll_file::{
            self,
            FileRef, //
        },
        rbtree::RawTree,
        slab::SlabBox,
        unreleased::Unreleased, //
    },
    key::WatchKey,
    kind::Kind,
    links, //
};
use core::ptr::NonNull;
use kernel::{
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
        SpinLock, //
    },
};

/// How many items of one user on a file may wake the pollers of their instances within the wake-up
/// of the file. Further items are *crowded*: the [`relay`](crate::relay) wakes their pollers.
const CROWD: usize = 32;

/// How many items all users together may have on an open file. This bounds how long the release of
/// the file takes, all of it within fsnotify's read-side section. (It does not bound a wake-up,
/// which goes through the items on all open files that share a wait queue.)
const MAX_WATCHERS: usize = 1 << 16;

/// How many buckets the table has.
const BUCKETS: usize = 1 << 10;

/// The rest of the last item on a file, which must be dropped without locks.
pub(super) enum Left {
    /// A reference to the file, which no longer reports its close.
    File(#[expect(dead_code)] FileRef),
    /// The hold of the file.
    Hold(#[expect(dead_code)] held::Released),
}

impl Left {
    /// Drops it, out of line.
    #[cold]
    pub(super) fn let_go(self) {}
}

/// The items whose files share a bucket, sorted by file, then by user.
///
/// # Invariants
///
/// Every item is [`Item::watched`], and its file is not released, unless the file hangs up. The
/// item is in its instance's tree, or the task that adds it has references to its file and to the
/// instance's own. If the file is an instance's, the item's link is in [`links`].
pub(super) struct Items(RawTree<Item, 1>);

impl Items {
    /// The first item from this key on, if it is on the same file.
    pub(super) fn from(&self, key: &WatchKey) -> Option<&Item> {
        let found = self.0.get_from(key)?;
        (found.address() == key.address).then_some(found)
    }

    /// The first item on a file.
    pub(super) fn first(&self, address: usize) -> Option<&Item> {
        self.from(&WatchKey::first(address))
    }

    /// The first [`CROWD`] items of the user on a file, and one more.
    fn of_user(&self, address: usize, user: u32) -> impl Iterator<Item = &Item> {
        let mut key = WatchKey::first_of(address, user);
        core::iter::from_fn(move || {
            let item = self.from(&key).filter(|item| item.owner().user() == user)?;
            key = item.watch_key().next();
            Some(item)
        })
        .take(CROWD + 1)
    }

    /// Inserts a new item. Returns whether it is the first one on its file.
    ///
    /// # Errors
    ///
    /// `ENOSPC` if there are [`MAX_WATCHERS`] on the file.
    pub(super) fn insert(&mut self, item: &SlabBox<Item>) -> Result<bool> {
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
        // SAFETY: The item is new: it is in no table, tree or list yet. It is removed before it is
        // dropped.
        unsafe {
            if let Some(known) = known {
                Hosted::join(item, known);
            }
            self.0.insert(NonNull::from(&**item));
        }
        Ok(is_first)
    }

    /// Removes an item that is unhooked.
    pub(super) fn remove(&mut self, item: &Item) -> Option<Left> {
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

    /// An item that was not crowded has left its file: another item of the user is no longer
    /// crowded.
    #[cold]
    fn make_room(&self, item: &Item) {
        let mut others = self.of_user(item.address(), item.owner().user());
        if let Some(crowded) = others.find(|other| other.crowded.read()) {
            crowded.crowded.write(false);
        }
    }
}

/// The file of an item that is or was in the table while the caller held one of its locks.
pub(super) fn unreleased(item: &Item) -> Unreleased<'_> {
    // SAFETY: The release of the file needs that lock to remove the item, or to find it removed.
    unsafe { Unreleased::new(item.file()) }
}

/// The last item has left its file, under the lock of the bucket.
#[cold]
fn end(item: &Item) -> Option<Left> {
    if item.watched().is_held() {
        return held::release(item.file().addr()).map(Left::Hold);
    }
    // If no reference can be taken, the file is being released.
    let file = unreleased(item).try_get()?;
    poll_file::set_reporting(&file, false);
    Some(Left::File(file))
}

/// A part of the table with its own lock.
#[pin_data]
pub(super) struct Bucket {
    /// Whether there are any items. Written under the lock.
    occupied: Atomic<bool>,
    /// The items.
    #[pin]
    pub(super) items: SpinLock<Items>,
}

impl Bucket {
    /// Makes a change, and updates `occupied`.
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut Items) -> T) -> T {
        let mut items = self.items.lock();
        let changed = change(&mut items);
        self.occupied.store(items.0.any().is_some(), Release);
        changed
    }
}

/// All items whose files are not released.
pub(super) struct Table(Pin<KVBox<[Bucket]>>);

impl Table {
    /// An empty table.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(super) fn new() -> Result<Self> {
        let bucket = |_| {
            try_pin_init!(Bucket {
                occupied: Atomic::new(false),
                items <- new_spinlock!(Items(RawTree::new()), "repoll::bucket"),
            }? Error)
        };
        Ok(Self(KVBox::pin_slice(bucket, BUCKETS, GFP_KERNEL)?))
    }

    /// The bucket of the file at this address. Files come from a slab, so the low bits of addresses
    /// differ little, and the middle ones most.
    pub(super) fn bucket(&self, address: usize) -> &Bucket {
        const GOLDEN: u64 = 0x61c8_8646_80b5_83eb;
        let hash = (address as u64).wrapping_mul(GOLDEN) >> (u64::BITS - BUCKETS.ilog2());
        &self.0[hash as usize % BUCKETS]
    }

    /// The state that the items on a file share, if there are any.
    pub(super) fn watched(&self, address: usize) -> Option<Shared<Item>> {
        let bucket = self.bucket(address);
        // An addition happens before the adder drops its reference to the file, and so before the
        // last reference is dropped: the release of the file sees it. A removal has left the file's
        // wait queues before this can be false.
        if !bucket.occupied.load(Acquire) {
            return None;
        }
        let items = bucket.items.lock();
        items.first(address).map(|item| item.watched().share())
    }
}
