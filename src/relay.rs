// SPDX-License-Identifier: GPL-2.0

//! What a worker does for instances: wake-ups of an instance's pollers that an epoll causes, or a
//! file that many watch; and the removal of dead items, if the close of a file finds too many of
//! others.
//!
//! The wake-ups are made by a worker, without the locks of the wake-up that causes them: see
//! [`crate::nesting`]. The worker's own wake-ups may come back here, by way of other epolls, or of
//! the same one if instances and epolls watch each other in a circle. So each is counted as one
//! more in succession than its cause, and there are no more than [`MAX_NESTS`]: the count of a
//! wake-up that the worker does not cause is 0.

use crate::{
    eventpoll::Eventpoll,
    kernel_ext::{
        global::{
            Global,
            Installed, //
        },
        list::{
            Linked,
            Links,
            List, //
        },
        task,
        work::Periodic, //
    },
    nesting::MAX_NESTS,
};
use core::cell::Cell;
use kernel::{
    new_spinlock_irq,
    prelude::*,
    sync::{
        atomic::{
            ordering::Relaxed,
            Atomic, //
        },
        rcu,
        SpinLockIrq, //
    },
};

/// An instance's place in the worker's queue. Accessed under the queue's lock.
pub(crate) struct Order {
    links: Links<Eventpoll>,
    wake: Cell<Option<Wake>>,
    /// Whether there are dead items to be removed.
    dead: Cell<bool>,
}

// SAFETY: By the rule above.
unsafe impl Send for Order {}
// SAFETY: As above.
unsafe impl Sync for Order {}

impl Order {
    /// Nothing is to be done.
    pub(crate) const fn new() -> Self {
        Self {
            links: Links::new(),
            wake: Cell::new(None),
            dead: Cell::new(false),
        }
    }

    /// Whether anything is: then, and only then, the instance is in the queue.
    fn is_due(&self) -> bool {
        self.wake.get().is_some() || self.dead.get()
    }
}

impl Linked<0> for Eventpoll {
    fn links(&self) -> &Links<Self> {
        &self.order.links
    }
}

/// A wake-up to be made.
#[derive(Clone, Copy)]
struct Wake {
    /// Flags for the pollers.
    flags: u32,
    /// How many relayed wake-ups in succession led to it.
    hops: usize,
}

type Queue = Pin<KBox<SpinLockIrq<List<Eventpoll, 0>>>>;

static QUEUE: Global<Queue> = Global::empty();
static WORKER: Global<Periodic> = Global::empty();

/// The task that is making a relayed wake-up, and the hops of that one. Written by that task
/// alone: the worker is one, and does not run beside itself.
static RUNNING: Atomic<usize> = Atomic::new(0);
static HOPS: Atomic<usize> = Atomic::new(0);

/// Relaying, while the module is loaded.
pub(crate) struct Relay {
    // Dropped in this order: who uses the queue first.
    _worker: Installed<Periodic>,
    _queue: Installed<Queue>,
}

impl Relay {
    /// Prepares the worker.
    ///
    /// # Safety
    ///
    /// As for [`Global::install`].
    pub(crate) unsafe fn new() -> Result<Self> {
        let queue = KBox::pin_init(new_spinlock_irq!(List::new(), "repoll::relay"), GFP_KERNEL)?;
        let worker = Periodic::new(run, 0)?;
        // SAFETY: By the requirements.
        unsafe {
            Ok(Self {
                _queue: QUEUE.install(queue),
                _worker: WORKER.install(worker),
            })
        }
    }
}

/// Has the pollers of an instance woken. Callable from any context.
pub(crate) fn wake_pollers(instance: &Eventpoll, flags: u32) {
    let mut wake = Wake { flags, hops: 0 };
    if RUNNING.load(Relaxed) == task::current_id() && task::in_task() {
        wake.hops = HOPS.load(Relaxed) + 1;
        if wake.hops >= MAX_NESTS {
            return;
        }
    }
    {
        let mut queue = QUEUE.get().lock();
        if let Some(other) = instance.order.wake.get() {
            // One wake-up for both, with what either would do.
            wake.flags &= other.flags;
            wake.hops = wake.hops.min(other.hops);
        }
        if !instance.order.is_due() {
            // SAFETY: The instance is not in the queue. It stays until `forget`, which it calls
            // before it goes, when nothing can wake it any more.
            unsafe { queue.push_back(instance) };
        }
        instance.order.wake.set(Some(wake));
    }
    WORKER.get().start();
}

/// Has the dead items of an instance removed, unless all are gone by now. Called under RCU.
pub(crate) fn remove_dead(instance: &Eventpoll) {
    {
        let mut queue = QUEUE.get().lock();
        // An instance without items, which may have called `forget`, has no dead ones.
        if !instance.ready.has_dead() {
            return;
        }
        if !instance.order.is_due() {
            // SAFETY: The instance is not in the queue, and has `forget` to call yet: before that
            // it removes all items.
            unsafe { queue.push_back(instance) };
        }
        instance.order.dead.set(true);
    }
    WORKER.get().start();
}

/// Makes sure that the worker does not find an instance any more, but for who found it before,
/// under RCU. No wake-up can come any more.
pub(crate) fn forget(instance: &Eventpoll) {
    let mut queue = QUEUE.get().lock();
    if instance.order.is_due() {
        // SAFETY: An instance for which there is something to do is in the queue.
        unsafe { queue.remove(instance) };
        instance.order.wake.set(None);
        instance.order.dead.set(false);
    }
}

/// The worker: does all that is due. Returns whether to call it again, which others say.
fn run() -> bool {
    RUNNING.store(task::current_id(), Relaxed);
    loop {
        task::cond_resched();
        let _rcu = rcu::read_lock();
        let (instance, wake, dead) = {
            let mut queue = QUEUE.get().lock();
            let Some(instance) = queue.first() else {
                break;
            };
            // SAFETY: Instances in the queue are alive, and freed a grace period after they left
            // it.
            let instance = unsafe { instance.as_ref() };
            // SAFETY: It is in the queue.
            unsafe { queue.remove(instance) };
            let order = &instance.order;
            (instance, order.wake.take(), order.dead.take())
        };
        if let Some(wake) = wake {
            HOPS.store(wake.hops, Relaxed);
            instance.wake_pollers(wake.flags, None);
        }
        if dead && instance.remove_dead() {
            remove_dead(instance);
        }
    }
    RUNNING.store(0, Relaxed);
    false
}
