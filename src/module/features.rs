// SPDX-License-Identifier: GPL-2.0

//! The features of the module, for programs that also run with earlier and later versions.

use crate::{
    busy_poll::BusyPoll,
    direct,
    uapi::{
        self,
        feature,
        Features, //
    },
};
use kernel::prelude::*;

/// The features that do not depend on the kernel.
const ALWAYS: [u32; 7] = [
    feature::FIFO,
    feature::ROUND_ROBIN,
    feature::BATCH,
    feature::BATCH_WAIT,
    feature::LIST,
    feature::ITEMS,
    feature::INFO,
];

/// Bits of a word.
const BITS: u32 = u64::BITS;

/// Whether the module has the feature with this number.
fn has(number: u32) -> bool {
    match number {
        feature::BUSY_POLL => BusyPoll::IS_SUPPORTED,
        feature::DIRECT => direct::are_answered(),
        _ => ALWAYS.contains(&number),
    }
}

/// `REPOLL_FEATURES`, with the argument at the user's address `arg`.
///
/// # Errors
///
/// `EFAULT`, `EINVAL`.
pub(crate) fn tell(arg: usize) -> Result {
    let mut features: Features = uapi::read(arg)?;
    if features.__pad != 0 {
        return Err(EINVAL);
    }
    // Numbers beyond the last one are not features either.
    let first = features.word.checked_mul(BITS);
    let has = |bit: &u32| first.is_some_and(|first| has(first + bit));
    features.bits = (0..BITS).filter(has).fold(0, |bits, bit| bits | 1 << bit);
    uapi::write(arg, &features)
}
