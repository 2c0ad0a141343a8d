// SPDX-License-Identifier: GPL-2.0

//! Summaries of the runs of each kind.

use crate::{
    load::Load,
    policy::Policy,
    record::{Record, Run},
    share::mean,
    worker::Counts,
};
use backend::Kind;
use std::fmt;

/// The common parameters of the runs, and the figures for each connection.
pub struct Summary {
    /// How the workers shared the socket.
    pub policy: Policy,
    /// What the workers waited with.
    pub backend: Kind,
    /// The shares of the busiest worker, the next one and so on.
    pub shares: Vec<f64>,
    wakeups: f64,
    useless: f64,
    switches: f64,
    cpu_us: f64,
    response_us: f64,
    per_second: f64,
}

impl Summary {
    fn new(runs: &[&Run]) -> Option<Self> {
        let first = runs.first()?;
        let total = |of: fn(&Counts) -> u64| runs.iter().map(|run| run.sum(of)).sum::<u64>() as f64;
        let time = |of: fn(&Run) -> u64| runs.iter().map(|run| of(run)).sum::<u64>() as f64;
        let connections = total(|counts| counts.connections);
        let shares: Vec<_> = runs.iter().map(|run| run.shares()).collect();
        Some(Self {
            policy: first.policy,
            backend: first.backend,
            shares: mean(&shares),
            wakeups: total(|counts| counts.wakeups) / connections,
            useless: total(|counts| counts.useless) / connections,
            switches: total(|counts| counts.switches) / connections,
            cpu_us: total(|counts| counts.cpu_ns) / connections / 1e3,
            response_us: time(|run| run.response_ns) / connections / 1e3,
            per_second: connections / (time(|run| run.duration_ns) / 1e9),
        })
    }
}

/// The runs under this load, summarised by kind, in the order of the first run
/// of each kind.
pub fn summaries(record: &Record, load: Load) -> Vec<Summary> {
    let mut kinds = Vec::new();
    for run in record.runs.iter().filter(|run| run.load == load) {
        if !kinds.contains(&(run.policy, run.backend)) {
            kinds.push((run.policy, run.backend));
        }
    }
    let summary = |(policy, backend)| {
        let runs = record.runs.iter();
        let same =
            runs.filter(|run| (run.load, run.policy, run.backend) == (load, policy, backend));
        Summary::new(&same.collect::<Vec<_>>())
    };
    kinds.into_iter().filter_map(summary).collect()
}

/// A table, under a line with the parameters.
pub struct Table<'a>(pub &'a Record, pub Load);

impl fmt::Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(record, load) = *self;
        let clients = match load {
            Load::Light => "one at a time, when all workers sleep".into(),
            Load::Heavy => format!("by {} clients at the same time", record.clients),
        };
        writeln!(
            f,
            "{load} load: {} workers on {} processors, {} connections {clients}",
            record.workers, record.machine.processors, record.connections
        )?;
        writeln!(
            f,
            "{:22}{:>16}{:>40}{:>11}{:>11}",
            "", "share", "for each connection", "response", "per"
        )?;
        writeln!(
            f,
            "{:12}{:10}{:>9}{:>7}{:>11}{:>9}{:>10}{:>10}{:>11}{:>11}",
            "policy",
            "by",
            "most",
            "least",
            "wake-ups",
            "useless",
            "switches",
            "CPU us",
            "us",
            "second"
        )?;
        for one in summaries(record, load) {
            let most = one.shares.first().copied().unwrap_or_default();
            let least = one.shares.last().copied().unwrap_or_default();
            writeln!(
                f,
                "{:12}{:10}{most:>9.2}{least:>7.2}{:>11.2}{:>9.2}{:>10.2}{:>10.0}{:>11.0}{:>11.0}",
                one.policy,
                one.backend,
                one.wakeups,
                one.useless,
                one.switches,
                one.cpu_us,
                one.response_us,
                one.per_second
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use measurements::Machine;

    fn run(policy: Policy, connections: [u64; 2]) -> Run {
        let worker = |connections| Counts {
            connections,
            wakeups: 4 * connections,
            useless: connections,
            cpu_ns: 2000 * connections,
            switches: 3 * connections,
        };
        Run {
            load: Load::Light,
            policy,
            backend: Kind::Epoll,
            duration_ns: 1_000_000_000,
            response_ns: 40_000,
            workers: connections.map(worker).into(),
        }
    }

    fn record() -> Record {
        Record {
            machine: Machine::default(),
            workers: 2,
            clients: 1,
            connections: 4,
            runs: vec![
                run(Policy::Each, [4, 0]),
                run(Policy::Shared, [2, 2]),
                run(Policy::Each, [1, 3]),
            ],
        }
    }

    #[test]
    fn runs_of_the_same_kind_are_taken_together() {
        let all = summaries(&record(), Load::Light);
        assert_eq!(all.len(), 2);
        assert_eq!(
            (all[0].policy, all[1].policy),
            (Policy::Each, Policy::Shared)
        );
        // A different worker may be the busiest.
        assert_eq!(all[0].shares, [1.75, 0.25]);
        assert_eq!(all[1].shares, [1.0, 1.0]);
        assert!(summaries(&record(), Load::Heavy).is_empty());
    }

    #[test]
    fn figures_are_for_each_connection() {
        let one = &summaries(&record(), Load::Light)[0];
        let figures = [one.wakeups, one.useless, one.switches, one.cpu_us];
        assert_eq!(figures, [4.0, 1.0, 3.0, 2.0]);
        assert_eq!((one.response_us, one.per_second), (10.0, 4.0));
    }

    #[test]
    fn the_table_has_a_line_for_each_kind() {
        let table = Table(&record(), Load::Light).to_string();
        assert_eq!(table.lines().count(), 3 + 2, "{table}");
        let widths: Vec<_> = table.lines().skip(1).map(str::len).collect();
        assert!(widths.iter().all(|&width| width == widths[0]), "{table}");
    }
}
