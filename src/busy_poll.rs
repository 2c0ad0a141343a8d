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
        once::Once,
        task, //
    },
    uapi::Params,
};
use core::num::NonZeroU32;
use kernel::{
    bindings,
    prelude::*, //
};

/// The parameters of an instance, and the queue that it would poll. Not ordered with anything:
/// a stale value costs or saves a round of polling.
pub(crate) struct BusyPoll {
    usecs: Once<u32>,
    budget: Once<u32>,
    prefer: Once<bool>,
    /// 0 for none.
    queue: Once<u32>,
}

impl BusyPoll {
    /// Off.
    pub(crate) const fn new() -> Self {
        Self {
            usecs: Once::new(0),
            budget: Once::new(0),
            prefer: Once::new(false),
            queue: Once::new(0),
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
        self.usecs.write(params.busy_poll_usecs);
        self.budget.write(params.busy_poll_budget.into());
        self.prefer.write(params.prefer_busy_poll != 0);
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
            busy_poll_usecs: self.usecs.read(),
            busy_poll_budget: self.budget.read() as u16,
            prefer_busy_poll: self.prefer.read().into(),
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
        self.usecs.read() != 0 || self.prefer.read()
    }

    /// Remembers the queue of a file that has become ready. Callable from any context.
    ///
    /// # Safety
    ///
    /// As for [`napi::queue_of`].
    #[inline]
    pub(crate) unsafe fn note(&self, file: *mut bindings::file) {
        if !self.is_on() {
            return;
        }
        // SAFETY: By the requirements.
        if let Some(queue) = unsafe { napi::queue_of(file) } {
            self.queue.write(queue.get());
        }
    }

    /// Polls the queue until something is `available`, a signal comes or the time is over. Returns
    /// whether something is available. Process context, no locks held.
    pub(crate) fn spin(&self, available: impl Fn() -> bool) -> bool {
        let Some(queue) = NonZeroU32::new(self.queue.read()).filter(|_| self.is_on()) else {
            return false;
        };
        let prefer = self.prefer.read();
        let budget = self.budget.read() as u16;
        napi::busy_loop(queue, prefer, budget, &|start: napi::Instant| {
            available() || task::signal_pending() || start.is_over(self.usecs.read())
        });
        let found = available();
        if !found && !task::signal_pending() {
            // Until a socket with a queue is ready again.
            self.queue.write(0);
        }
        found
    }
}
