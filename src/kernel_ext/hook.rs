// SPDX-License-Identifier: GPL-2.0

//! Callbacks on the wait queues of a file.
//!
//! A file's `poll` operation hands its wait queues to a poll table, one or several. A [`Hooks`]
//! is the set of wait-queue entries with which one object listens on them. An entry's
//! `private` is empty, unlike that of a sleeping task: its function is all there is.
//!
//! # POLLFREE
//!
//! The owner of a wait queue that may die before the file (signalfd's, binder's) wakes it with
//! `POLLFREE`, holding its lock, and frees it a grace period later. The woken entry unlinks itself
//! and then publishes with release semantics that its head is gone. Who unhooks looks at that with
//! acquire semantics inside an RCU read-side section: either the head is gone, and with it all use
//! of the entry, or it stays allocated for long enough to take its lock.
//!
//! C headers: [`include/linux/poll.h`](srctree/include/linux/poll.h),
//! [`include/linux/wait.h`](srctree/include/linux/wait.h)

use super::slab::{
    Cached,
    SlabBox,
    Slot, //
};
use crate::bindings;
use core::{
    cell::Cell,
    ffi::{
        c_int,
        c_uint,
        c_void, //
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

/// Something that listens on wait queues.
pub(crate) trait Hooked: Send + Sync + Sized + 'static {
    /// Called when the wait queue is woken, with its lock held, possibly in a hard interrupt.
    ///
    /// `off` tells that interrupts are off, as they mostly are, but not with `PREEMPT_RT`. `events`
    /// may be 0, which means unknown. Returns whether the wake-up did its work, which ends it if the
    /// entry is exclusive.
    fn woken(&self, off: Option<&LocalInterruptDisabled>, events: u32, sync: bool) -> bool;
}

/// One entry on one wait queue.
///
/// # Invariants
///
/// While `head` is not null, `wait` is linked there, `head` is allocated or will be for the
/// rest of an RCU read-side section, and `target` is alive.
pub(crate) struct Entry<T> {
    wait: Opaque<bindings::wait_queue_entry>,
    head: Atomic<*mut bindings::wait_queue_head>,
    target: Cell<NonNull<T>>,
    next: Cell<Option<NonNull<Entry<T>>>>,
}

impl<T> Entry<T> {
    /// An entry on no wait queue.
    const fn new() -> Self {
        Self {
            wait: Opaque::uninit(),
            head: Atomic::new(ptr::null_mut()),
            target: Cell::new(NonNull::dangling()),
            next: Cell::new(None),
        }
    }
}

/// All entries of one object. There is room for one in here: few files have more wait queues.
///
/// # Invariants
///
/// The chain behind `first` holds entries that came from [`SlabBox::into_raw`].
pub(crate) struct Hooks<T: Hooked>
where
    Entry<T>: Cached,
{
    first: Entry<T>,
}

// SAFETY: The chain is changed by `attach` alone, which has it to itself.
unsafe impl<T: Hooked> Sync for Hooks<T> where Entry<T>: Cached {}
// SAFETY: The entries are owned.
unsafe impl<T: Hooked> Send for Hooks<T> where Entry<T>: Cached {}

impl<T: Hooked> Hooks<T>
where
    Entry<T>: Cached,
{
    /// No entries.
    pub(crate) const fn new() -> Self {
        Self {
            first: Entry::new(),
        }
    }

    /// Polls `file` for `events`, putting an entry for `target` on each of its wait queues, and
    /// returns the events that it has now. Every event from the poll on calls `target`.
    ///
    /// # Errors
    ///
    /// `ENOMEM`; some entries may be in place nevertheless.
    ///
    /// # Safety
    ///
    /// Called once, while nobody else uses these hooks. `target` stays alive and in place, and
    /// the file is not released, until [`Hooks::unhook`] has returned.
    pub(crate) unsafe fn attach(
        &self,
        target: &T,
        file: &LocalFile,
        events: u32,
        exclusive: bool,
    ) -> Result<u32> {
        let mut table = Table {
            pt: bindings::poll_table_struct {
                _qproc: Some(queue::<T>),
                _key: events,
            },
            target,
            first: &self.first,
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

    /// Takes all entries off their wait queues. Afterwards no callback runs any more. A second
    /// call does nothing.
    ///
    /// # Safety
    ///
    /// Not called concurrently with itself or `attach`. The file that was polled has not been
    /// released yet, unless this was called before.
    pub(crate) unsafe fn unhook(&self) {
        self.for_each_linked(|entry, head| {
            // SAFETY: The head is allocated, as `for_each_linked` says. Its lock waits for running
            // callbacks.
            unsafe { bindings::remove_wait_queue(head, entry.wait.get()) };
            entry.head.store(ptr::null_mut(), Relaxed);
        });
    }

    /// Puts all entries behind the others on their wait queues.
    ///
    /// # Safety
    ///
    /// The file that was polled is not released, and nobody calls [`Hooks::unhook`] meanwhile.
    pub(crate) unsafe fn move_back(&self) {
        self.for_each_linked(|entry, head| {
            // SAFETY: As above; an entry that a POLLFREE has unlinked is left alone.
            unsafe { bindings::rp_wait_entry_move_back(head, entry.wait.get()) };
        });
    }

    /// Calls `act` for each entry that is linked, with its head, which stays allocated meanwhile: its
    /// file is not released, as the callers know, or, after a POLLFREE that is about to be published,
    /// by RCU. (It may be published meanwhile, so the entry must not be asked for its head again.)
    #[inline]
    fn for_each_linked(&self, act: impl Fn(&Entry<T>, *mut bindings::wait_queue_head)) {
        let _rcu = rcu::read_lock();
        let mut next = Some(NonNull::from(&self.first));
        while let Some(entry) = next {
            // SAFETY: By the type invariant the entry is alive.
            let entry = unsafe { entry.as_ref() };
            let head = entry.head.load(Acquire);
            if !head.is_null() {
                act(entry, head);
            }
            next = entry.next.get();
        }
    }
}

impl<T: Hooked> Drop for Hooks<T>
where
    Entry<T>: Cached,
{
    #[inline]
    fn drop(&mut self) {
        let mut next = self.first.next.take();
        while let Some(entry) = next {
            // SAFETY: By the type invariant; each entry is visited once.
            let entry = unsafe { SlabBox::from_raw(entry) };
            next = entry.next.take();
        }
    }
}

/// The poll table that [`Hooks::attach`] passes, with what its function needs behind it.
#[repr(C)]
struct Table<'a, T> {
    pt: bindings::poll_table_struct,
    target: &'a T,
    first: &'a Entry<T>,
    used: bool,
    exclusive: bool,
    failed: bool,
}

/// Called by a file's `poll` for each of its wait queues.
///
/// # Safety
///
/// `pt` is the start of a [`Table`], and `head` an initialised wait queue of the polled file.
unsafe extern "C" fn queue<T: Hooked>(
    _file: *mut bindings::file,
    head: *mut bindings::wait_queue_head,
    pt: *mut bindings::poll_table_struct,
) where
    Entry<T>: Cached,
{
    // SAFETY: By the requirements.
    let table = unsafe { &mut *pt.cast::<Table<'_, T>>() };
    if table.failed {
        return;
    }
    let entry = if table.used {
        let Ok(slot) = Slot::new() else {
            table.failed = true;
            return;
        };
        let entry = slot.fill(Entry::new()).into_raw();
        // SAFETY: It was just made.
        unsafe { entry.as_ref() }
            .next
            .set(table.first.next.replace(Some(entry)));
        entry
    } else {
        table.used = true;
        NonNull::from(table.first)
    };
    // SAFETY: It is alive, and nobody else sees it before it is linked.
    let entry = unsafe { entry.as_ref() };
    entry.target.set(NonNull::from(table.target));
    // INVARIANT: Linked below.
    entry.head.store(head, Relaxed);
    let wait = entry.wait.get();

    // SAFETY: The entry lives until `unhook` has taken it off.
    unsafe { bindings::rp_waitqueue_func_init(wait, Some(woken::<T>)) };
    if table.exclusive {
        // SAFETY: Both are initialised.
        unsafe { bindings::add_wait_queue_exclusive(head, wait) };
    } else {
        // SAFETY: As above.
        unsafe { bindings::add_wait_queue(head, wait) };
    }
}

/// The function of the entries.
///
/// # Safety
///
/// `wait` lies in an [`Entry`] and was linked by [`queue`]; its head's lock is held.
unsafe extern "C" fn woken<T: Hooked>(
    wait: *mut bindings::wait_queue_entry,
    _mode: c_uint,
    sync: c_int,
    key: *mut c_void,
) -> c_int {
    // SAFETY: `Opaque` is transparent; by the requirements it lies in an entry.
    let entry = unsafe {
        &*kernel::container_of!(
            wait.cast::<Opaque<bindings::wait_queue_entry>>(),
            Entry<T>,
            wait
        )
    };
    let events = key.addr() as u32;
    // SAFETY: By the invariant of `Entry`: it is linked.
    let target = unsafe { entry.target.get().as_ref() };
    // SAFETY: No requirements.
    let off = unsafe { bindings::rp_irqs_disabled() }
        // SAFETY: Nothing that is called below turns them on.
        .then(|| unsafe { LocalInterruptDisabled::assume_disabled() });
    let done = target.woken(off, events, sync != 0);
    if events & POLLFREE != 0 {
        // SAFETY: The lock of the head is held.
        unsafe { bindings::rp_wait_entry_del_init(wait) };
        // The last access to the entry: whoever sees this may free it.
        entry.head.store(ptr::null_mut(), Release);
    }
    done.into()
}

/// Polls `file` for `events` without hooking anything.
#[inline]
pub(crate) fn poll(file: &LocalFile, events: u32) -> u32 {
    let mut table = bindings::poll_table_struct {
        _qproc: None,
        _key: events,
    };
    // SAFETY: The table has no function.
    events & unsafe { vfs_poll(file, &mut table) }
}

/// The events that `file` has: all of which no file is without, if it does not say.
///
/// # Safety
///
/// The table is what its function expects.
#[inline]
unsafe fn vfs_poll(file: &LocalFile, table: *mut bindings::poll_table_struct) -> u32 {
    let file = file.as_ptr();
    // SAFETY: The file is alive, and its operations do not change.
    match unsafe { (*(*file).f_op).poll } {
        // SAFETY: By the requirements.
        Some(poll) => unsafe { poll(file, table) },
        None => bindings::RP_DEFAULT_POLLMASK,
    }
}
