// SPDX-License-Identifier: GPL-2.0

//! How costs are measured: with repetitions on both pollers in turn, in the same boot and
//! with the same files. The median counts.

use crate::{
    backend::{Epoll, Nobody, Poller},
    clock::settle,
    figure::{Cost, Document, Failure, Figure},
    marks,
};
use anyhow::Result;
use clap::ValueEnum;
use std::fs;

/// What the clock counts.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Mode {
    /// Instructions, in a virtual machine with ICOUNT=1
    Icount,
    /// Instructions, over the wire: a virtual machine with ICOUNT=1 and NIC=igb
    Wire,
    /// Nanoseconds, on several processors
    Smp,
    /// Instructions, for requests to servers
    Rps,
}

impl Mode {
    /// How wide the middle half of the repetitions may be, relative to the median. Exact
    /// counts vary little; for an emulator's time on a busy host, only the ratio of
    /// neighbouring repetitions is meaningful.
    pub fn widest(self) -> f64 {
        match self {
            Self::Icount | Self::Wire | Self::Rps => 0.02,
            Self::Smp => 0.5,
        }
    }

    /// The unit of its figures, except those of memory.
    pub fn unit(self) -> &'static str {
        match self {
            Self::Icount | Self::Wire => "instructions",
            Self::Rps => "requests per second",
            Self::Smp => "ns",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Icount => "icount",
            Self::Wire => "wire",
            Self::Smp => "smp",
            Self::Rps => "rps",
        }
    }
}

/// Work that can be done with any poller.
pub trait Work {
    /// Does the work repeatedly, and returns the cost of each operation.
    ///
    /// At the end, the poller watches nothing: a file that is watched on one of them may
    /// cost the other one something.
    fn sample<P: Poller>(&mut self) -> Result<f64>;
}

/// What is measured, how often, and the results so far.
pub struct Bench {
    mode: Mode,
    only: Vec<String>,
    repetitions: usize,
    document: Document,
}

/// A unit that does not come from the clock.
pub const BYTES: &str = "bytes";

impl Bench {
    /// No results yet. If `only` contains keys, only the work with one of these keys is
    /// done, or with a key that begins with all words of one.
    pub fn new(mode: Mode, only: Vec<String>, repetitions: usize) -> Result<Self> {
        let line = |path| fs::read_to_string(path).map(|text| text.trim().to_owned());
        Ok(Self {
            mode,
            only,
            repetitions,
            document: Document {
                mode: mode.name().into(),
                kernel: line("/proc/sys/kernel/osrelease")?,
                command_line: line("/proc/cmdline")?,
                clock: line("/sys/devices/system/clocksource/clocksource0/current_clocksource")?,
                date: None,
                command: None,
                figures: Vec::new(),
                failures: Vec::new(),
            },
        })
    }

    /// The results.
    pub fn into_document(self) -> Document {
        self.document
    }

    /// Whether to measure this.
    pub fn wants(&self, key: &str) -> bool {
        let is_asked_for = |only: &String| {
            let rest = key.strip_prefix(only.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
        };
        self.only.is_empty() || self.only.iter().any(is_asked_for)
    }

    /// Measures work that costs time.
    pub fn compare<W: Work>(&mut self, key: &str, title: &str, make: impl FnOnce() -> Result<W>) {
        let (unit, repetitions) = (self.mode.unit(), self.repetitions);
        self.record(key, |bench| {
            let [epoll, repoll] = alternate(make()?, repetitions)?;
            bench.judge(figure(key, title, unit, epoll, repoll));
            Ok(())
        });
    }

    /// Measures work that costs bytes, whose number hardly varies.
    pub fn compare_bytes<W: Work>(
        &mut self,
        key: &str,
        title: &str,
        make: impl FnOnce() -> Result<W>,
    ) {
        self.record(key, |bench| {
            let [epoll, repoll] = alternate(make()?, 3)?;
            bench.judge(figure(key, title, BYTES, epoll, repoll));
            Ok(())
        });
    }

    /// Measures work that is also done without a poller. The additional cost with a
    /// poller becomes a separate figure, whose key ends in `-more`.
    pub fn compare_with_nobody<W: Work>(
        &mut self,
        key: &str,
        title: &str,
        make: impl FnOnce() -> Result<W>,
    ) {
        let (unit, repetitions) = (self.mode.unit(), self.repetitions);
        self.record(key, |bench| {
            let mut work = make()?;
            let mut values = [const { Vec::new() }; 3];
            let _warm_up = (work.sample::<Nobody>()?, warm_up(&mut work)?);
            for _ in 0..repetitions {
                values[0].push(work.sample::<Nobody>()?);
                values[1].push(sample::<Epoll>(&mut work)?);
                values[2].push(sample::<repoll::Poller>(&mut work)?);
            }
            let [nobody, epoll, repoll] = values;
            let mut sum = figure(key, title, unit, epoll.clone(), repoll.clone());
            sum.nobody = Some(Cost::of(nobody.clone()));
            if !bench.judge(sum) {
                return Ok(());
            }
            let more = |with: Vec<f64>| {
                let pairs = with.iter().zip(&nobody);
                pairs.map(|(with, without)| with - without).collect()
            };
            // This is the difference of two large figures, which have been checked
            // already.
            bench.document.figures.push(figure(
                &format!("{key}-more"),
                &format!("{title}: more than unwatched"),
                unit,
                more(epoll),
                more(repoll),
            ));
            Ok(())
        });
    }

    /// Runs a measurement that adds figures, and prints them. An error counts for all
    /// work named `key`.
    pub fn record(&mut self, key: &str, measure: impl FnOnce(&mut Self) -> Result<()>) {
        if !self.wants(key) {
            return;
        }
        settle();
        let (figure, failure) = (self.document.figures.len(), self.document.failures.len());
        if let Err(error) = measure(self) {
            self.fail(key, format!("{error:#}"));
        }
        for figure in &self.document.figures[figure..] {
            eprintln!(
                "{:32} epoll {:12.1} (+-{:.1})  repoll {:12.1} (+-{:.1})  {:.3}",
                figure.key,
                figure.epoll.median,
                figure.epoll.spread,
                figure.repoll.median,
                figure.repoll.spread,
                figure.ratio.median
            );
        }
        for failure in &self.document.failures[failure..] {
            eprintln!("{:32} {}", failure.key, failure.reason);
        }
    }

    fn fail(&mut self, key: &str, reason: String) {
        self.document.failures.push(Failure {
            key: key.into(),
            reason,
        });
    }

    /// Adds a figure, or its failure if the repetitions vary too much. Returns whether it
    /// was added.
    pub fn judge(&mut self, figure: Figure) -> bool {
        self.judge_by(figure, self.mode.widest())
    }

    /// The same with another limit on the variation.
    pub fn judge_by(&mut self, figure: Figure, widest: f64) -> bool {
        let costs = match self.mode {
            Mode::Icount | Mode::Wire | Mode::Rps => &[figure.epoll, figure.repoll][..],
            Mode::Smp => &[figure.ratio][..],
        };
        // A spread that is not a number is too wide.
        let wide = costs.iter().find(|cost| {
            let narrow = cost.relative_spread() <= widest;
            !narrow
        });
        let Some(cost) = wide else {
            self.document.figures.push(figure);
            return true;
        };
        let reason = format!(
            "the middle half of the repetitions is {:.1} % wide, around {:.1}",
            100.0 * cost.relative_spread(),
            cost.median
        );
        self.fail(&figure.key, reason);
        false
    }
}

/// A figure from measurements that were made in turn.
pub fn figure(key: &str, title: &str, unit: &str, epoll: Vec<f64>, repoll: Vec<f64>) -> Figure {
    let pairs = repoll.iter().zip(&epoll);
    let ratios = pairs.map(|(repoll, epoll)| repoll / epoll).collect();
    Figure {
        key: key.into(),
        title: title.into(),
        unit: unit.into(),
        epoll: Cost::of(epoll),
        repoll: Cost::of(repoll),
        nobody: None,
        ratio: Cost::of(ratios),
        watched: None,
    }
}

fn warm_up<W: Work>(work: &mut W) -> Result<(f64, f64)> {
    Ok((work.sample::<Epoll>()?, work.sample::<repoll::Poller>()?))
}

/// A sample that counts.
fn sample<P: Poller>(work: &mut impl Work) -> Result<f64> {
    marks::select(P::MARK);
    let cost = work.sample::<P>();
    marks::select(0);
    cost
}

/// The costs on epoll and on repoll.
fn alternate<W: Work>(mut work: W, repetitions: usize) -> Result<[Vec<f64>; 2]> {
    let mut values = [const { Vec::new() }; 2];
    warm_up(&mut work)?;
    for _ in 0..repetitions {
        values[0].push(sample::<Epoll>(&mut work)?);
        values[1].push(sample::<repoll::Poller>(&mut work)?);
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ratio_is_of_neighbours() {
        let figure = figure("k", "t", "u", vec![1.0, 2.0, 4.0], vec![2.0, 4.0, 8.0]);
        assert_eq!(figure.ratio.median, 2.0);
        assert_eq!(figure.ratio.spread, 0.0);
    }
}
