// SPDX-License-Identifier: GPL-2.0

//! Wait queues of two kinds: of [`Waiters`], exclusive ones that know whether a wake-up was meant
//! for them, and of [`Pollers`], whoever they are.
//!
//! [`kernel::sync::CondVar`] ties a queue to a lock and cannot say which waiter was chosen; here
//! a wake-up must be consumed or passed on, so that matters.
//!
//! C header: [`include/linux/wait.h`](srctree/include/linux/wait.h)

use super::task::Deadline;
use crate::bindings;
use core::{
    cell::Cell,
    ffi::c_void,
    ptr, //
};
use kernel::{
    prelude::*,
    sync::{
        atomic::{
            ordering::Relaxed,
            Atomic, //
        },
        LockClassKey, //
    },
    types::Opaque, //
};

/// The states of tasks that a wake-up ends, `TASK_NORMAL` in C.
const NORMAL: u32 = bindings::TASK_INTERRUPTIBLE | bindings::TASK_UNINTERRUPTIBLE;

/// Which of several exclusive waiters is woken.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Policy {
    /// The one that came first.
    Fifo,
    /// The one that came last.
    Lifo,
}

/// A `wait_queue_head_t`.
#[pin_data]
struct Head {
    #[pin]
    raw: Opaque<bindings::wait_queue_head>,
}

// SAFETY: A wait queue head may be used from any thread.
unsafe impl Send for Head {}
// SAFETY: All operations take the lock inside the head, or read one word.
unsafe impl Sync for Head {}

impl Head {
    fn new(name: &'static CStr, key: Pin<&'static LockClassKey>) -> impl PinInit<Self> {
        pin_init!(Self {
            // SAFETY: `slot` is valid while the closure runs; name and key are static.
            raw <- Opaque::ffi_init(|slot| unsafe {
                bindings::__init_waitqueue_head(slot, name.as_char_ptr(), key.as_ptr())
            }),
        })
    }

    fn as_ptr(&self) -> *mut bindings::wait_queue_head {
        self.raw.get()
    }

    #[inline]
    fn is_active(&self) -> bool {
        let head = self.as_ptr();
        // SAFETY: The head is initialised; a pointer is read in one piece.
        let first = unsafe { (&raw const (*head).head.next).read_volatile() };
        // SAFETY: The head is initialised; only an address is taken.
        !ptr::eq(first, unsafe { &raw const (*head).head })
    }
}

/// A queue that [`Waiters::sleep`] alone joins.
#[pin_data]
pub(crate) struct Waiters {
    #[pin]
    head: Head,
}

impl Waiters {
    /// An empty queue.
    pub(crate) fn new(name: &'static CStr, key: Pin<&'static LockClassKey>) -> impl PinInit<Self> {
        pin_init!(Self {
            head <- Head::new(name, key),
        })
    }

    /// Whether somebody waits. Only meaningful to who synchronises with the waiters by a lock
    /// that they take before they test their condition; so there is no barrier in here.
    #[inline]
    pub(crate) fn is_active(&self) -> bool {
        self.head.is_active()
    }

    /// Wakes one waiter. `sync` hints that the waker is about to sleep. Takes the queue's lock;
    /// callable from any context.
    pub(crate) fn wake_one(&self, sync: bool) {
        let key = ptr::null_mut();
        if sync {
            // SAFETY: The head is initialised.
            unsafe { bindings::__wake_up_sync_key(self.head.as_ptr(), NORMAL, key) };
        } else {
            // SAFETY: The head is initialised.
            unsafe { bindings::__wake_up(self.head.as_ptr(), NORMAL, 1, key) };
        }
    }

    /// How many wait, as far as `most`. Puts the numbers of the first threads, in the order in which
    /// they would be woken, into `tids`. Takes the queue's lock for so long.
    pub(crate) fn count_sleepers(&self, most: u32, tids: &mut [i32]) -> u32 {
        let room = tids.len() as u32;
        // SAFETY: The head is initialised, and there is such room. The entries are of tasks, since
        // `sleep` alone adds some, and these leave the queue before they end.
        unsafe { bindings::rp_look_at_queue(self.head.as_ptr(), most, tids.as_mut_ptr(), room) }
    }

    /// Sleeps as an exclusive waiter, queued by that policy, until a wake-up, a signal or the
    /// deadline.
    ///
    /// `enqueue` is called in state `TASK_INTERRUPTIBLE` and must not sleep. It tests the
    /// condition under the lock that wakers hold, and that turns interrupts off, and joins the queue
    /// by its argument if there is something to wait for; if it does not, there is no sleep.
    pub(crate) fn sleep(
        &self,
        deadline: Deadline,
        policy: Policy,
        enqueue: impl FnOnce(Join<'_>),
    ) -> Woken {
        let mut entry = core::mem::MaybeUninit::<bindings::wait_queue_entry>::uninit();
        let entry = entry.as_mut_ptr();
        let joined = Cell::new(false);

        // SAFETY: The entry is this function's own, and does not move. The state is undone below.
        unsafe { bindings::rp_waiter_init(entry) };
        enqueue(Join {
            waiters: self,
            entry,
            policy,
            joined: &joined,
        });
        let queued = joined.get();
        let expired = queued && deadline.sleep();
        // SAFETY: The entry is initialised, and on this queue or on none.
        let chosen = unsafe { bindings::rp_waiter_finish(self.head.as_ptr(), entry) };
        Woken { chosen, expired }
    }
}

/// The right of a task in [`Waiters::sleep`] to join the queue, once.
///
/// # Invariants
///
/// `entry` is initialised and on no queue; `sleep` takes it off this one before it dies, if `joined`
/// says that it is there.
pub(crate) struct Join<'a> {
    waiters: &'a Waiters,
    entry: *mut bindings::wait_queue_entry,
    policy: Policy,
    joined: &'a Cell<bool>,
}

impl Join<'_> {
    /// Joins the queue.
    pub(crate) fn join(self) {
        self.joined.set(true);
        let (head, fifo) = (self.waiters.head.as_ptr(), self.policy == Policy::Fifo);
        // SAFETY: The head is initialised; for the entry by the type invariant, and as `self` is
        // gone afterwards.
        unsafe { bindings::rp_waiter_add_exclusive(head, self.entry, fifo) };
    }
}

/// A queue that pollers of a file join by a poll table, with functions of their own.
#[pin_data]
pub(crate) struct Pollers {
    #[pin]
    head: Head,
    /// For lockdep: how many of the queues whose wake-up caused this one's are locked by whoever
    /// has this one's lock, and that one.
    level: Atomic<u32>,
}

impl Pollers {
    /// An empty queue.
    pub(crate) fn new(name: &'static CStr, key: Pin<&'static LockClassKey>) -> impl PinInit<Self> {
        pin_init!(Self {
            head <- Head::new(name, key),
            level: Atomic::new(0),
        })
    }

    /// The C object.
    pub(super) fn as_ptr(&self) -> *mut bindings::wait_queue_head {
        self.head.as_ptr()
    }

    /// Whether somebody polls. There is no barrier in here, as in [`Waiters::is_active`].
    #[inline]
    pub(crate) fn is_active(&self) -> bool {
        self.head.is_active()
    }

    /// Wakes pollers, telling them which events there are. Callable from any context. `cause` is
    /// the queue of pollers whose wake-up, which is going on, causes this one; the pollers of one
    /// never are, directly or indirectly, the cause of its wake-up. (Others than eventpolls that turn
    /// a wake-up into one of another queue, as io_uring and aio, do so from a task of their own.)
    pub(crate) fn wake(&self, events: u32, cause: Option<&Self>) {
        let key = ptr::without_provenance_mut::<c_void>(events as usize);
        let level = cause.map_or(0, |cause| cause.level.load(Relaxed));
        // SAFETY: The head is initialised, and the level is changed by this alone.
        unsafe { bindings::rp_wake_pollers(self.as_ptr(), key, self.level.as_ptr(), level) };
    }

    /// How many entries there are, as far as `most`. Takes the queue's lock for so long.
    pub(crate) fn count(&self, most: u32) -> u32 {
        // SAFETY: The head is initialised; there is no room for numbers of threads.
        unsafe { bindings::rp_look_at_queue(self.as_ptr(), most, ptr::null_mut(), 0) }
    }
}

/// Why a [`Waiters::sleep`] ended.
pub(crate) struct Woken {
    /// A waker chose this waiter (or it had no reason to sleep): what it was told of is its
    /// to consume or to pass on.
    pub(crate) chosen: bool,
    /// The deadline has passed.
    pub(crate) expired: bool,
}
