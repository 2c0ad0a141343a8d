// SPDX-License-Identifier: MIT OR Apache-2.0

//! Modes: how a file is watched.

use crate::uapi;
use rustix::event::epoll::EventFlags;
use std::fmt;

/// How a file is watched: when the state that it is watched for becomes an
/// event.
///
/// ```
/// use repoll::Mode;
///
/// let mode = Mode::EDGE.keep_awake();
/// # assert_eq!(mode.bits(), (1 << 31) | (1 << 29));
/// ```
#[derive(Clone, Copy, Default, Eq, Hash, PartialEq)]
pub struct Mode(EventFlags);

impl Mode {
    /// Every wait returns an event as long as the file is ready.
    pub const LEVEL: Self = Self(EventFlags::empty());

    /// There is an event when the file becomes ready, and again whenever it
    /// becomes ready anew.
    ///
    /// After an event, go on until the file returns `EWOULDBLOCK`; there may be
    /// no other event for the rest.
    pub const EDGE: Self = Self(EventFlags::ET);

    /// There is one event. Then the file is not watched, not even for errors
    /// and hang-ups, until [`Poller::modify`](crate::Poller::modify) re-arms
    /// it.
    ///
    /// So no two threads that wait on the instance work on the same file at the
    /// same time.
    pub const ONE_SHOT: Self = Self(EventFlags::ONESHOT);

    /// The same as [`ONE_SHOT`](Self::ONE_SHOT): the trigger makes no
    /// difference, because only the first event is reported.
    pub const EDGE_ONE_SHOT: Self = Self(EventFlags::ET.union(EventFlags::ONESHOT));

    /// The same mode, but the system does not suspend from an event until the
    /// wait after the one that returned it (`EPOLLWAKEUP`).
    ///
    /// This has no effect without `CAP_BLOCK_SUSPEND`.
    #[inline]
    #[must_use]
    pub const fn keep_awake(self) -> Self {
        Self(self.0.union(EventFlags::WAKEUP))
    }

    /// Any bits of `struct epoll_event`, unchanged.
    #[inline]
    pub const fn from_bits_retain(bits: u32) -> Self {
        Self(EventFlags::from_bits_retain(bits))
    }

    /// The bits that it adds to those of an [`Interest`](crate::Interest).
    #[inline]
    pub const fn bits(self) -> u32 {
        self.0.bits()
    }
}

impl fmt::Debug for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mode({})", Names(self.0))
    }
}

/// How a file is watched that several instances watch, so that an event wakes
/// one of them, or a few, instead of all (`EPOLLEXCLUSIVE`).
///
/// Exclusive modes are only for additions, only for files that are not
/// eventpolls themselves, and only with the interests
/// [`READABLE`](crate::Interest::READABLE) and
/// [`WRITABLE`](crate::Interest::WRITABLE). An exclusive item cannot be
/// modified. Other instances may watch the same file without being exclusive;
/// these are always woken.
///
/// ```no_run
/// use repoll::{Exclusive, Interest, Poller};
/// use std::net::TcpListener;
///
/// # fn main() -> std::io::Result<()> {
/// # let listener = TcpListener::bind("127.0.0.1:0")?;
/// // In each of the workers that share the listener:
/// let poller = Poller::new()?;
/// let mode = Exclusive::LEVEL.round_robin();
/// poller.add(&listener, Interest::READABLE, mode, 0)?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Exclusive(AddMode);

impl Exclusive {
    /// As [`Mode::LEVEL`].
    pub const LEVEL: Self = Self(AddMode::from_bits_retain(EventFlags::EXCLUSIVE.bits(), 0));

    /// As [`Mode::EDGE`].
    pub const EDGE: Self = Self(AddMode::from_bits_retain(
        EventFlags::EXCLUSIVE.union(EventFlags::ET).bits(),
        0,
    ));

    /// The same mode, but the instances take turns: the one that was woken is
    /// the last to be woken again, so that all receive about the same number of
    /// events (`REPOLL_ROUND_ROBIN`).
    ///
    /// Otherwise, as with epoll, the first instance that was added and has a
    /// waiter is always woken.
    #[inline]
    #[must_use]
    pub const fn round_robin(mut self) -> Self {
        self.0.flags |= uapi::REPOLL_ROUND_ROBIN;
        self
    }

    /// As [`Mode::keep_awake`].
    #[inline]
    #[must_use]
    pub const fn keep_awake(mut self) -> Self {
        self.0.events = self.0.events.union(EventFlags::WAKEUP);
        self
    }
}

/// The mode of an addition: a [`Mode`] or an [`Exclusive`] one.
///
/// Both convert to it with `into()`, for programs that choose or store a mode.
///
/// ```
/// use repoll::{AddMode, Exclusive, Mode};
///
/// fn listen(shared: bool) -> AddMode {
///     if shared {
///         Exclusive::LEVEL.into()
///     } else {
///         Mode::LEVEL.into()
///     }
/// }
/// # assert_eq!(listen(true).events(), 1 << 28);
/// # assert_eq!(listen(false).events(), 0);
/// ```
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct AddMode {
    events: EventFlags,
    flags: u32,
}

impl AddMode {
    /// Any bits of `struct epoll_event`, and any flags of `struct repoll_ctl`,
    /// unchanged.
    #[inline]
    pub const fn from_bits_retain(events: u32, flags: u32) -> Self {
        Self {
            events: EventFlags::from_bits_retain(events),
            flags,
        }
    }

    /// The bits that it adds to those of an [`Interest`](crate::Interest).
    #[inline]
    pub const fn events(self) -> u32 {
        self.events.bits()
    }

    /// The flags that belong to the operation, not to the events.
    #[inline]
    pub const fn flags(self) -> u32 {
        self.flags
    }
}

impl fmt::Debug for AddMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AddMode({}, {:#x})", Names(self.events), self.flags)
    }
}

impl From<Mode> for AddMode {
    #[inline]
    fn from(mode: Mode) -> Self {
        Self {
            events: mode.0,
            flags: 0,
        }
    }
}

impl From<Exclusive> for AddMode {
    #[inline]
    fn from(mode: Exclusive) -> Self {
        mode.0
    }
}

/// Flags by their names; a mode without flags is level-triggered.
struct Names(EventFlags);

impl fmt::Display for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.is_empty() {
            true => f.write_str("LEVEL"),
            false => bitflags::parser::to_writer(&self.0, f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXCLUSIVE: u32 = 1 << 28;
    const WAKEUP: u32 = 1 << 29;
    const ONESHOT: u32 = 1 << 30;
    const ET: u32 = 1 << 31;

    #[test]
    fn modes_are_what_the_kernel_takes_them_for() {
        assert_eq!(Mode::LEVEL.bits(), 0);
        assert_eq!(Mode::default(), Mode::LEVEL);
        assert_eq!(Mode::EDGE.bits(), ET);
        assert_eq!(Mode::ONE_SHOT.bits(), ONESHOT);
        assert_eq!(Mode::EDGE_ONE_SHOT.bits(), ET | ONESHOT);
        assert_eq!(Mode::ONE_SHOT.keep_awake().bits(), ONESHOT | WAKEUP);
        assert_eq!(AddMode::from(Mode::EDGE).events(), ET);
        assert_eq!(AddMode::from(Mode::EDGE).flags(), 0);
    }

    #[test]
    fn exclusive_modes_are_what_the_kernel_takes_them_for() {
        let bits = |mode: Exclusive| {
            let mode = AddMode::from(mode);
            (mode.events(), mode.flags())
        };
        assert_eq!(bits(Exclusive::LEVEL), (EXCLUSIVE, 0));
        assert_eq!(bits(Exclusive::EDGE), (EXCLUSIVE | ET, 0));
        let turns = Exclusive::LEVEL.round_robin();
        assert_eq!(bits(turns), (EXCLUSIVE, uapi::REPOLL_ROUND_ROBIN));
        assert_eq!(
            bits(turns.keep_awake()),
            (EXCLUSIVE | WAKEUP, uapi::REPOLL_ROUND_ROBIN)
        );
    }

    #[test]
    fn raw_bits_stay_as_they_are() {
        assert_eq!(Mode::from_bits_retain(0x1234_5678).bits(), 0x1234_5678);
        let raw = AddMode::from_bits_retain(u32::MAX, 0xff);
        assert_eq!((raw.events(), raw.flags()), (u32::MAX, 0xff));
    }

    #[test]
    fn modes_are_shown_by_name() {
        assert_eq!(format!("{:?}", Mode::LEVEL), "Mode(LEVEL)");
        let both = format!("{:?}", Mode::EDGE_ONE_SHOT);
        assert!(both.contains("ET") && both.contains("ONESHOT"), "{both}");
    }
}
