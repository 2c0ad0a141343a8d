// SPDX-License-Identifier: GPL-2.0

//! Work that a worker does for an object, which is an instance: it wakes the object's pollers on
//! behalf of an epoll or of a file that many instances watch, and does the other deferred work of
//! the object.
//!
//! Each object has its own work item, of which a worker does a bounded part at a time. So no object
//! waits for another one's work, unless [`MAX_RUNS`] are in progress. The worker wakes the pollers
//! without the locks of the wake-up that causes this: see [`crate::nesting`].
//!
//! A worker's wake-ups may come back here, through other epolls, or through the same one if
//! instances and epolls watch each other in a circle. So each counts as one more in succession than
//! its cause, and there are at most [`MAX_NESTS`]. A wake-up that no worker causes counts as 0.
//! Since a wake-up and everything that it causes are one call in one task, the worker records in
//! [`RUNS`] which wake-up it makes.

use crate::{
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
    vertex::MAX_NESTS,
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

/// The work item of a `T`, and the pending wake-up of its pollers.
#[pin_data]
pub(crate) struct Relay<T: Worker> {
    #[pin]
    work: OwnWork<T>,
    #[pin]
    due: SpinLockIrq<Option<Wake>>,
}

/// A pending wake-up.
#[derive(Clone, Copy)]
struct Wake {
    /// Flags for the pollers.
    flags: u32,
    /// How many relayed wake-ups in succession led to it.
    hops: usize,
}

impl<T: Worker> Relay<T> {
    /// The offset of the [`OwnWork`].
    pub(crate) const WORK: usize = offset_of!(Self, work);

    /// Nothing is pending.
    pub(crate) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            work <- OwnWork::new(),
            due <- new_spinlock_irq!(None, "repoll::relay"),
        })
    }

    /// Makes a worker wake the pollers. Callable from any context.
    pub(crate) fn wake_pollers(&self, flags: u32) {
        let hops = Run::hops();
        if hops >= MAX_NESTS {
            return;
        }
        {
            let mut due = self.due.lock();
            // One wake-up for both, which does what either would do.
            *due = Some(due.map_or(Wake { flags, hops }, |other| Wake {
                flags: flags & other.flags,
                hops: hops.min(other.hops),
            }));
        }
        self.start();
    }

    /// Makes a worker call [`Worker::work`]. Callable from any context, even while the object is
    /// being released, as may be the case for an object that was found under RCU.
    pub(crate) fn start(&self) {
        self.work.start(WORKERS.get());
    }

    /// The part of [`Worker::work`] that concerns pollers: if a wake-up is pending, `wake` makes it
    /// with the given flags.
    pub(crate) fn run(&self, wake: impl FnOnce(u32)) {
        let due = self.due.lock().take();
        if let Some(Wake { flags, hops }) = due {
            let _run = Run::begin(hops);
            wake(flags);
        }
    }

    /// Makes sure that no worker does anything for the object, now or later. May sleep.
    pub(crate) fn stop(&self) {
        self.work.stop();
    }
}

/// How many wake-ups are made at the same time. On machines with several nodes there may be a few
/// more.
const MAX_RUNS: usize = 64;

/// The wake-ups that are being made: the address of the worker's task, with the hops in the bits
/// that are 0 there. A task only writes and looks for its own entry, except for a 0.
static RUNS: [Atomic<usize>; MAX_RUNS] = [const { Atomic::new(0) }; MAX_RUNS];

/// An entry of these, while its wake-up is being made.
struct Run(&'static Atomic<usize>);

impl Run {
    const HOPS: usize = (1 << 3) - 1;

    /// The current task makes a wake-up after `hops` others.
    fn begin(hops: usize) -> Self {
        let run = task::current_id() | hops;
        loop {
            let free = |place: &&Atomic<usize>| place.cmpxchg(0, run, Relaxed).is_ok();
            if let Some(place) = RUNS.iter().find(free) {
                return Self(place);
            }
            // One of the others will finish soon.
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
