// SPDX-License-Identifier: GPL-2.0

//! The record of a measurement.

use crate::{strategy::Strategy, tasks::Counts};
use measurements::{median, Machine};
use serde::{Deserialize, Serialize};

/// One run of a server.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Run {
    /// How the server waited.
    pub strategy: Strategy,
    /// The number of clients.
    pub connections: u64,
    /// Messages that the server echoed.
    pub messages: u64,
    /// The duration of the run.
    pub duration_ns: u64,
    /// The server's costs.
    pub counts: Counts,
}

/// All runs of one boot.
#[derive(Debug, Deserialize, Serialize)]
pub struct Record {
    /// The machine that they ran on.
    #[serde(flatten)]
    pub machine: Machine,
    /// The runs, in the order in which they were made.
    pub runs: Vec<Run>,
}

/// The medians of the runs of one kind, for each message.
#[derive(Clone, Copy, Debug)]
pub struct Summary {
    /// Messages per second.
    pub rate: f64,
    /// How often a thread went to sleep.
    pub voluntary: f64,
    /// How often a thread was preempted.
    pub involuntary: f64,
    /// How often a thread was woken; not a number if wake-ups were not counted.
    pub wakeups: f64,
    /// Processor time.
    pub cpu_us: f64,
}

impl Record {
    /// The different numbers of clients.
    pub fn connections(&self) -> Vec<u64> {
        let mut all: Vec<_> = self.runs.iter().map(|run| run.connections).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// The medians, if there are such runs.
    pub fn summary(&self, strategy: Strategy, connections: u64) -> Option<Summary> {
        let runs = self.runs.iter();
        let runs: Vec<_> = runs
            .filter(|run| run.strategy == strategy && run.connections == connections)
            .collect();
        let of = |value: &dyn Fn(&Run) -> f64| median(runs.iter().map(|run| value(run)));
        let each = |value: &dyn Fn(&Counts) -> u64| {
            of(&|run| value(&run.counts) as f64 / run.messages.max(1) as f64)
        };
        let counted = runs.iter().any(|run| run.counts.wakeups > 0);
        Some(Summary {
            rate: of(&|run| run.messages as f64 / run.duration_ns.max(1) as f64 * 1e9)?,
            voluntary: each(&|counts| counts.voluntary)?,
            involuntary: each(&|counts| counts.involuntary)?,
            wakeups: match counted {
                true => each(&|counts| counts.wakeups)?,
                false => f64::NAN,
            },
            cpu_us: each(&|counts| counts.cpu_ns)? / 1e3,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_of_each_message() {
        let run = |voluntary, cpu_ns| Run {
            strategy: Strategy::Blocking,
            connections: 10,
            messages: 100,
            duration_ns: 1_000_000,
            counts: Counts {
                voluntary,
                cpu_ns,
                ..Counts::default()
            },
        };
        let record = Record {
            machine: Machine::default(),
            runs: vec![
                run(100, 1_000_000),
                run(300, 3_000_000),
                run(110, 2_000_000),
            ],
        };
        assert_eq!(record.connections(), [10]);
        let summary = record.summary(Strategy::Blocking, 10).unwrap();
        assert_eq!((summary.rate, summary.voluntary), (100_000.0, 1.1));
        assert_eq!(summary.cpu_us, 20.0);
        assert!(summary.wakeups.is_nan());
        assert!(record.summary(Strategy::Epoll, 10).is_none());
    }
}
