// SPDX-License-Identifier: GPL-2.0

//! Whether taking turns is fair.

use crate::{load::Load, policy::Policy, record::Record};
use anyhow::{Context, Result};
use backend::Kind;
use std::fmt;

/// The greatest share that a worker may get if they take turns, relative to the
/// fair share.
pub const TOLERANCE: f64 = 1.2;

/// The share of the busiest worker in the worst run under light load.
pub struct Verdict {
    workers: usize,
    /// For workers that take turns.
    turns: f64,
    /// For workers on the kernel's epoll, with EPOLLEXCLUSIVE.
    exclusive: f64,
}

impl Verdict {
    /// Judges a record, which must contain runs of both kinds.
    pub fn new(record: &Record) -> Result<Self> {
        Ok(Self {
            workers: record.workers,
            turns: worst(record, Policy::RoundRobin, Kind::Repoll)?,
            exclusive: worst(record, Policy::Exclusive, Kind::Epoll)?,
        })
    }

    /// Whether taking turns is fair.
    pub fn is_fair(&self) -> bool {
        self.turns <= TOLERANCE
    }

    /// The verdict in the format of tests.
    pub fn ktap(&self) -> String {
        let mut text = String::from("KTAP version 1\n1..1\n");
        for line in self.to_string().lines() {
            text += &format!("# {line}\n");
        }
        let result = if self.is_fair() { "ok" } else { "not ok" };
        text + result + " 1 workers that take turns get the same"
    }
}

fn worst(record: &Record, policy: Policy, backend: Kind) -> Result<f64> {
    let runs = record.runs.iter();
    runs.filter(|run| (run.load, run.policy, run.backend) == (Load::Light, policy, backend))
        .filter_map(|run| run.shares().first().copied())
        .reduce(f64::max)
        .with_context(|| format!("there is no run under light load, {policy}, {backend}"))
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "The share of the busiest of {} workers in the worst run under light load (1 is fair):",
            self.workers
        )?;
        writeln!(f, "{:8.2} on epoll with EPOLLEXCLUSIVE", self.exclusive)?;
        write!(
            f,
            "{:8.2} on repoll, taking turns (up to {TOLERANCE} is accepted)",
            self.turns
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{record::Run, worker::Counts};
    use measurements::Machine;

    fn run(load: Load, policy: Policy, backend: Kind, connections: [u64; 4]) -> Run {
        let worker = |connections| Counts {
            connections,
            ..Counts::default()
        };
        Run {
            load,
            policy,
            backend,
            duration_ns: 1,
            response_ns: 1,
            workers: connections.map(worker).into(),
        }
    }

    fn verdict(runs: Vec<Run>) -> Result<Verdict> {
        Verdict::new(&Record {
            machine: Machine::default(),
            workers: 4,
            clients: 1,
            connections: 40,
            runs,
        })
    }

    fn native() -> Run {
        run(Load::Light, Policy::Exclusive, Kind::Epoll, [40, 0, 0, 0])
    }

    fn turns(connections: [u64; 4]) -> Run {
        run(Load::Light, Policy::RoundRobin, Kind::Repoll, connections)
    }

    #[test]
    fn up_to_the_tolerance_is_fair() {
        let fair = verdict(vec![native(), turns([12, 10, 9, 9])]).unwrap();
        assert!(fair.is_fair());
        assert_eq!(fair.exclusive, 4.0);
        let unfair = verdict(vec![native(), turns([13, 9, 9, 9])]).unwrap();
        assert!(!unfair.is_fair());
    }

    #[test]
    fn the_worst_run_counts() {
        let runs = vec![
            turns([10; 4]),
            native(),
            turns([0, 40, 0, 0]),
            turns([10; 4]),
        ];
        let verdict = verdict(runs).unwrap();
        assert!(!verdict.is_fair());
        let ktap = verdict.ktap();
        assert!(
            ktap.lines().any(|line| line.starts_with("not ok 1 ")),
            "{ktap}"
        );
    }

    #[test]
    fn a_heavy_load_is_not_judged() {
        let heavy = run(Load::Heavy, Policy::RoundRobin, Kind::Repoll, [40, 0, 0, 0]);
        assert!(verdict(vec![native(), heavy, turns([10; 4])])
            .unwrap()
            .is_fair());
    }

    #[test]
    fn without_the_runs_there_is_no_verdict() {
        assert!(verdict(vec![native()]).is_err());
        assert!(verdict(vec![turns([10; 4])]).is_err());
    }
}
