// SPDX-License-Identifier: GPL-2.0

//! The words of direct calls.

use super::{seldom, Pointer, Timeout};
use arbitrary::{Arbitrary, Result, Unstructured};
use repoll::uapi;
use serde::{Deserialize, Serialize};

/// A word that has to be zero: mostly is.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct ZeroWord(pub u64);

impl<'a> Arbitrary<'a> for ZeroWord {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        seldom(u, Self(0), |u| Ok(Self(1 << u.int_in_range(0..=63)?)))
    }
}

/// By which of two calls that take the same structure.
#[derive(Arbitrary, Clone, Copy, Debug, Default, Deserialize, PartialEq, Serialize)]
pub enum Way {
    /// The ioctl.
    #[default]
    Ioctl,
    /// The direct call, with this second word.
    Direct(ZeroWord),
}

/// A word of any direct call on any file.
#[derive(Arbitrary, Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub enum Word {
    /// The address of something that is all zero.
    Address(Pointer),
    /// Two small numbers.
    Pair(i8, i8),
    /// One bit.
    Bit(u8),
    /// All ones.
    Full,
}

/// The number of a direct call that there may not be.
#[derive(Arbitrary, Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub enum Operation {
    /// One of those that are reserved.
    Reserved(u8),
    /// One next to them.
    Near(i8),
    /// Advice, or nearly.
    Advice(u8),
    /// Any.
    Any(u32),
}

impl Operation {
    /// The number.
    pub fn number(self) -> u32 {
        match self {
            Self::Reserved(which) => uapi::REPOLL_DIRECT + u32::from(which % 16),
            Self::Near(offset) => uapi::REPOLL_DIRECT.wrapping_add_signed(offset.into()),
            Self::Advice(advice) => u32::from(advice % 8),
            Self::Any(number) => number,
        }
    }
}

/// Two numbers in a word, the lower one first.
pub fn pair(low: i32, high: i32) -> u64 {
    u64::from(low as u32) | (u64::from(high as u32) << 32)
}

impl Timeout {
    /// What is said to the kernel where milliseconds are.
    pub fn milliseconds(self) -> i32 {
        match self {
            Self::Zero => 0,
            Self::Short(ticks) => i32::from(ticks % 4),
            Self::Forever => -1,
            Self::MostNegative => i32::MIN,
            Self::Longest => i32::MAX,
        }
    }
}
