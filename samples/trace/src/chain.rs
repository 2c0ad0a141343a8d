// SPDX-License-Identifier: GPL-2.0

//! Checks that a record has its steps.

use crate::timeline::{Timeline, Who};
use std::fmt;

/// A function or event, and over the wire the machine where it must happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Where.
    pub who: Option<Who>,
    /// What.
    pub name: &'static str,
}

/// Steps that must come in this order; others may come in between.
pub type Chain = Vec<Step>;

impl fmt::Display for Step {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.who {
            None => out.write_str(self.name),
            Some(who) => write!(out, "{}:{}", who.name(), self.name),
        }
    }
}

/// The first step that does not come after the one before it.
pub fn missing(timeline: &Timeline, chain: &[Step]) -> Option<Step> {
    let mut rows = timeline.rows.iter();
    chain
        .iter()
        .find(|step| {
            !rows.any(|row| row.name == step.name && step.who.is_none_or(|who| row.actor == who))
        })
        .copied()
}
