// SPDX-License-Identifier: GPL-2.0

//! What a worker does for an instance: the wake-ups of its pollers that an epoll causes, or a file
//! that many watch; and the removal of its dead items, if the close of a file finds too many.
//!
//! Each instance has work of its own, a bounded part of which is done at a time: none waits for
//! another one's, unless [`MAX_RUNS`] are being done. The wake-ups are made without the locks of the wake-up that causes them: see
//! [`crate::nesting`].
//!
//! A worker's wake-ups may come back here, by way of other epolls, or of the same one if instances
//! and epolls watch each other in a circle. So each is counted as one more in succession than its
//! cause, and there are no more than [`MAX_NESTS`]: the count of a wake-up that no worker causes is
//! 0. A wake-up and what it causes is one call in one task, so a worker notes, in [`RUNS`], which
//! one it is making.

use crate::{
    eventpoll::Eventpoll,
    kernel_ext::{
        global::{
            Global,
            Installed,
            Loading, //
        },
        task,
        work::{
            self,
            OwnWork,
            Worker,
            Workqueue, //
        },
    },
    nesting::MAX_NESTS,
};
use core::mem::offset_of;
use kernel::{
    new_spinlock_irq,
    prelude::*,
    sync::{
        atomic::{
            ordering::Relaxed,
            Atomic, //
        },
        SpinLockIrq, //
    },
};

/// An instance's work, and the wake-up of its pollers that is due.
#[pin_data]
pub(crate) struct Order {
    #[pin]
    work: OwnWork<Eventpoll>,
    #[pin]
    wake: SpinLockIrq<Option<Wake>>,
}

impl Order {
    /// Nothing is to be done.
    pub(crate) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            work <- OwnWork::new(),
            wake <- new_spinlock_irq!(None, "repoll::order"),
        })
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

/// How many wake-ups are made at the same time, but for a few more on machines with several nodes.
const MAX_RUNS: usize = 64;

/// The wake-ups that are being made: the address of the worker's task, and, in the bits that are 0
/// there, the hops. Written, but for a 0, and looked for by that task alone.
static RUNS: [Atomic<usize>; MAX_RUNS] = [const { Atomic::new(0) }; MAX_RUNS];

/// One of these, while it is being made.
struct Run(&'static Atomic<usize>);

impl Run {
    const HOPS: usize = (1 << 3) - 1;

    /// The current task makes a wake-up after so many others.
    fn begin(hops: usize) -> Self {
        let run = task::current_id() | hops;
        loop {
            let free = |place: &&Atomic<usize>| place.cmpxchg(0, run, Relaxed).is_ok();
            if let Some(place) = RUNS.iter().find(free) {
                return Self(place);
            }
            // One of the others is done soon.
            task::cond_resched();
        }
    }

    /// How many relayed wake-ups in succession led to what the current task does.
    fn hops() -> usize {
        if !work::is_at_work() {
            return 0;
        }
        let mut runs = RUNS.iter().map(|run| run.load(Relaxed));
        let run = runs.find(|run| run & !Self::HOPS == task::current_id());
        run.map_or(0, |run| (run & Self::HOPS) + 1)
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        self.0.store(0, Relaxed);
    }
}

static WORKERS: Global<Workqueue> = Global::empty();

/// Prepares the workers, for as long as the result is kept.
pub(crate) fn install(loading: &Loading) -> Result<Installed<Workqueue>> {
    WORKERS.install(loading, Workqueue::new(c"repoll_relay", MAX_RUNS as i32)?)
}

/// Has the pollers of an instance woken. Callable from any context.
pub(crate) fn wake_pollers(instance: &Eventpoll, flags: u32) {
    let hops = Run::hops();
    if hops >= MAX_NESTS {
        return;
    }
    {
        let mut due = instance.order.wake.lock();
        // One wake-up for both, with what either would do.
        *due = Some(due.map_or(Wake { flags, hops }, |other| Wake {
            flags: flags & other.flags,
            hops: hops.min(other.hops),
        }));
    }
    start(instance);
}

/// Has the dead items of an instance removed, unless all are gone by now. Callable from any context,
/// also on an instance that is being released, if that was found under RCU.
pub(crate) fn remove_dead(instance: &Eventpoll) {
    start(instance);
}

fn start(instance: &Eventpoll) {
    // SAFETY: It is the instance's, which calls `forget` on its release, before it goes.
    unsafe { instance.order.work.start(WORKERS.get()) };
}

/// Makes sure that no worker does anything for an instance that is being released, now or later.
/// May sleep.
pub(crate) fn forget(instance: &Eventpoll) {
    instance.order.work.stop();
}

// SAFETY: The offset is that of the only such work in an instance.
unsafe impl Worker for Eventpoll {
    const OFFSET: usize = offset_of!(Eventpoll, order) + offset_of!(Order, work);

    fn work(&self) {
        let wake = self.order.wake.lock().take();
        if let Some(Wake { flags, hops }) = wake {
            let _run = Run::begin(hops);
            self.wake_pollers(flags, None);
        }
        if Eventpoll::remove_dead(self) {
            remove_dead(self);
        }
    }
}
