// SPDX-License-Identifier: GPL-2.0

//! The record of a measurement.

use crate::{
    load::Load,
    policy::Policy,
    run::{Outcome, Plan},
    share::shares,
    worker::Counts,
};
use backend::Kind;
use measurements::Machine;
use serde::{Deserialize, Serialize};

/// All runs and their common parameters.
#[derive(Debug, Deserialize, Serialize)]
pub struct Record {
    /// The machine that they ran on.
    #[serde(flatten)]
    pub machine: Machine,
    /// Workers in each run.
    pub workers: usize,
    /// Number of clients under heavy load.
    pub clients: usize,
    /// Connections in each run.
    pub connections: u64,
    /// The runs, in the order in which they were made.
    pub runs: Vec<Run>,
}

/// One run.
#[derive(Debug, Deserialize, Serialize)]
pub struct Run {
    /// How the clients connected.
    pub load: Load,
    /// How the workers shared the socket.
    pub policy: Policy,
    /// What they waited with.
    pub backend: Kind,
    /// How long it took.
    pub duration_ns: u64,
    /// How long clients waited for their replies, summed over all connections.
    pub response_ns: u64,
    /// What each worker did.
    pub workers: Vec<Counts>,
}

impl Run {
    /// The record of a run.
    pub fn new(plan: &Plan, outcome: Outcome) -> Self {
        Self {
            load: plan.load,
            policy: plan.policy,
            backend: plan.backend,
            duration_ns: outcome.duration.as_nanos() as u64,
            response_ns: outcome.response.as_nanos() as u64,
            workers: outcome.workers,
        }
    }

    /// The workers' shares of the connections, the greatest first.
    pub fn shares(&self) -> Vec<f64> {
        shares(self.workers.iter().map(|worker| worker.connections))
    }

    /// The sum of a count over all workers.
    pub fn sum(&self, of: impl Fn(&Counts) -> u64) -> u64 {
        self.workers.iter().map(of).sum()
    }
}
