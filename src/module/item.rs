// SPDX-License-Identifier: GPL-2.0

//! Items: what an instance knows of one watched file under one descriptor number.
//!
//! # Who may touch what
//!
//! ```text
//! tree node                   the instance's mutex
//! data, interest, handling    by anybody; changed under the mutex
//! hooks                       the mutex (for an epoll: the outer one) to attach; the file's unhooking
//!                             lock to unhook
//! links                       the instance's spinlock
//! place                       by anybody; changed under that
//! watch node, crowded         the watch table's bucket lock; crowded is read by anybody
//! in_table                    that lock and the file's unhooking lock to change
//! file, fd, kind, owner,       immutable
//! watched, takes_turns
//! ```
//!
//! # How long an item lives
//!
//! The instance's tree owns its items, which leave it under the mutex only. Before they are in it
//! they are owned by who adds them, in the watch table already perhaps, but not on wait queues or
//! lists, and with references to the file and to the instance's own. All other structures
//! hold borrowed pointers; [`Eventpoll::dispose`] takes the item off all of them, and unhooks it, before
//! it is dropped. So a pointer found in a list of the instance is good for as long as its spinlock
//! or its mutex is held, one found in the watch table for as long as the bucket's lock or the
//! file's unhooking lock is, and one found by a wake-up for as long as the lock of the wait queue is.

use crate::{
    event::{
        self,
        Interest, //
    },
    eventpoll::Eventpoll,
    kernel_ext::{
        anon_file,
        barrier::smp_mb,
        global::{
            Global,
            Installed,
            Loading, //
        },
        hook::{
            self,
            Context,
            Hooked,
            Hooks,
            POLLFREE, //
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
        unreleased::Unreleased,
        waiters::WakeFlags, //
    },
    key::{
        ItemKey,
        WatchKey, //
    },
    kind::Kind,
    nesting,
    place::Place,
    ready::{
        increment,
        Lists,
        LockedLists, //
    },
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
    prelude::*,
    sync::lock::{
        Backend,
        Guard, //
    },
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

    /// What one item costs on one wait queue, in bytes.
    pub(crate) const ITEM_COST: usize = size_of::<Item>();
}

// SAFETY: The cache goes when the module does, after all instances and their items.
unsafe impl Cached for Item {
    fn cache() -> &'static Global<Cache<Self>> {
        &ITEMS
    }

    const DROP: unsafe fn(NonNull<Self>) = hosted::drop_user::<Self>;
}

// SAFETY: That is where it is, and an item is dropped as just said.
unsafe impl User for Item {
    type Value = Watched;
    const HOSTED: usize = offset_of!(Item, watched);
}

// SAFETY: The cache goes when the module does; the entries go with their items, before that.
unsafe impl Cached for hook::More<Item> {
    fn cache() -> &'static Global<Cache<Self>> {
        &ENTRIES
    }
}

/// What a user asked an item to be.
#[derive(Clone, Copy)]
pub(crate) struct Asked {
    /// What to watch for and how, as in `struct epoll_event`.
    pub(crate) events: u32,
    /// To be told with the events.
    pub(crate) data: u64,
    /// Whether to take turns with the other exclusive items on the file.
    pub(crate) takes_turns: bool,
}

/// What a scan does with an item that is ready.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Handling {
    /// It stays on its list for as long as its file has events.
    Stays,
    /// It leaves the list, and is polled: an edge-triggered or a one-shot one.
    Leaves,
    /// The scan takes it alone: its file needs more than to be polled, the system is to be kept awake,
    /// or it is the next one's turn.
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
    /// To be used only while it is known not to have been released.
    file: NonNull<bindings::file>,
    owner: NonNull<Eventpoll>,
    /// What is attached to the file's wait queues.
    pub(crate) hooks: Hooks<Item>,
    data: Once<u64>,
    interest: Once<u32>,
    fd: i32,
    /// Where the item is linked by its links.
    place: Once<Place>,
    /// Whether the item is in the watch table.
    pub(crate) in_table: Once<bool>,
    /// Whether pollers of this instance are woken by the relay, rather than with the lock of the
    /// file's wait queue held: the user has many other items on the file.
    pub(crate) crowded: Once<bool>,
    handling: Once<Handling>,
    kind: Kind,
    /// Whether the item takes turns with the other exclusive ones on the file.
    takes_turns: bool,
}

// SAFETY: See "Who may touch what" above; an item is reached from several threads by its owner's
// rules only.
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
        let user = self.owner().registration.user();
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
    /// Makes an item on `file`, in no list, whose close is heard of by `source`.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    ///
    /// # Safety
    ///
    /// The owner lives longer than the item.
    #[inline]
    pub(crate) unsafe fn make(
        owner: &Eventpoll,
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

    /// What the watched file is.
    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    /// What a scan does with the item.
    #[inline]
    pub(crate) fn handling(&self) -> Handling {
        self.handling.read()
    }

    /// The watched file: to be used only while it is known not to have been released.
    #[inline]
    pub(crate) fn file(&self) -> *mut bindings::file {
        self.file.as_ptr()
    }

    /// What the watch table finds the items on the file by.
    #[inline]
    pub(crate) fn address(&self) -> usize {
        self.watched.address(self.file.addr().get())
    }

    /// Where the item is linked.
    #[inline]
    pub(crate) fn place(&self) -> Place {
        self.place.read()
    }

    /// Says where the item is linked. For [`Lists`](crate::ready::Lists) alone, under their lock.
    #[inline]
    pub(crate) fn set_place(&self, place: Place) {
        self.place.write(place);
    }

    /// Says that the item is in [`Place::Listed`] rather than [`Place::Seen`], without the spinlock.
    /// Returns false if it was in neither.
    #[inline]
    pub(crate) fn unsee(&self) -> bool {
        match self.place() {
            Place::Listed => true,
            Place::Seen => self.place.replace(Place::Seen, Place::Listed),
            Place::Idle | Place::Dead => false,
        }
    }

    /// Says that the item, which is [`Place::Seen`] and about to leave its list, is in none. Returns
    /// false if a wake-up has come meanwhile.
    #[inline]
    pub(crate) fn leave_seen(&self) -> bool {
        self.place.replace(Place::Seen, Place::Idle)
    }

    /// Whether the file is closed.
    pub(crate) fn is_dead(&self) -> bool {
        self.place() == Place::Dead
    }

    /// Whether the item takes turns with others on the file.
    pub(crate) fn takes_turns(&self) -> bool {
        self.takes_turns
    }

    /// Whether the close of the file is noticed late.
    pub(crate) fn closes_late(&self) -> bool {
        self.watched.is_held()
    }

    /// Whether an event wakes who polls the instance late: by the relay.
    pub(crate) fn wakes_pollers_late(&self) -> bool {
        self.crowded.read() || self.kind == Kind::Epoll
    }

    /// The instance.
    #[inline]
    pub(crate) fn owner(&self) -> &Eventpoll {
        // SAFETY: By the type invariant.
        unsafe { self.owner.as_ref() }
    }

    /// What the item watches for.
    pub(crate) fn interest(&self) -> Interest {
        Interest::from_bits(self.interest.read())
    }

    /// Changes what the item watches for, with the mutex held. Wake-ups that must see it are ordered
    /// by the caller.
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

    /// Hooks the item onto its file's wait queues and returns the events that there are.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    ///
    /// # Safety
    ///
    /// Called once, for an item in its owner's tree and in the watch table, with a reference to the
    /// file held, under the owner's mutex; or, if the file is an epoll, under its outer one.
    #[inline(always)]
    pub(crate) unsafe fn attach(&self, file: &LocalFile) -> Result<u32> {
        let interest = self.interest();
        // SAFETY: The item stays in place in its slab until it is dropped, before which it is
        // unhooked; the reference keeps the file, and with it the watch table, from unhooking now.
        unsafe { Hooks::attach(self, file, interest.bits(), interest.is_exclusive()) }
    }

    /// Which of the `wanted` events the file, which is not an epoll, has now. `nesting` is the
    /// number of sets whose mutexes are held.
    #[inline(always)]
    pub(crate) fn poll(&self, file: &LocalFile, wanted: Interest, nesting: u32) -> u32 {
        let wanted = wanted.bits();
        if self.kind == Kind::Instance {
            wanted & nesting::poll_instance(file, nesting)
        } else {
            hook::poll(file, wanted)
        }
    }

    /// What tracepoints report of the item, whose file this is.
    pub(crate) fn traced(&self, file: Unreleased<'_>) -> trace::Subject {
        trace::Subject {
            instance: self.owner().ready.id,
            fd: self.fd,
            ino: file.inode_number(),
            data: self.data(),
        }
    }

    /// The file is closed: from outside, the item is gone. Its instance's mutex is needed for the
    /// rest. Callable from any context.
    pub(crate) fn bury(&self) {
        self.owner().ready.lock().bury(self);
    }
}

impl Item {
    /// The file, while one of its wait queues is being woken.
    #[inline]
    fn woken_file(&self) -> Unreleased<'_> {
        // SAFETY: The callers have the lock of the queue, without which the file is not torn down.
        unsafe { Unreleased::new(self.file()) }
    }

    /// As [`Hooked::woken`], for an event that concerns the item, with the lock of the lists held.
    #[inline(always)]
    fn woken_with<B: Backend>(
        &self,
        owner: &Eventpoll,
        mut lists: Guard<'_, Lists, B>,
        interest: Interest,
        events: u32,
        flags: WakeFlags,
    ) -> bool {
        increment(&mut lists.counters.events);
        if owner.ready.is_scanning() {
            increment(&mut lists.counters.overlaps);
        }
        if lists.push(self) {
            owner.ready.note_available(&lists);
        }
        if lists.waiters.is_active() || owner.pollers.is_active() {
            return self.announce(owner.ready.locked(lists), interest, events, flags);
        }
        !interest.is_exclusive()
    }

    /// Wakes who waits on the instance or polls it, as [`Hooked::woken`].
    #[inline(never)]
    fn announce<B: Backend>(
        &self,
        mut ready: LockedLists<'_, B>,
        interest: Interest,
        events: u32,
        flags: WakeFlags,
    ) -> bool {
        let woke = ready.wake_waiter(flags);
        let pollers = self.owner().pollers.is_active();
        drop(ready);
        if pollers {
            self.wake_pollers(self.woken_file(), events & event::URING_WAKE);
        }
        !interest.is_exclusive() || (woke && interest.absorbs(events, events & POLLFREE != 0))
    }

    /// Wakes who polls the instance, since the wait queue of its `file` is being woken.
    fn wake_pollers(&self, file: Unreleased<'_>, flags: u32) {
        let owner = self.owner();
        match self.kind {
            _ if self.crowded.read() => owner.relay.wake_pollers(flags),
            Kind::Plain => owner.wake_pollers(flags, None),
            Kind::Instance => owner.wake_pollers(flags, anon_file::of_unreleased(file)),
            Kind::Epoll => owner.relay.wake_pollers(flags),
        }
    }
}

// SAFETY: That is where they are.
unsafe impl Hooked for Item {
    const HOOKS: usize = offset_of!(Item, hooks);

    /// The wake-up callback: the path from an event on the file to a waiter.
    ///
    /// A wake-up that concerns the item makes it ready and wakes one waiter and all pollers. The
    /// answer matters for exclusive items only: if a waiter was there for what they asked for,
    /// the wake-up goes no further, otherwise another exclusive item may have one.
    #[inline(always)]
    fn woken(&self, context: Context<'_>, events: u32, flags: WakeFlags) -> bool {
        let owner = self.owner();
        // What the wake-up is about comes before all that is looked at here. So a change of the
        // interest is either seen, or finds the event when it polls; and a scan that has begun to look
        // at the item is either seen, or its poll finds the event.
        smp_mb();
        let interest = self.interest();
        let file = || self.woken_file();
        owner.busy_poll.note(file);
        trace::callback(move || trace::Callback {
            item: self.traced(file()),
            interest,
            events,
            idle: self.place() == Place::Idle,
        });
        if !interest.concerns(events) || owner.ready.push_again(self, &owner.pollers) {
            return !interest.is_exclusive();
        }
        match context.interrupts_off() {
            Some(off) => {
                self.woken_with(owner, owner.ready.lock_with(off), interest, events, flags)
            }
            None => self.woken_with(owner, owner.ready.lock_as_is(), interest, events, flags),
        }
    }

    #[inline]
    fn is_end(&self, _events: u32) -> bool {
        self.watched.hangs_up()
    }

    /// The file is being released, with the lock of its wait queue held. As long as it is, nobody
    /// frees the item. After that a worker does.
    #[cold]
    fn ended(&self) {
        trace::dropped(move || (self.traced(self.woken_file()), self.watched.is_held()));
        self.bury();
        self.owner().relay.start();
    }
}
