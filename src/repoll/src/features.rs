// SPDX-License-Identifier: MIT OR Apache-2.0

//! The features of the module.

use crate::{command::Command, uapi};
use std::{io, os::fd::AsFd};

/// The bit of a feature, by its number.
const fn bit(number: u32) -> u64 {
    assert!(number < u64::BITS);
    1 << number
}

bitflags::bitflags! {
    /// Features of a module, for programs that also run on modules that lack some
    /// features of this crate.
    ///
    /// [`Poller::features`](crate::Poller::features) and
    /// [`Control::features`](crate::info::Control::features) return them. Bits without a
    /// name in this crate are those of a later module.
    ///
    /// ```no_run
    /// use repoll::{CreateFlags, Features, Poller};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let mut poller = Poller::new()?;
    /// if poller.features()?.contains(Features::FIFO) {
    ///     poller = Poller::with_flags(CreateFlags::FIFO)?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    #[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
    pub struct Features: u64 {
        /// [`CreateFlags::FIFO`](crate::CreateFlags::FIFO).
        const FIFO = bit(uapi::REPOLL_FEATURE_FIFO);
        /// [`Exclusive::round_robin`](crate::Exclusive::round_robin).
        const ROUND_ROBIN = bit(uapi::REPOLL_FEATURE_ROUND_ROBIN);
        /// [`Poller::batch`](crate::Poller::batch).
        const BATCH = bit(uapi::REPOLL_FEATURE_BATCH);
        /// [`Poller::batch_wait`](crate::Poller::batch_wait).
        const BATCH_WAIT = bit(uapi::REPOLL_FEATURE_BATCH_WAIT);
        /// [`Control::instances`](crate::info::Control::instances).
        const LIST = bit(uapi::REPOLL_FEATURE_LIST);
        /// [`Control::items`](crate::info::Control::items).
        const ITEMS = bit(uapi::REPOLL_FEATURE_ITEMS);
        /// [`Instance::of`](crate::info::Instance::of).
        const INFO = bit(uapi::REPOLL_FEATURE_INFO);
        /// [`Poller::set_busy_poll`](crate::Poller::set_busy_poll): the kernel was built
        /// with busy polling.
        const BUSY_POLL = bit(uapi::REPOLL_FEATURE_BUSY_POLL);
        /// Direct calls, which cost less than ioctls. The methods of
        /// [`Poller`](crate::Poller) make them automatically where possible. The module
        /// was not loaded with `direct=0`.
        const DIRECT = bit(uapi::REPOLL_FEATURE_DIRECT);
    }
}

impl Features {
    /// The features of the module behind a control node or an instance.
    pub(crate) fn of(fd: impl AsFd) -> io::Result<Self> {
        let mut features = uapi::repoll_features::default();
        // SAFETY: REPOLL_FEATURES reads and writes a `repoll_features`.
        unsafe { Command::<{ uapi::REPOLL_FEATURES }, _>::new(&mut features).run(fd)? };
        Ok(Self::from_bits_retain(features.bits))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_feature_has_the_bit_of_its_number() {
        assert_eq!(Features::FIFO.bits(), 1);
        assert_eq!(Features::ROUND_ROBIN.bits(), 2);
        assert_eq!(Features::BUSY_POLL.bits(), 1 << 7);
        assert_eq!(Features::all().bits(), 0x1ff);
    }

    #[test]
    fn later_features_are_kept() {
        let later = Features::from_bits_retain((1 << 63) | 1);
        assert!(later.contains(Features::FIFO));
        assert_eq!(later.bits(), (1 << 63) | 1);
    }
}
