// SPDX-License-Identifier: GPL-2.0

//! Summaries of a record.

use crate::record::{Record, Run, Shape, SHAPES};
use backend::Kind;
use measurements::median;
use std::fmt;

/// The pollers to compare.
pub const KINDS: [Kind; 2] = [Kind::Epoll, Kind::Repoll];

/// The medians of the runs of one kind.
#[derive(Clone, Copy, Debug)]
pub struct Summary {
    /// Requests per second.
    pub rate: f64,
    /// The median of the latency.
    pub p50_ms: f64,
    /// The 99th percentile of the latency.
    pub p99_ms: f64,
    /// The sum over all runs.
    pub errors: u64,
    calls: f64,
    waits: f64,
    changes: f64,
    switches: f64,
    cpu_us: f64,
}

impl Summary {
    /// The summary of the runs of this shape and kind, if there are any.
    pub fn new(record: &Record, shape: Shape, kind: Kind) -> Option<Self> {
        let runs = record.runs.iter();
        let runs: Vec<_> = runs
            .filter(|run| run.shape == shape && run.backend == kind)
            .collect();
        let of = |value: &dyn Fn(&Run) -> f64| median(runs.iter().map(|run| value(run)));
        let each = |value: &dyn Fn(&Run) -> u64| {
            of(&|run| value(run) as f64 / run.figures.requests.max(1) as f64)
        };
        Some(Self {
            rate: of(&|run| run.load.requests as f64 / run.load.duration_us as f64 * 1e6)?,
            p50_ms: of(&|run| run.load.p50_us as f64 / 1e3)?,
            p99_ms: of(&|run| run.load.p99_us as f64 / 1e3)?,
            errors: runs.iter().map(|run| run.load.errors).sum(),
            calls: each(&|run| run.figures.calls)?,
            waits: each(&|run| run.figures.waits)?,
            changes: each(&|run| run.figures.changes)?,
            switches: each(&|run| {
                run.figures.usage.voluntary_switches + run.figures.usage.involuntary_switches
            })?,
            cpu_us: each(&|run| run.figures.usage.cpu_ns)? / 1e3,
        })
    }
}

/// The ratios of the rates on repoll to those on epoll, each from two consecutive runs,
/// in ascending order.
fn ratios(record: &Record, shape: Shape) -> Vec<f64> {
    let rates = |kind| {
        let runs = record.runs.iter();
        runs.filter(move |run| run.shape == shape && run.backend == kind)
            .map(|run| run.load.requests as f64 / run.load.duration_us as f64)
    };
    let pairs = rates(Kind::Repoll).zip(rates(Kind::Epoll));
    let mut ratios: Vec<_> = pairs.map(|(repoll, epoll)| repoll / epoll).collect();
    ratios.sort_by(f64::total_cmp);
    ratios
}

/// A record, presented as a table.
pub struct Table<'a>(pub &'a Record);

impl fmt::Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Record {
            machine,
            threads,
            connections,
            seconds,
            runs,
        } = self.0;
        let repetitions = runs.len() / (SHAPES.len() * KINDS.len());
        writeln!(
            f,
            "kernel {}, processors: {}; {connections} connections, \
             {threads} workers or sub-reactors;\n\
             medians of {repetitions} runs of {seconds} s each, in alternation\n",
            machine.kernel, machine.processors
        )?;
        writeln!(
            f,
            "{:<16} {:>10} {:>8} {:>8} {:>7} | a request: {:>6} {:>6} {:>8} {:>9} {:>7}",
            "",
            "requests/s",
            "p50 ms",
            "p99 ms",
            "errors",
            "calls",
            "waits",
            "changes",
            "switches",
            "CPU us"
        )?;
        for shape in SHAPES {
            for kind in KINDS {
                let Some(one) = Summary::new(self.0, shape, kind) else {
                    continue;
                };
                writeln!(
                    f,
                    "{:<16} {:>10.0} {:>8.2} {:>8.2} {:>7} | {:>17.2} {:>6.2} {:>8.2} \
                     {:>9.2} {:>7.1}",
                    format!("{shape}, {kind}"),
                    one.rate,
                    one.p50_ms,
                    one.p99_ms,
                    one.errors,
                    one.calls,
                    one.waits,
                    one.changes,
                    one.switches,
                    one.cpu_us,
                )?;
            }
        }
        writeln!(
            f,
            "\nrequests/s on repoll relative to epoll, in consecutive runs:"
        )?;
        write_ratios(f, self.0)?;
        write!(
            f,
            "\ncalls: only those to the instances. All times are from one boot; only ratios are meaningful."
        )
    }
}

/// The ratios of a record whose times are numbers of instructions.
pub struct Counted<'a>(pub &'a Record);

impl fmt::Display for Counted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "\nthe same with a clock that counts instructions, a billion per second \
             (processors: {}; runs of {} s):",
            self.0.machine.processors, self.0.seconds
        )?;
        write_ratios(f, self.0)
    }
}

fn write_ratios(f: &mut fmt::Formatter<'_>, record: &Record) -> fmt::Result {
    for shape in SHAPES {
        let ratios = ratios(record, shape);
        if let (Some(least), Some(middle), Some(most)) = (
            ratios.first(),
            median(ratios.iter().copied()),
            ratios.last(),
        ) {
            writeln!(f, "{shape:<16} {middle:>10.2} ({least:.2} to {most:.2})")?;
        }
    }
    Ok(())
}
