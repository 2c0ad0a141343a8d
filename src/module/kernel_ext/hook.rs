// SPDX-License-Identifier: GPL-2.0

//! Callbacks on the wait queues of a file.
//!
//! A file's `poll` operation passes its wait queues, one or several, to a poll table. A [`Hooks`]
//! is the set of wait-queue entries with which one object listens on them. Only the function of an
//! entry is used: its `private`, where the entry of a sleeping task has the task's address, is
//! empty.
//!
//! # POLLFREE
//!
//! The owner of a wait queue that may die before the file (signalfd's or binder's) wakes it with
//! `POLLFREE`, holding its lock, and frees it a grace period later. The woken entry unlinks itself
//! and then publishes with release semantics that its head is gone. A task that unhooks reads this
//! with acquire semantics inside an RCU read-side section: either the head is gone, and the entry
//! is no longer used, or the head stays allocated long enough to take its lock.
//!
//! # The end of the file
//!
//! For some files, a wake-up announces their release ([`Hooked::is_end`]). Then the entry also
//! unlinks itself, but its head stays, because the object keeps it alive. A task that unhooks takes
//! the lock of the head and so waits for the callback to return.
//!
//! C headers: [`include/linux/poll.h`](srctree/include/linux/poll.h),
//! [`include/linux/wait.h`](srctree/include/linux/wait.h)

use super::{
    poll::vfs_poll,
    slab::{
        Cached,
        SlabBox,
        Slot, //
    },
    waiters::WakeFlags,
};
use crate::bindings;
use core::{
    cell::Cell,
    ffi::{
        c_int,
        c_uint,
        c_void, //
    },
    marker::PhantomData,
    mem::{
        offset_of,
        size_of, //
    },
    ptr::{
        self,
        NonNull, //
    },
};
use kernel::{
    fs::LocalFile,
    interrupt::LocalInterruptDisabled,
    prelude::*,
    sync::{
        atomic::{
            ordering::{
                Acquire,
                Relaxed,
                Release, //
            },
            Atomic, //
        },
        rcu, //
    },
    types::Opaque, //
};

/// The flag in a wake-up's events that announces the end of the wait queue.
pub(crate) const POLLFREE: u32 = bindings::RP_POLLFREE;

const HUP: u32 = bindings::RP_POLLHUP;

/// An object that listens on wait queues.
///
/// # Safety
///
/// `HOOKS` is the offset of the [`Hooks`] in the object.
pub(crate) unsafe trait Hooked: Send + Sync + Sized + 'static
where
    More<Self>: Cached,
{
    /// The offset of the hooks in the object.
    const HOOKS: usize;

    /// Called when the wait queue is woken, with its lock held, possibly in a hard interrupt. If
    /// `events` is 0, they are unknown. Returns whether the wake-up had an effect, which ends the
    /// wake-up if the entry is exclusive.
    fn woken(&self, context: Context<'_>, events: u32, flags: WakeFlags) -> bool;

    /// Whether a wake-up with these events, including `POLLHUP`, announces the release of the file.
    /// In that case the wait queue stays as long as the object does.
    fn is_end(&self, events: u32) -> bool;

    /// Called for that wake-up instead of [`Hooked::woken`], in the same context. The entry has
    /// left the queue.
    fn ended(&self);
}

/// One entry on one wait queue.
///
/// # Invariants
///
/// While `head` is not null, `wait` is or was linked there, `head` is allocated or will be for the
/// rest of an RCU read-side section, and the object that listens is alive.
struct Entry {
    wait: Opaque<bindings::wait_queue_entry>,
    head: Atomic<*mut bindings::wait_queue_head>,
}

impl Entry {
    /// An entry on no wait queue.
    const fn new() -> Self {
        Self {
            wait: Opaque::uninit(),
            head: Atomic::new(ptr::null_mut()),
        }
    }
}

/// An entry for a wait queue of a file other than its first one.
pub(crate) struct More<T> {
    entry: Entry,
    target: NonNull<T>,
    next: Option<NonNull<More<T>>>,
}

/// All entries of one object. It has room for one, because few files have more wait queues.
///
/// # Invariants
///
/// The chain behind `more` holds entries that came from [`SlabBox::into_raw`].
pub(crate) struct Hooks<T: Hooked>
where
    More<T>: Cached,
{
    first: Entry,
    more: Cell<Option<NonNull<More<T>>>>,
}

// SAFETY: Only `attach` changes the chain, and nobody else uses it at that time.
unsafe impl<T: Hooked> Sync for Hooks<T> where More<T>: Cached {}
// SAFETY: The entries are owned.
unsafe impl<T: Hooked> Send for Hooks<T> where More<T>: Cached {}

impl<T: Hooked> Hooks<T>
where
    More<T>: Cached,
{
    /// No entries.
    pub(crate) const fn new() -> Self {
        Self {
            first: Entry::new(),
            more: Cell::new(None),
        }
    }

    /// Polls `file` for `events`, puts an entry for `target` on each of its wait queues, and
    /// returns the events that it has now. Every event from the poll on calls `target`.
    ///
    /// # Errors
    ///
    /// `ENOMEM`; some entries may be in place nevertheless.
    ///
    /// # Safety
    ///
    /// Called once for the hooks of `target`, while nobody else uses them. `target` stays alive and
    /// in place, and the file is not released, until [`Hooks::unhook`] has returned.
    pub(crate) unsafe fn attach(
        target: &T,
        file: &LocalFile,
        events: u32,
        exclusive: bool,
    ) -> Result<u32> {
        let mut table = PollTable {
            pt: bindings::poll_table_struct {
                _qproc: Some(queue::<T>),
                _key: events,
            },
            target,
            used: false,
            exclusive,
            failed: false,
        };
        // SAFETY: The file is alive; the table is what `queue` expects.
        let found = unsafe { vfs_poll(file, (&raw mut table).cast()) };
        if table.failed {
            return Err(ENOMEM);
        }
        Ok(found & events)
    }

    /// The hooks of an object.
    fn of(target: &T) -> &Self {
        // SAFETY: By the requirements of the trait.
        unsafe { &*ptr::from_ref(target).byte_add(T::HOOKS).cast::<Self>() }
    }

    /// Takes all entries off their wait queues. Afterwards, no callback runs any more. A second
    /// call does nothing.
    ///
    /// # Safety
    ///
    /// Not called concurrently with itself or `attach`. The file that was polled has not been
    /// released yet, unless this was called before.
    #[inline]
    pub(crate) unsafe fn unhook(&self) {
        self.for_each_linked(|entry, head| {
            // SAFETY: The head is allocated, as `for_each_linked` says. Its lock waits for running
            // callbacks.
            unsafe { bindings::remove_wait_queue(head, entry.wait.get()) };
            entry.head.store(ptr::null_mut(), Relaxed);
        });
    }

    /// Moves all entries to the ends of their wait queues.
    ///
    /// # Safety
    ///
    /// The file that was polled is not released, and nobody calls [`Hooks::unhook`] meanwhile.
    pub(crate) unsafe fn move_back(&self) {
        self.for_each_linked(|entry, head| {
            // SAFETY: The head is allocated, as `for_each_linked` says. The helper does nothing to
            // an entry that has left the queue already.
            unsafe { bindings::rp_wait_entry_move_back(head, entry.wait.get()) };
        });
    }

    /// Calls `act` for each linked entry, with its head. The head stays allocated meanwhile because
    /// the file is not released, as the callers know; or because of RCU, after a POLLFREE that is
    /// about to be published. (It may be published meanwhile, so `act` must not read the entry's
    /// head again.)
    #[inline]
    fn for_each_linked(&self, act: impl Fn(&Entry, *mut bindings::wait_queue_head)) {
        let _rcu = rcu::read_lock();
        let act = |entry: &Entry| {
            let head = entry.head.load(Acquire);
            if !head.is_null() {
                act(entry, head);
            }
        };
        act(&self.first);
        let mut next = self.more.get();
        while let Some(more) = next {
            // SAFETY: By the type invariant the entry is alive.
            let more = unsafe { more.as_ref() };
            act(&more.entry);
            next = more.next;
        }
    }
}

impl<T: Hooked> Drop for Hooks<T>
where
    More<T>: Cached,
{
    #[inline]
    fn drop(&mut self) {
        let mut next = self.more.take();
        while let Some(more) = next {
            // SAFETY: By the type invariant; each entry is visited once.
            next = unsafe { SlabBox::from_raw(more) }.next;
        }
    }
}

/// The poll table that [`Hooks::attach`] passes, followed by the data of its function.
#[repr(C)]
struct PollTable<'a, T> {
    pt: bindings::poll_table_struct,
    target: &'a T,
    used: bool,
    exclusive: bool,
    failed: bool,
}

/// Called by a file's `poll` for each of its wait queues.
///
/// # Safety
///
/// `pt` is the start of a [`PollTable`], and `head` an initialised wait queue of the polled file.
unsafe extern "C" fn queue<T: Hooked>(
    _file: *mut bindings::file,
    head: *mut bindings::wait_queue_head,
    pt: *mut bindings::poll_table_struct,
) where
    More<T>: Cached,
{
    // SAFETY: By the requirements.
    let table = unsafe { &mut *pt.cast::<PollTable<'_, T>>() };
    if table.failed {
        return;
    }
    let hooks = Hooks::of(table.target);
    if !table.used {
        table.used = true;
        // SAFETY: The entry is new, and lives until `unhook` has taken it off; `woken_first` is the
        // function for entries in hooks.
        unsafe { link(&hooks.first, woken_first::<T>, head, table.exclusive) };
        return;
    }
    let Ok(slot) = Slot::new() else {
        table.failed = true;
        return;
    };
    let more = slot.fill(More {
        entry: Entry::new(),
        target: NonNull::from(table.target),
        next: hooks.more.get(),
    });
    let more = more.into_raw();
    hooks.more.set(Some(more));
    // SAFETY: The entry was just created, and lives until `unhook` has taken it off; `woken_more`
    // is the function for entries in `More`.
    unsafe { link(&more.as_ref().entry, woken_more::<T>, head, table.exclusive) };
}

/// The function of a wait-queue entry.
type WakeFunction =
    unsafe extern "C" fn(*mut bindings::wait_queue_entry, c_uint, c_int, *mut c_void) -> c_int;

/// Puts an entry on a queue.
///
/// # Safety
///
/// The entry is on no queue, and stays alive and in place until it is taken off. The queue is
/// initialised, and `woken` is the function for such entries.
unsafe fn link(
    entry: &Entry,
    woken: WakeFunction,
    head: *mut bindings::wait_queue_head,
    exclusive: bool,
) {
    // INVARIANT: Linked below.
    entry.head.store(head, Relaxed);
    let wait = entry.wait.get();
    // SAFETY: The entry is not linked.
    unsafe { bindings::rp_waitqueue_func_init(wait, Some(woken)) };
    if exclusive {
        // SAFETY: Both are initialised.
        unsafe { bindings::add_wait_queue_exclusive(head, wait) };
    } else {
        // SAFETY: Both are initialised.
        unsafe { bindings::add_wait_queue(head, wait) };
    }
}

/// The entry that contains a wait-queue entry.
fn entry_of(wait: *mut bindings::wait_queue_entry) -> *mut Entry {
    wait.wrapping_byte_sub(offset_of!(Entry, wait)).cast()
}

/// The function of an object's first entry.
///
/// # Safety
///
/// `wait` lies in [`Hooks::first`] and is linked; its head's lock is held.
unsafe extern "C" fn woken_first<T: Hooked>(
    wait: *mut bindings::wait_queue_entry,
    _mode: c_uint,
    flags: c_int,
    key: *mut c_void,
) -> c_int
where
    More<T>: Cached,
{
    let entry = entry_of(wait);
    let hooks = entry.wrapping_byte_sub(offset_of!(Hooks<T>, first));
    let target = hooks.wrapping_byte_sub(T::HOOKS).cast::<T>();
    // SAFETY: By the requirements and those of `Hooked` the entry lies in that object, and by the
    // invariant of `Entry` the object is alive.
    unsafe { woken(&*target, &*entry, flags, key) }
}

/// The function of the other entries.
///
/// # Safety
///
/// `wait` lies in a [`More`] and is linked; its head's lock is held.
unsafe extern "C" fn woken_more<T: Hooked>(
    wait: *mut bindings::wait_queue_entry,
    _mode: c_uint,
    flags: c_int,
    key: *mut c_void,
) -> c_int
where
    More<T>: Cached,
{
    let more = entry_of(wait).wrapping_byte_sub(offset_of!(More<T>, entry));
    // SAFETY: By the requirements the entry lies in a `More`, and by the invariant of `Entry` the
    // object that listens is alive.
    unsafe {
        let more = &*more.cast::<More<T>>();
        woken(more.target.as_ref(), &more.entry, flags, key)
    }
}

/// The context of a callback. If interrupts are off, nothing that the callback calls turns them on.
pub(crate) struct Context<'a>(PhantomData<&'a LocalInterruptDisabled>);

impl<'a> Context<'a> {
    /// Proof that interrupts are off, if they are: usually, but not with `PREEMPT_RT`. Called
    /// before the callback takes a lock that turns them off and, later, on again.
    #[inline(always)]
    pub(crate) fn interrupts_off(self) -> Option<&'a LocalInterruptDisabled> {
        const { assert!(size_of::<LocalInterruptDisabled>() == 0) };
        // SAFETY: No requirements.
        let off = unsafe { bindings::rp_irqs_disabled() };
        // `LocalInterruptDisabled::assume_disabled()` calls a function that does nothing.
        // SAFETY: They are off as long as the callback runs; a value of size 0 may have any
        // address.
        off.then(|| unsafe { NonNull::dangling().as_ref() })
    }
}

/// Handles a wake-up of an object's wait queue.
///
/// # Safety
///
/// The entry belongs to the object and is linked; its head's lock is held.
#[inline(always)]
unsafe fn woken<T: Hooked>(target: &T, entry: &Entry, flags: c_int, key: *mut c_void) -> c_int
where
    More<T>: Cached,
{
    let events = key.addr() as u32;
    if events & HUP != 0 && target.is_end(events) {
        // SAFETY: By the requirements.
        return unsafe { ended(target, entry) };
    }
    let done = target.woken(Context(PhantomData), events, WakeFlags::new(flags));
    if events & POLLFREE != 0 {
        // SAFETY: By the requirements.
        unsafe { bindings::rp_wait_entry_del_init(entry.wait.get()) };
        // This is the last access to the entry: a task that sees it may free the entry.
        entry.head.store(ptr::null_mut(), Release);
    }
    done.into()
}

/// Handles the last wake-up of an object's wait queue.
///
/// # Safety
///
/// Those of [`woken`].
#[cold]
#[inline(never)]
unsafe fn ended<T: Hooked>(target: &T, entry: &Entry) -> c_int
where
    More<T>: Cached,
{
    // SAFETY: By the requirements.
    unsafe { bindings::rp_wait_entry_del_init(entry.wait.get()) };
    target.ended();
    // The wake-up continues: all other entries must also be woken.
    0
}
