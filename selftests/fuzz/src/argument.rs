// SPDX-License-Identifier: GPL-2.0

//! The arguments of operations, as programs have them and as the kernel gets them.

mod direct;
mod query;

pub use direct::{pair, Operation, Way, Word, ZeroWord};
pub use query::{Cursor, Id, Query, Size, Telling};

use crate::{oracle::EVENT, program::Slot};
use arbitrary::{Arbitrary, Result, Unstructured};
use repoll::uapi;
use serde::{Deserialize, Serialize};
use std::{ffi::c_int, mem::zeroed};

/// So many nanoseconds are a tick, in which programs measure time.
pub const TICK: i64 = 16_000;

/// Something else than `usual`, once in a while.
fn seldom<'a, T>(
    u: &mut Unstructured<'a>,
    usual: T,
    other: impl FnOnce(&mut Unstructured<'a>) -> Result<T>,
) -> Result<T> {
    if u.ratio(1, 8)? {
        other(u)
    } else {
        Ok(usual)
    }
}

/// A field that has to be zero: mostly is.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Zero(pub u32);

impl<'a> Arbitrary<'a> for Zero {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        seldom(u, Self(0), |u| Ok(Self(1 << u.int_in_range(0..=31)?)))
    }
}

/// Where in its memory the program says that something is.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Serialize)]
pub enum Pointer {
    /// In a good place.
    #[default]
    Good,
    /// So many bytes after one.
    Unaligned(u8),
    /// The last so many bytes of it are in a page that is not there.
    Across(u8),
    /// In a page that cannot be written to.
    ReadOnly,
    /// In a page that is not there.
    Unmapped,
    /// Nowhere.
    Null,
    /// So many bytes before the end of what user space can have.
    Top(u8),
    /// In the kernel's part, or where nothing can be.
    Kernel(u8),
}

impl<'a> Arbitrary<'a> for Pointer {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        seldom(u, Self::Good, |u| {
            Ok(match u.int_in_range(0..=6)? {
                0 => Self::Unaligned(u.int_in_range(1..=15)?),
                1 => Self::Across(u.int_in_range(0..=40)?),
                2 => Self::ReadOnly,
                3 => Self::Unmapped,
                4 => Self::Null,
                5 => Self::Top(u.int_in_range(0..=40)?),
                _ => Self::Kernel(u.arbitrary()?),
            })
        })
    }
}

/// A descriptor to be watched.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub enum Target {
    /// One of the program's files.
    Slot(Slot),
    /// Not open.
    Closed,
    /// As bad as can be.
    Negative,
    /// As high as can be.
    Huge,
    /// What some system calls take for the current directory.
    Cwd,
}

impl<'a> Arbitrary<'a> for Target {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let slot = Self::Slot(u.arbitrary()?);
        seldom(u, slot, |u| {
            Ok(*u.choose(&[Self::Closed, Self::Negative, Self::Huge, Self::Cwd])?)
        })
    }
}

/// The bits that an item is to be watched for.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub struct Interest(pub u32);

impl<'a> Arbitrary<'a> for Interest {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        // Each of IN and OUT often, and what changes how an item behaves every now and then.
        let mut bits = 0;
        for bit in [
            libc::EPOLLIN,
            libc::EPOLLOUT,
            libc::EPOLLET,
            libc::EPOLLONESHOT,
        ] {
            if u.ratio(1, 2)? {
                bits |= bit as u32;
            }
        }
        for bit in [
            libc::EPOLLEXCLUSIVE,
            libc::EPOLLWAKEUP,
            libc::EPOLLRDHUP,
            libc::EPOLLPRI,
        ] {
            if u.ratio(1, 6)? {
                bits |= bit as u32;
            }
        }
        seldom(u, Self(bits), |u| Ok(Self(u.arbitrary()?)))
    }
}

/// The operation of a change.
#[derive(Arbitrary, Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub enum Change {
    /// Watch.
    Add,
    /// Watch for something else.
    Modify,
    /// Forget.
    Delete,
    /// None of these.
    Unknown(i32),
}

impl Change {
    /// Its number.
    pub fn operation(self) -> c_int {
        match self {
            Self::Add => libc::EPOLL_CTL_ADD,
            Self::Modify => libc::EPOLL_CTL_MOD,
            Self::Delete => libc::EPOLL_CTL_DEL,
            Self::Unknown(op) => op,
        }
    }
}

/// One change of an interest list: what a REPOLL_CTL says, or one element of a batch.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub struct Request {
    /// The operation.
    pub change: Change,
    /// The descriptor.
    pub target: Target,
    /// The event's bits.
    pub interest: Interest,
    /// The event's data.
    pub data: u8,
    /// REPOLL_ROUND_ROBIN.
    pub takes_turns: bool,
    /// Bits that are not known.
    pub flags: Zero,
    /// `__pad`.
    pub padding: Zero,
}

impl Request {
    /// The flags as the kernel gets them.
    pub fn flags(&self) -> u32 {
        let turns = if self.takes_turns {
            uapi::REPOLL_ROUND_ROBIN
        } else {
            0
        };
        turns | self.flags.0
    }
}

impl<'a> Arbitrary<'a> for Request {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let mut request = Self {
            change: u.arbitrary()?,
            target: u.arbitrary()?,
            interest: u.arbitrary()?,
            data: u.arbitrary()?,
            takes_turns: u.ratio(1, 6)?,
            flags: u.arbitrary()?,
            padding: u.arbitrary()?,
        };
        // Nearly everything else is refused together with it.
        if request.takes_turns && u.ratio(3, 4)? {
            request.change = Change::Add;
            request.interest.0 &= (libc::EPOLLIN | libc::EPOLLOUT | libc::EPOLLET) as u32;
            request.interest.0 |= libc::EPOLLEXCLUSIVE as u32;
        }
        Ok(request)
    }
}

/// How many changes a batch is said to have.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Serialize)]
pub enum Count {
    /// As many as the program has.
    #[default]
    Listed,
    /// So many: the program's again and again, or not all of them.
    So(u8),
    /// The most that is allowed, of which memory holds the first few dozens.
    Most,
    /// And one more.
    TooMany,
    /// As many as can be said.
    Huge,
}

impl Count {
    /// What is said to the kernel, of a batch of so many.
    pub fn number(self, listed: usize) -> u32 {
        match self {
            Self::Listed => listed as u32,
            Self::So(count) => count.into(),
            Self::Most => uapi::REPOLL_MAX_CHANGES,
            Self::TooMany => uapi::REPOLL_MAX_CHANGES + 1,
            Self::Huge => u32::MAX,
        }
    }
}

impl<'a> Arbitrary<'a> for Count {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        Ok(match u.int_in_range(0..=11)? {
            0..=5 => Self::Listed,
            // What the kernel does at once is 16.
            6..=9 => Self::So(*u.choose(&[0, 1, 15, 16, 17, 32, 33, 48])?),
            10 => Self::So(u.int_in_range(0..=64)?),
            _ => *u.choose(&[Self::Most, Self::TooMany, Self::Huge])?,
        })
    }
}

/// What a REPOLL_BATCH says.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Batch {
    /// The changes.
    pub requests: Vec<Request>,
    /// How many there are said to be.
    pub count: Count,
    /// Where they are.
    pub changes: Pointer,
    /// Bits that are not known.
    pub flags: Zero,
}

impl<'a> Arbitrary<'a> for Batch {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let len = u.int_in_range(1..=5)?;
        Ok(Self {
            requests: (0..len).map(|_| u.arbitrary()).collect::<Result<_>>()?,
            count: u.arbitrary()?,
            changes: u.arbitrary()?,
            flags: u.arbitrary()?,
        })
    }
}

/// What a REPOLL_WAIT says.
#[derive(Arbitrary, Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub struct Waiting {
    /// How many events.
    pub max: MaxEvents,
    /// For how long.
    pub timeout: Timeout,
    /// Where they go.
    pub events: Pointer,
    /// Which signals are blocked.
    pub mask: Mask,
    /// Bits that are not known.
    pub flags: Zero,
    /// `__pad`.
    pub padding: Zero,
}

/// How long a wait may take. All end after some milliseconds at the latest: where the kernel is to
/// wait for ever, a signal comes.
#[derive(Arbitrary, Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub enum Timeout {
    /// Not at all.
    Zero,
    /// So many times 16 microseconds.
    Short(u8),
    /// As long as it takes.
    Forever,
    /// Also negative.
    MostNegative,
    /// As long as can be said.
    Longest,
}

impl Timeout {
    /// What is said to the kernel.
    pub fn nanoseconds(self) -> i64 {
        match self {
            Self::Zero => 0,
            Self::Short(ticks) => i64::from(ticks) * TICK,
            Self::Forever => -1,
            Self::MostNegative => i64::MIN,
            Self::Longest => i64::MAX,
        }
    }

    /// Whether only an event or a signal ends the wait.
    pub fn is_endless(self) -> bool {
        !matches!(self, Self::Zero | Self::Short(_))
    }
}

/// How many events are asked for.
#[derive(Arbitrary, Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub enum MaxEvents {
    /// So many, and one more.
    Few(u8),
    /// None, which is refused.
    Zero,
    /// Fewer than none.
    Negative,
    /// The most that is allowed.
    Most,
    /// And one more.
    TooMany,
}

impl MaxEvents {
    /// What is said to the kernel.
    pub fn number(self) -> i32 {
        const MOST: i32 = i32::MAX / EVENT as i32;
        match self {
            Self::Few(more) => i32::from(more) + 1,
            Self::Zero => 0,
            Self::Negative => i32::MIN,
            Self::Most => MOST,
            Self::TooMany => MOST + 1,
        }
    }
}

/// The signals that are blocked during a wait. What ends a wait that takes for ever is never one.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub enum Mask {
    /// As before: all that the program sends.
    Same,
    /// None.
    Empty(Pointer),
    /// As many as can be.
    Full(Pointer),
    /// A size that is wrong.
    Sized(u32),
}

impl<'a> Arbitrary<'a> for Mask {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        seldom(u, Self::Same, |u| {
            Ok(match u.int_in_range(0..=2)? {
                0 => Self::Empty(u.arbitrary()?),
                1 => Self::Full(u.arbitrary()?),
                _ => Self::Sized(*u.choose(&[0, 4, 7, 9, 16, u32::MAX])?),
            })
        })
    }
}

/// The number of an ioctl that an instance or the control node may not know.
#[derive(Arbitrary, Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub enum Command {
    /// One of the interface's commands, on what may be the wrong file.
    Known(u8),
    /// The same with another size.
    Resized(u8, u16),
    /// The same with these bits of direction.
    Redirected(u8, u8),
    /// What the kernel's own code does for all files.
    Generic(u8),
    /// Any of the interface's type.
    Unknown(u32),
}

impl Command {
    /// The number.
    pub fn number(self) -> u32 {
        let known = |which: u8| {
            let all = [
                uapi::REPOLL_CREATE,
                uapi::REPOLL_CTL,
                uapi::REPOLL_WAIT,
                uapi::REPOLL_BATCH,
                uapi::REPOLL_BATCH_WAIT,
                uapi::REPOLL_LIST,
                uapi::REPOLL_ITEMS,
                uapi::REPOLL_INFO,
                uapi::REPOLL_FEATURES,
                libc::EPIOCSPARAMS as u32,
                libc::EPIOCGPARAMS as u32,
            ];
            all[usize::from(which) % all.len()]
        };
        match self {
            Self::Known(which) => known(which),
            Self::Resized(which, size) => known(which) ^ ((u32::from(size) & 0x3fff) << 16),
            Self::Redirected(which, direction) => known(which) ^ (u32::from(direction) << 30),
            Self::Generic(which) => {
                let all = [
                    libc::FIONREAD,
                    libc::FIONBIO,
                    libc::FIOCLEX,
                    libc::FIONCLEX,
                    libc::FIOASYNC,
                ];
                all[usize::from(which) % all.len()] as u32
            }
            // Of a type that no other file has, or else it might do something to the system.
            Self::Unknown(number) => number & !(0xff << 8) | (uapi::REPOLL_IOC_TYPE << 8),
        }
    }
}

/// The parameters of busy polling.
#[derive(Arbitrary, Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub enum BusyPoll {
    /// So many microseconds and packets.
    Modest(u8, u8, bool),
    /// Longer than is allowed.
    TooLong,
    /// More packets than a user may ask for.
    TooMany,
    /// What should be 0 or 1 is this.
    NotBool(u8),
}

impl BusyPoll {
    /// As the kernel gets them.
    pub fn params(self, padding: u8) -> libc::epoll_params {
        // SAFETY: Plain data.
        let mut params: libc::epoll_params = unsafe { zeroed() };
        params.__pad = padding;
        match self {
            Self::Modest(microseconds, packets, prefer) => {
                params.busy_poll_usecs = microseconds.into();
                params.busy_poll_budget = packets.into();
                params.prefer_busy_poll = prefer.into();
            }
            Self::TooLong => params.busy_poll_usecs = i32::MAX as u32 + 1,
            Self::TooMany => params.busy_poll_budget = u16::MAX,
            Self::NotBool(prefer) => params.prefer_busy_poll = prefer,
        }
        params
    }
}
