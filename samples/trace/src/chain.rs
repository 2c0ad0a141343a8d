// SPDX-License-Identifier: GPL-2.0

//! Whether a record has what it must have.

use crate::timeline::Timeline;

/// The first of the functions and events that does not come after the one before it.
pub fn missing<'a>(timeline: &Timeline, chain: &[&'a str]) -> Option<&'a str> {
    let mut rows = timeline.rows.iter();
    chain
        .iter()
        .find(|wanted| !rows.any(|row| row.name == **wanted))
        .copied()
}
