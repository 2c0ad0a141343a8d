// SPDX-License-Identifier: GPL-2.0

//! The arguments of questions.

use super::{seldom, Count, Pointer, Zero};
use crate::program::Slot;
use arbitrary::{Arbitrary, Result, Unstructured};
use repoll::uapi;
use serde::{Deserialize, Serialize};

/// The instance that a question is about, or with which it begins.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub enum Id {
    /// The one in a slot.
    Of(Slot),
    /// Less than any instance's.
    Zero,
    /// More than any instance's.
    Most,
}

impl<'a> Arbitrary<'a> for Id {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let slot = Self::Of(u.arbitrary()?);
        seldom(u, slot, |u| Ok(*u.choose(&[Self::Zero, Self::Most])?))
    }
}

/// How long an element of an answer is said to be.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Serialize)]
pub enum Size {
    /// As long as it is.
    #[default]
    Known,
    /// So many times eight bytes longer.
    Longer(u8),
    /// So long.
    So(u32),
}

impl Size {
    /// What is said to the kernel, of elements that are so long.
    pub fn number(self, known: usize) -> u32 {
        match self {
            Self::Known => known as u32,
            Self::Longer(by) => known as u32 + 8 * u32::from(by),
            Self::So(size) => size,
        }
    }
}

impl<'a> Arbitrary<'a> for Size {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        Ok(match u.int_in_range(0..=7)? {
            0..=4 => Self::Known,
            5 | 6 => Self::Longer(u.int_in_range(1..=16)?),
            _ => Self::So(*u.choose(&[0, 40, 48, 52, 184, 192, 4096, 4104, u32::MAX])?),
        })
    }
}

/// Where a walk through items is said to have come.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Serialize)]
pub enum Cursor {
    /// Nowhere yet.
    #[default]
    Begin,
    /// Where the thread's last one has, be it of the same instance or of another.
    Last,
    /// The same, but for this bit.
    Bent(u8),
    /// Anywhere.
    So(u64, u64),
}

impl Cursor {
    /// What is said to the kernel after the one that was last given.
    pub fn words(self, mut last: [u64; 2]) -> [u64; 2] {
        match self {
            Self::Begin => [0; 2],
            Self::Last => last,
            Self::Bent(bit) => {
                last[usize::from(bit / 64 % 2)] ^= 1 << (bit % 64);
                last
            }
            Self::So(first, second) => [first, second],
        }
    }
}

impl<'a> Arbitrary<'a> for Cursor {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        Ok(match u.int_in_range(0..=9)? {
            0..=3 => Self::Begin,
            4..=7 => Self::Last,
            8 => Self::Bent(u.arbitrary()?),
            _ => Self::So(u.arbitrary()?, u.arbitrary()?),
        })
    }
}

/// What a REPOLL_INFO says.
#[derive(Arbitrary, Clone, Copy, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Telling {
    /// Where the element goes.
    pub to: Pointer,
    /// How long it is.
    pub size: Size,
    /// How many more than one there are.
    pub more: Zero,
    /// Bits that are not known.
    pub flags: Zero,
    /// `id`, `cursor` and `__pad`.
    pub padding: Zero,
}

/// What a REPOLL_LIST or REPOLL_ITEMS says.
#[derive(Arbitrary, Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub struct Query {
    /// About what.
    pub id: Id,
    /// From where on.
    pub cursor: Cursor,
    /// Where the elements go.
    pub to: Pointer,
    /// How many of them; a few are listed.
    pub count: Count,
    /// How long they are.
    pub size: Size,
    /// REPOLL_ALL.
    pub all: bool,
    /// Bits that are not known.
    pub flags: Zero,
    /// `__pad`.
    pub padding: Zero,
}

impl Query {
    /// How many are a few.
    const FEW: usize = 3;

    /// How many elements there is said to be room for.
    pub fn count(&self) -> u32 {
        self.count.number(Self::FEW)
    }

    /// The flags as the kernel gets them.
    pub fn flags(&self) -> u32 {
        let all = if self.all { uapi::REPOLL_ALL } else { 0 };
        all | self.flags.0
    }
}
