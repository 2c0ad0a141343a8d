// SPDX-License-Identifier: GPL-2.0

//! Work that repeats itself for as long as it is needed.
//!
//! C header: [`include/linux/workqueue.h`](srctree/include/linux/workqueue.h)

use crate::bindings;
use kernel::{
    prelude::*,
    sync::Arc,
    time::{
        msecs_to_jiffies,
        Jiffies, //
    },
    workqueue::{
        impl_has_delayed_work,
        new_delayed_work,
        DelayedWork,
        Queue,
        Work,
        WorkItem, //
    },
};

/// The kernel's queue for work that may run anywhere; the crate knows it by its old name only.
fn queue() -> &'static Queue {
    // SAFETY: The queue is made at boot and stays.
    unsafe { Queue::from_raw(bindings::system_dfl_wq) }
}

#[pin_data]
struct Timer {
    #[pin]
    work: DelayedWork<Timer>,
    tick: fn() -> bool,
    period: Jiffies,
}

impl_has_delayed_work! { impl HasDelayedWork<Self> for Timer { self.work } }

impl WorkItem for Timer {
    type Pointer = Arc<Self>;

    fn run(this: Arc<Self>) {
        if (this.tick)() {
            let period = this.period;
            // An error means that it was started again meanwhile.
            let _ = queue().enqueue_delayed(this, period);
        }
    }
}

/// A function that is called again and again in process context, until it says that there is
/// nothing to do any more.
pub(crate) struct Periodic(Arc<Timer>);

impl Periodic {
    /// `tick` will be called every `period_ms` milliseconds, once started, until it returns false.
    pub(crate) fn new(tick: fn() -> bool, period_ms: u32) -> Result<Self> {
        Ok(Self(Arc::pin_init(
            pin_init!(Timer {
                work <- new_delayed_work!("repoll::Periodic"),
                tick,
                period: msecs_to_jiffies(period_ms),
            }),
            GFP_KERNEL,
        )?))
    }

    /// Starts the calls, unless they are going on. Callable from any context.
    pub(crate) fn start(&self) {
        let timer = self.0.clone();
        let period = timer.period;
        // An error means that a call is pending already.
        let _ = queue().enqueue_delayed(timer, period);
    }
}

impl Drop for Periodic {
    fn drop(&mut self) {
        // SAFETY: The work lives in the timer, and is the first field of a C `delayed_work`.
        let pending = unsafe {
            let work = DelayedWork::raw_as_work(&raw const self.0.work);
            bindings::cancel_delayed_work_sync(Work::raw_get(work).cast())
        };
        if pending {
            // SAFETY: The pending call, which will not come, owned a reference.
            drop(unsafe { Arc::from_raw(Arc::as_ptr(&self.0)) });
        }
    }
}
