// SPDX-License-Identifier: MIT OR Apache-2.0

//! The parameters of busy polling.

use rustix::ioctl::{opcode, Opcode};
use std::time::Duration;

/// How waits poll network devices before they sleep, as with epoll's
/// `EPIOCSPARAMS`; see [`Poller::set_busy_poll`](crate::Poller::set_busy_poll).
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct BusyPoll {
    /// How long to poll, in whole microseconds; zero disables busy polling.
    pub time: Duration,
    /// How many packets to process at a time; zero means the kernel's default.
    pub budget: u16,
    /// Whether the device's interrupts stay disabled meanwhile.
    pub prefer: bool,
}

/// `struct epoll_params` of `<linux/eventpoll.h>`.
#[derive(Default)]
#[repr(C)]
pub(crate) struct Parameters {
    usecs: u32,
    budget: u16,
    prefer: u8,
    pad: u8,
}

/// `EPIOCSPARAMS`, which takes [`Parameters`].
pub(crate) const SET: Opcode = opcode::write::<Parameters>(0x8A, 1);
/// `EPIOCGPARAMS`, which returns them.
pub(crate) const GET: Opcode = opcode::read::<Parameters>(0x8A, 2);

impl From<BusyPoll> for Parameters {
    fn from(from: BusyPoll) -> Self {
        Self {
            // A value that is too large stays too large for the kernel.
            usecs: from.time.as_micros().try_into().unwrap_or(u32::MAX),
            budget: from.budget,
            prefer: from.prefer.into(),
            pad: 0,
        }
    }
}

impl From<Parameters> for BusyPoll {
    fn from(from: Parameters) -> Self {
        Self {
            time: Duration::from_micros(from.usecs.into()),
            budget: from.budget,
            prefer: from.prefer != 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ioctls_are_those_of_epoll() {
        assert_eq!((SET, GET), (0x4008_8a01, 0x8008_8a02));
    }

    #[test]
    fn parameters_survive_the_way_there_and_back() {
        let busy = BusyPoll {
            time: Duration::from_micros(50),
            budget: 16,
            prefer: true,
        };
        let parameters = Parameters::from(busy);
        assert_eq!((parameters.usecs, parameters.prefer), (50, 1));
        assert_eq!(BusyPoll::from(parameters), busy);
    }

    #[test]
    fn a_time_that_is_too_long_is_not_cut_to_a_valid_one() {
        let busy = BusyPoll {
            time: Duration::MAX,
            ..Default::default()
        };
        assert_eq!(Parameters::from(busy).usecs, u32::MAX);
    }
}
