// SPDX-License-Identifier: GPL-2.0

//! Busy polling: a waiter takes packets from the network device itself before it sleeps.
//!
//! An instance remembers the receive queue of the socket that was woken last. Who waits on it
//! polls that queue for as long as the instance's parameters say. They are off at first; the
//! system-wide `net.core.busy_poll`, and the suspension of a device's interrupts while events are
//! being handled, are not for modules.

use crate::{
    kernel_ext::{
        napi,
        task, //
    },
    uapi::Params,
};
use core::num::NonZeroU32;
use kernel::{
    bindings,
    prelude::*,
    sync::atomic::{
        ordering::Relaxed,
        Atomic, //
    },
};

/// The parameters of an instance, and the queue that it would poll. Not ordered with anything:
/// a stale value costs or saves a round of polling.
pub(crate) struct BusyPoll {
    usecs: Atomic<u32>,
    budget: Atomic<u32>,
    prefer: Atomic<bool>,
    /// 0 for none.
    queue: Atomic<u32>,
}

impl BusyPoll {
    /// Off.
    pub(crate) const fn new() -> Self {
        Self {
            usecs: Atomic::new(0),
            budget: Atomic::new(0),
            prefer: Atomic::new(false),
            queue: Atomic::new(0),
        }
    }

    /// Sets the parameters.
    ///
    /// # Errors
    ///
    /// `EOPNOTSUPP` if the kernel has no busy polling, `EINVAL` if a value is out of range, `EPERM`
    /// if the budget is only for who may administer the network.
    pub(crate) fn set(&self, params: &Params) -> Result {
        Self::check_supported()?;
        if params.__pad != 0
            || i32::try_from(params.busy_poll_usecs).is_err()
            || params.prefer_busy_poll > 1
        {
            return Err(EINVAL);
        }
        if params.busy_poll_budget > napi::MAX_BUDGET && !task::may_administer_network() {
            return Err(EPERM);
        }
        self.usecs.store(params.busy_poll_usecs, Relaxed);
        self.budget.store(params.busy_poll_budget.into(), Relaxed);
        self.prefer.store(params.prefer_busy_poll != 0, Relaxed);
        Ok(())
    }

    /// The parameters.
    ///
    /// # Errors
    ///
    /// `EOPNOTSUPP`.
    pub(crate) fn get(&self) -> Result<Params> {
        Self::check_supported()?;
        Ok(Params {
            busy_poll_usecs: self.usecs.load(Relaxed),
            busy_poll_budget: self.budget.load(Relaxed) as u16,
            prefer_busy_poll: self.prefer.load(Relaxed).into(),
            __pad: 0,
        })
    }

    fn check_supported() -> Result {
        if cfg!(CONFIG_NET_RX_BUSY_POLL) {
            Ok(())
        } else {
            Err(EOPNOTSUPP)
        }
    }

    fn is_on(&self) -> bool {
        self.usecs.load(Relaxed) != 0 || self.prefer.load(Relaxed)
    }

    /// Remembers the queue of a file that has become ready. Callable from any context.
    ///
    /// # Safety
    ///
    /// As for [`napi::queue_of`].
    pub(crate) unsafe fn note(&self, file: *mut bindings::file) {
        if !self.is_on() {
            return;
        }
        // SAFETY: By the requirements.
        if let Some(queue) = unsafe { napi::queue_of(file) } {
            self.queue.store(queue.get(), Relaxed);
        }
    }

    /// Polls the queue until something is `available`, a signal comes or the time is over. Returns
    /// whether something is available. Process context, no locks held.
    pub(crate) fn spin(&self, available: impl Fn() -> bool) -> bool {
        let Some(queue) = NonZeroU32::new(self.queue.load(Relaxed)).filter(|_| self.is_on()) else {
            return false;
        };
        let prefer = self.prefer.load(Relaxed);
        let budget = self.budget.load(Relaxed) as u16;
        napi::busy_loop(queue, prefer, budget, &|start: napi::Instant| {
            available() || task::signal_pending() || start.is_over(self.usecs.load(Relaxed))
        });
        let found = available();
        if !found && !task::signal_pending() {
            // Until a socket with a queue is ready again.
            self.queue.store(0, Relaxed);
        }
        found
    }
}
