// SPDX-License-Identifier: GPL-2.0

//! Counts of what was done, which show that something was tested.

use std::{fmt, ops::AddAssign, time::Duration};

/// The counts of a thread, or of many.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) messages: u64,
    pub(crate) ends: u64,
    pub(crate) waits: u64,
    pub(crate) events: u64,
    pub(crate) adds: u64,
    pub(crate) mods: u64,
    pub(crate) dels: u64,
    pub(crate) closes: u64,
    pub(crate) dups: u64,
    pub(crate) signals: u64,
    pub(crate) kills: u64,
    /// The longest time that a message took.
    pub(crate) longest: Duration,
}

impl AddAssign<&Self> for Tally {
    fn add_assign(&mut self, other: &Self) {
        self.messages += other.messages;
        self.ends += other.ends;
        self.waits += other.waits;
        self.events += other.events;
        self.adds += other.adds;
        self.mods += other.mods;
        self.dels += other.dels;
        self.closes += other.closes;
        self.dups += other.dups;
        self.signals += other.signals;
        self.kills += other.kills;
        self.longest = self.longest.max(other.longest);
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "{} messages, {} ends, {} waits, {} events, {} adds, {} mods, {} dels, {} closes, \
             {} dups, {} signals, {} kills; longest {} ms",
            self.messages,
            self.ends,
            self.waits,
            self.events,
            self.adds,
            self.mods,
            self.dels,
            self.closes,
            self.dups,
            self.signals,
            self.kills,
            self.longest.as_millis()
        )
    }
}
