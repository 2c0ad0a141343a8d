// SPDX-License-Identifier: GPL-2.0

//! The figures of a server.

use backend::Calls;
use serde::Serialize;
use std::ops::AddAssign;

/// The counts of one thread, or of all threads.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Figures {
    /// Connections accepted.
    pub connections: u64,
    /// Requests answered.
    pub requests: u64,
    /// How many of these had a status of 400 or more.
    pub refused: u64,
    /// Sends that found too little room.
    pub blocked: u64,
    /// Connections that were too slow.
    pub timed_out: u64,
    /// Connections that could not be watched.
    pub unwatched: u64,
    /// Connections that were still open at the end of the grace period.
    pub cut: u64,
    /// The calls to instances.
    #[serde(flatten)]
    pub calls: Calls,
}

impl AddAssign<&Self> for Figures {
    fn add_assign(&mut self, other: &Self) {
        self.connections += other.connections;
        self.requests += other.requests;
        self.refused += other.refused;
        self.blocked += other.blocked;
        self.timed_out += other.timed_out;
        self.unwatched += other.unwatched;
        self.cut += other.cut;
        self.calls += other.calls;
    }
}
