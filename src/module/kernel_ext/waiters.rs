// SPDX-License-Identifier: GPL-2.0

//! Tasks that sleep until a waker chooses one of them.
//!
//! A wait queue has its own lock. These tasks queue up in data that a spinlock already protects,
//! together with the condition that they wait for, so neither a waiter nor a waker takes a second
//! lock. A wait queue does not report either which waiter was chosen. This matters here, because a
//! wake-up must be consumed or passed on.
//!
//! C header: [`include/linux/wait.h`](srctree/include/linux/wait.h)

use super::{
    list::{
        Linked,
        List,
        ListLinks, //
    },
    task::Deadline, //
};
use crate::bindings;
use core::ffi::c_int;
use kernel::{
    bindings::task_struct,
    sync::{
        atomic::{
            ordering::{
                Acquire,
                Relaxed,
                Release, //
            },
            Atomic, //
        },
        SpinLockIrq, //
    },
};

/// Which of several waiters a wake-up chooses.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Policy {
    /// The waiter that came first.
    Fifo,
    /// The waiter that came last, because its cache is warm.
    Lifo,
}

/// The flags that a wait queue's waker passes to the scheduler.
#[derive(Clone, Copy)]
pub(crate) struct WakeFlags(c_int);

impl WakeFlags {
    /// No flags.
    pub(crate) const NONE: Self = Self(0);

    /// The flags that a wait-queue function received.
    #[inline]
    pub(super) fn new(flags: c_int) -> Self {
        Self(flags)
    }

    /// Whether the waker is about to sleep, or wants the other task on its processor.
    #[inline]
    pub(crate) fn is_sync(self) -> bool {
        self.0 != 0
    }
}

/// A waiting task. This lives on the task's stack.
struct Waiter {
    links: ListLinks<Waiter>,
    task: *mut task_struct,
    /// Whether the task is in the list. A waker clears this as its last access.
    queued: Atomic<bool>,
}

// SAFETY: The links are a field that nothing else uses.
unsafe impl Linked<0> for Waiter {
    fn links(&self) -> &ListLinks<Self> {
        &self.links
    }
}

// SAFETY: The links are used only under the lock, and the task's address does not change.
unsafe impl Send for Waiter {}
// SAFETY: As above.
unsafe impl Sync for Waiter {}

/// The waiting tasks. [`sleep`] adds them.
///
/// # Invariants
///
/// Each is in [`sleep`], and stays there until it has left the list.
pub(crate) struct Waiters(List<Waiter, 0>);

/// Data under a lock, with the tasks that wait for a change of it.
///
/// # Safety
///
/// The data always returns the same [`Waiters`], and no user of the data moves them.
pub(crate) unsafe trait Awaited {
    /// The waiters.
    fn waiters(&mut self) -> &mut Waiters;
}

impl Waiters {
    /// No waiters.
    pub(crate) const fn new() -> Self {
        Self(List::new())
    }

    /// Whether there are waiters.
    #[inline]
    pub(crate) fn is_active(&self) -> bool {
        !self.0.is_empty()
    }

    /// Wakes one waiter. Callable from any context.
    pub(crate) fn wake_one(&mut self, flags: WakeFlags) {
        while let Some(waiter) = self.0.first() {
            // SAFETY: By the type invariant.
            let waiter = unsafe { waiter.as_ref() };
            // SAFETY: The task does not end in `sleep`, where it still is.
            let woken = unsafe { bindings::rp_wake_task(waiter.task, flags.0) };
            // SAFETY: The waiter was found in this list.
            unsafe { self.0.remove(waiter) };
            // This is the last access: the task may leave `sleep` now.
            waiter.queued.store(false, Release);
            if woken {
                break;
            }
        }
    }

    /// The number of waiters, up to `most`. Stores the IDs of the first threads in `tids`, as
    /// numbers of the current task's namespace, in the order in which they would be woken.
    pub(crate) fn count(&self, most: u32, tids: &mut [i32]) -> u32 {
        let mut tids = tids.iter_mut();
        let mut count = 0;
        let mut next = self.0.first();
        while let Some(waiter) = next.filter(|_| count < most) {
            // SAFETY: By the type invariant.
            let waiter = unsafe { waiter.as_ref() };
            if let Some(tid) = tids.next() {
                // SAFETY: The task does not end in `sleep`, where it still is.
                *tid = unsafe { bindings::rp_task_number(waiter.task) };
            }
            count += 1;
            next = List::after(waiter);
        }
        count
    }
}

/// Why a [`sleep`] ended.
pub(crate) struct Woken {
    /// A waker chose this waiter, or it had no reason to sleep: it has to consume the wake-up or
    /// pass it on.
    pub(crate) chosen: bool,
    /// The deadline has passed.
    pub(crate) expired: bool,
}

/// Sleeps among the waiters of the data, at the position that the policy determines, until a
/// wake-up, a signal or the deadline. Does not sleep if `has_to_sleep`, which checks the data,
/// returns false.
pub(crate) fn sleep<T: Awaited + Unpin>(
    data: &SpinLockIrq<T>,
    deadline: Deadline,
    policy: Policy,
    has_to_sleep: impl FnOnce(&mut T) -> bool,
) -> Woken {
    let waiter = Waiter {
        links: ListLinks::new(),
        task: kernel::current!().as_ptr(),
        queued: Atomic::new(false),
    };
    // SAFETY: The state is undone below.
    unsafe { bindings::rp_set_interruptible() };
    {
        // A waker that takes the lock later finds the task both queued and not running.
        let mut data = data.lock();
        if has_to_sleep(&mut data) {
            waiter.queued.store(true, Relaxed);
            let list = &mut data.waiters().0;
            match policy {
                // SAFETY: The waiter is in no list, and the end of this function takes it off, or
                // finds that it was taken off.
                Policy::Fifo => unsafe { list.push_back(&waiter) },
                // SAFETY: As above.
                Policy::Lifo => unsafe { list.push_front(&waiter) },
            }
        }
    }
    let expired = waiter.queued.load(Relaxed) && deadline.sleep();
    // SAFETY: The task is not going to sleep.
    unsafe { bindings::rp_set_running() };
    let mut chosen = true;
    if waiter.queued.load(Acquire) {
        let mut data = data.lock();
        if waiter.queued.load(Relaxed) {
            // SAFETY: By the trait's requirements, the waiter is in that list, because no waker
            // took it off.
            unsafe { data.waiters().0.remove(&waiter) };
            chosen = false;
        }
    }
    Woken { chosen, expired }
}
