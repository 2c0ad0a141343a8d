// SPDX-License-Identifier: GPL-2.0

//! Busy polling: a waiter takes packets from the network device itself before it sleeps.
//!
//! An instance remembers the receive queue of the socket that was woken last. Its waiters poll that
//! queue for as long as the instance's parameters specify; the default is not at all. The
//! system-wide `net.core.busy_poll`, and the suspension of a device's interrupts while events are
//! handled, are not available to modules.

use crate::{
    kernel_ext::{
        napi,
        once::Once,
        task,
        unreleased::Unreleased, //
    },
    uapi::Params,
};
use core::num::NonZeroU32;
use kernel::prelude::*;

/// The parameters in one word: the budget in bits 0 to 15, and above it those that enable busy
/// polling: `prefer_busy_poll` in bit 16 and the microseconds from bit 32 on.
#[derive(Clone, Copy)]
struct Packed(u64);

impl Packed {
    const PREFER: u32 = u16::BITS;
    const USECS: u32 = u32::BITS;

    fn new(params: &Params) -> Self {
        let usecs = u64::from(params.busy_poll_usecs) << Self::USECS;
        let prefer = u64::from(params.prefer_busy_poll) << Self::PREFER;
        Self(usecs | prefer | u64::from(params.busy_poll_budget))
    }

    fn usecs(self) -> u32 {
        (self.0 >> Self::USECS) as u32
    }

    fn prefer(self) -> bool {
        self.0 & 1 << Self::PREFER != 0
    }

    fn budget(self) -> u16 {
        self.0 as u16
    }

    #[inline]
    fn is_on(self) -> bool {
        self.0 > u16::MAX.into()
    }
}

/// The parameters of an instance, and the queue that it would poll. Accesses are not ordered: a
/// stale value costs or saves a round of polling.
pub(crate) struct BusyPoll {
    /// As [`Packed`].
    params: Once<u64>,
    /// 0 for none.
    queue: Once<u32>,
}

impl BusyPoll {
    /// Disabled.
    pub(crate) const fn new() -> Self {
        Self {
            params: Once::new(0),
            queue: Once::new(0),
        }
    }

    /// Sets the parameters.
    ///
    /// # Errors
    ///
    /// `EOPNOTSUPP` if the kernel has no busy polling, `EINVAL` if a value is out of range, `EPERM`
    /// if the budget requires the right to administer the network.
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
        self.params.write(Packed::new(params).0);
        Ok(())
    }

    /// The parameters.
    ///
    /// # Errors
    ///
    /// `EOPNOTSUPP`.
    pub(crate) fn get(&self) -> Result<Params> {
        Self::check_supported()?;
        let packed = self.packed();
        Ok(Params {
            busy_poll_usecs: packed.usecs(),
            busy_poll_budget: packed.budget(),
            prefer_busy_poll: packed.prefer().into(),
            __pad: 0,
        })
    }

    /// Whether the kernel was built with busy polling.
    pub(crate) const IS_SUPPORTED: bool = cfg!(CONFIG_NET_RX_BUSY_POLL);

    fn check_supported() -> Result {
        if Self::IS_SUPPORTED {
            Ok(())
        } else {
            Err(EOPNOTSUPP)
        }
    }

    #[inline]
    fn packed(&self) -> Packed {
        Packed(self.params.read())
    }

    /// Remembers the queue of a `file` that has become ready, if busy polling is enabled. Callable
    /// from any context.
    #[inline(always)]
    pub(crate) fn note<'a>(&self, file: impl FnOnce() -> Unreleased<'a>) {
        if self.packed().is_on() {
            self.note_queue(file());
        }
    }

    #[cold]
    fn note_queue(&self, file: Unreleased<'_>) {
        if let Some(queue) = napi::queue_of(file) {
            self.queue.write(queue.get());
        }
    }

    /// Polls the queue until something is `available`, a signal comes or the time is over. Returns
    /// whether something is available. Called in process context, without locks.
    pub(crate) fn spin(&self, available: impl Fn() -> bool) -> bool {
        let packed = self.packed();
        let Some(queue) = NonZeroU32::new(self.queue.read()).filter(|_| packed.is_on()) else {
            return false;
        };
        napi::busy_loop(
            queue,
            packed.prefer(),
            packed.budget(),
            &|start: napi::Instant| {
                available() || task::signal_pending() || start.is_over(self.packed().usecs())
            },
        );
        let found = available();
        if !found && !task::signal_pending() {
            // Do not poll again until a socket with a queue is ready.
            self.queue.write(0);
        }
        found
    }
}
