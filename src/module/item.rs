// SPDX-License-Identifier: GPL-2.0

//! Items: what an instance knows about one watched file under one descriptor number.
//!
//! # What protects the fields
//!
//! ```text
//! tree node                   the instance's mutex
//! data, interest, handling    read by anybody; changed under the mutex
//! hooks                       the mutex (for an epoll: the outer one) to attach; the file's
//!                             unhooking lock to unhook
//! list links                  the instance's spinlock
//! place                       read by anybody; changed under the spinlock, or by `unsee`
//! watch node, crowded         the watch table's bucket lock; crowded is read by anybody
//! in_table                    that lock and the file's unhooking lock to change
//! file, fd, kind, owner,       immutable
//! watched, takes_turns
//! ```
//!
//! # How long an item lives
//!
//! The instance's tree owns its items, which leave it only under the mutex. Before an item is in
//! the tree, the task that adds it owns it, with references to the file and to the instance's own
//! file; the item may be in the watch table already, but not on wait queues or lists. All other
//! structures hold borrowed pointers: `Eventpoll::dispose` takes the item off all of them, and
//! unhooks it, before it is dropped. So a pointer from a list of the instance is valid while the
//! instance's spinlock or mutex is held, a pointer from the watch table while the bucket's lock or
//! the file's unhooking lock is held, and a pointer that a wake-up found while the lock of the wait
//! queue is held.

use crate::{
    event::Interest,
    kernel_ext::{
        global::{
            Global,
            Installed,
            Loading, //
        },
        hook::{
            self,
            Hooks, //
        },
        hosted::{
            self,
            Hosted,
            User, //
        },
        list::{
            Linked,
            ListLinks, //
        },
        once::{
            Once,
            Word, //
        },
        rbtree::{
            Keyed,
            Node, //
        },
        slab::{
            Cache,
            Cached,
            SlabBox,
            Slot, //
        },
        unreleased::Unreleased, //
    },
    key::{
        ItemKey,
        WatchKey, //
    },
    kind::Kind,
    place::Place,
    trace,
    watched::{
        Source,
        Watched, //
    }, //
};
use core::{
    mem::{
        offset_of,
        size_of, //
    },
    ptr::NonNull, //
};
use kernel::{
    bindings,
    fs::LocalFile,
    prelude::*, //
};

static ITEMS: Global<Cache<Item>> = Global::empty();
static ENTRIES: Global<Cache<hook::More<Item>>> = Global::empty();

/// The slab caches of this module, while it is loaded.
pub(crate) struct Caches {
    _items: Installed<Cache<Item>>,
    _entries: Installed<Cache<hook::More<Item>>>,
}

impl Caches {
    /// Makes the caches.
    pub(crate) fn new(loading: &Loading) -> Result<Self> {
        let items = Cache::new(c"repoll_item")?;
        let entries = Cache::new(c"repoll_entry")?;
        Ok(Self {
            _items: ITEMS.install(loading, items)?,
            _entries: ENTRIES.install(loading, entries)?,
        })
    }

    /// The memory of an item with one wait queue, in bytes.
    pub(crate) const ITEM_COST: usize = size_of::<Item>();
}

// SAFETY: The cache is destroyed with the module, after all instances and their items.
unsafe impl Cached for Item {
    fn cache() -> &'static Global<Cache<Self>> {
        &ITEMS
    }

    const DROP: unsafe fn(NonNull<Self>) = hosted::drop_user::<Self>;
}

// SAFETY: The offset is that of the field, and an item is dropped as stated above.
unsafe impl User for Item {
    type Value = Watched;
    const HOSTED: usize = offset_of!(Item, watched);
}

// SAFETY: The cache is destroyed with the module; the entries are dropped with their items, before
// that.
unsafe impl Cached for hook::More<Item> {
    fn cache() -> &'static Global<Cache<Self>> {
        &ENTRIES
    }
}

/// The owner of items: an instance. The parts that an instance consists of work on items, and know
/// nothing else about the instance.
pub(crate) trait Owner {
    /// Its number in traces.
    fn id(&self) -> trace::Id;

    /// The user who created it.
    fn user(&self) -> u32;

    /// Buries an item whose file was closed: for users, the item is gone. The rest requires the
    /// instance's mutex. Callable from any context.
    fn bury(&self, item: &Item);

    /// Removes the buried items, now or soon. Does not wait.
    fn remove_dead_soon(&self);
}

/// Names the type of the owner. The file that defines that type, above, implements this for
/// [`Item`], so calls of the owner are static.
pub(crate) trait Owned {
    /// The type.
    type Owner: Owner;
}

/// The owner of items, as the parts below it know it.
pub(crate) type Instance = <Item as Owned>::Owner;

/// A user's request for an item.
#[derive(Clone, Copy)]
pub(crate) struct Asked {
    /// What to watch for and how, as in `struct epoll_event`.
    pub(crate) events: u32,
    /// The user's data, which is reported with the events.
    pub(crate) data: u64,
    /// Whether to take turns with the other exclusive items on the file.
    pub(crate) takes_turns: bool,
}

/// What a scan does with an item that is ready.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Handling {
    /// It stays on its list as long as its file has events.
    Stays,
    /// It leaves the list, and is polled: it is edge-triggered or one-shot.
    Leaves,
    /// The scan takes it separately: its file requires more than a poll, or it keeps the system
    /// awake, or its turn ends.
    Alone,
}

// SAFETY: It is a byte.
unsafe impl Word for Handling {}

impl Handling {
    #[inline]
    fn of(kind: Kind, held: bool, interest: Interest, takes_turns: bool) -> Self {
        if kind != Kind::Plain || held || interest.keeps_awake() || takes_turns {
            Self::Alone
        } else if interest.is_level_triggered() {
            Self::Stays
        } else {
            Self::Leaves
        }
    }
}

/// One watched file under one descriptor number.
///
/// # Invariants
///
/// `owner` is alive as long as the item.
#[pin_data]
pub(crate) struct Item {
    node: Node,
    watch_node: Node,
    links: ListLinks<Item>,
    #[pin]
    watched: Hosted<Item>,
    /// Used only while it is known not to have been released.
    file: NonNull<bindings::file>,
    owner: NonNull<Instance>,
    /// The entries on the file's wait queues.
    pub(crate) hooks: Hooks<Item>,
    data: Once<u64>,
    interest: Once<u32>,
    fd: i32,
    /// The list that the links are in.
    place: Once<Place>,
    /// Whether the item is in the watch table.
    pub(crate) in_table: Once<bool>,
    /// Whether the relay wakes the pollers of this instance, instead of the callback with the lock
    /// of the file's wait queue held, because the user has many other items on the file.
    pub(crate) crowded: Once<bool>,
    handling: Once<Handling>,
    kind: Kind,
    /// Whether the item takes turns with the other exclusive items on the file.
    takes_turns: bool,
}

// SAFETY: See "What protects the fields" above; threads access an item only by these rules.
unsafe impl Send for Item {}
// SAFETY: As above.
unsafe impl Sync for Item {}

// SAFETY: The offset is that of the node, which nothing else uses; the key never changes.
unsafe impl Keyed<0> for Item {
    type Key = ItemKey;
    const OFFSET: usize = offset_of!(Item, node);
    #[inline]
    fn key(&self) -> ItemKey {
        ItemKey::of_raw(self.file(), self.fd)
    }
}

// SAFETY: The offset is that of the node, which nothing else uses; the key never changes.
unsafe impl Keyed<1> for Item {
    type Key = WatchKey;
    const OFFSET: usize = offset_of!(Item, watch_node);
    #[inline]
    fn key(&self) -> WatchKey {
        let user = self.owner().user();
        WatchKey::new(self.address(), user, core::ptr::from_ref(self).addr())
    }
}

// SAFETY: The links are a field that nothing else uses.
unsafe impl Linked<0> for Item {
    fn links(&self) -> &ListLinks<Self> {
        &self.links
    }
}

impl Item {
    /// Creates an item on `file`, in no list. `source` shows the close of the file.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    ///
    /// # Safety
    ///
    /// The owner outlives the item.
    #[inline]
    pub(crate) unsafe fn make(
        owner: &Instance,
        file: &LocalFile,
        fd: i32,
        kind: Kind,
        asked: Asked,
        source: Source,
    ) -> Result<SlabBox<Self>> {
        let interest = Interest::new(asked.events);
        let held = matches!(source, Source::Held);
        let handling = Handling::of(kind, held, interest, asked.takes_turns);
        // INVARIANT: By the requirements.
        Slot::new()?.init(try_pin_init!(Self {
            node: Node::new(),
            watch_node: Node::new(),
            links: ListLinks::new(),
            watched <- Hosted::new(Watched::new(source)),
            file: NonNull::from(file).cast(),
            owner: NonNull::from(owner),
            hooks: Hooks::new(),
            data: Once::new(asked.data),
            interest: Once::new(interest.bits()),
            fd,
            place: Once::new(Place::Idle),
            in_table: Once::new(false),
            crowded: Once::new(false),
            handling: Once::new(handling),
            kind,
            takes_turns: asked.takes_turns,
        }? Error))
    }

    /// The key in the instance's tree.
    #[inline]
    pub(crate) fn key(&self) -> ItemKey {
        Keyed::<0>::key(self)
    }

    /// The key in the watch table.
    #[inline]
    pub(crate) fn watch_key(&self) -> WatchKey {
        Keyed::<1>::key(self)
    }

    /// The watched file, as all items on it know it.
    #[inline]
    pub(crate) fn watched(&self) -> &Hosted<Item> {
        &self.watched
    }

    /// The kind of the watched file.
    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    /// What a scan does with the item.
    #[inline]
    pub(crate) fn handling(&self) -> Handling {
        self.handling.read()
    }

    /// The watched file. Use it only while it is known not to have been released.
    #[inline]
    pub(crate) fn file(&self) -> *mut bindings::file {
        self.file.as_ptr()
    }

    /// The address under which the watch table finds the items on the file.
    #[inline]
    pub(crate) fn address(&self) -> usize {
        self.watched.address(self.file.addr().get())
    }

    /// The list that the item is in.
    #[inline]
    pub(crate) fn place(&self) -> Place {
        self.place.read()
    }

    /// Sets the list that the item is in. Only [`Lists`](crate::ready::Lists) calls this, under its
    /// lock.
    #[inline]
    pub(crate) fn set_place(&self, place: Place) {
        self.place.write(place);
    }

    /// Changes [`Place::Seen`] to [`Place::Listed`], without the spinlock. Returns false if the
    /// item is in neither.
    #[inline]
    pub(crate) fn unsee(&self) -> bool {
        match self.place() {
            Place::Listed => true,
            Place::Seen => self.place.replace(Place::Seen, Place::Listed),
            Place::Idle | Place::Dead => false,
        }
    }

    /// Changes [`Place::Seen`] to [`Place::Idle`], for an item that is about to leave its list.
    /// Returns false if a wake-up has come meanwhile.
    #[inline]
    pub(crate) fn leave_seen(&self) -> bool {
        self.place.replace(Place::Seen, Place::Idle)
    }

    /// Whether the file is closed.
    pub(crate) fn is_dead(&self) -> bool {
        self.place() == Place::Dead
    }

    /// Whether the item takes turns with other items on the file.
    pub(crate) fn takes_turns(&self) -> bool {
        self.takes_turns
    }

    /// Whether the close of the file is noticed late.
    pub(crate) fn closes_late(&self) -> bool {
        self.watched.is_held()
    }

    /// Whether an event wakes the pollers of the instance late, through the relay.
    pub(crate) fn wakes_pollers_late(&self) -> bool {
        self.crowded.read() || self.kind == Kind::Epoll
    }

    /// The instance.
    #[inline]
    pub(crate) fn owner(&self) -> &Instance {
        // SAFETY: By the type invariant.
        unsafe { self.owner.as_ref() }
    }

    /// What the item watches for.
    pub(crate) fn interest(&self) -> Interest {
        Interest::from_bits(self.interest.read())
    }

    /// Changes what the item watches for, with the mutex held. The caller orders this before the
    /// wake-ups that must see it.
    #[inline(always)]
    pub(crate) fn set_interest(&self, interest: Interest) {
        let before = self.interest();
        self.interest.write(interest.bits());
        if !before.has_mode_of(interest) {
            self.renew_handling();
        }
    }

    #[cold]
    fn renew_handling(&self) {
        let held = self.watched.is_held();
        let handling = Handling::of(self.kind, held, self.interest(), self.takes_turns);
        self.handling.write(handling);
    }

    /// The user's data.
    pub(crate) fn data(&self) -> u64 {
        self.data.read()
    }

    /// Changes the user's data.
    pub(crate) fn set_data(&self, data: u64) {
        self.data.write(data);
    }

    /// Hooks the item onto its file's wait queues and returns the events that the file has.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    ///
    /// # Safety
    ///
    /// Called once, for an item in its owner's tree and in the watch table, with a reference to the
    /// file held, under the owner's mutex; or, if the file is an epoll, under its outer mutex.
    #[inline(always)]
    pub(crate) unsafe fn attach(&self, file: &LocalFile) -> Result<u32> {
        let interest = self.interest();
        // SAFETY: The item stays in place in its slab until it is dropped, before which it is
        // unhooked; the reference to the file prevents its close, and so the watch table, from
        // unhooking the item now.
        unsafe { Hooks::attach(self, file, interest.bits(), interest.is_exclusive()) }
    }

    /// What tracepoints report about the item, whose file this is.
    pub(crate) fn traced(&self, file: Unreleased<'_>) -> trace::Subject {
        trace::Subject {
            instance: self.owner().id(),
            fd: self.fd,
            ino: file.inode_number(),
            data: self.data(),
        }
    }
}
