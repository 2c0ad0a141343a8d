// SPDX-License-Identifier: GPL-2.0

//! How a record is presented.

use crate::{
    record::{Record, Summary},
    strategy::Strategy,
};
use anyhow::Result;
use clap::ValueEnum;
use measurements::{lines, Line, Report};
use std::{fmt::Write, path::Path};

impl Report for Record {
    fn text(&self) -> Result<String> {
        let mut text = String::new();
        writeln!(
            text,
            "kernel {}, {} processors; the server's threads, for each message that they echo\n",
            self.machine.kernel, self.machine.processors
        )?;
        writeln!(
            text,
            "{:>11}  {:<9} {:>8} {:>10} {:>9} {:>8} {:>10} {:>6}",
            "connections", "", "sleeps", "preempted", "wake-ups", "CPU us", "messages/s", "ratio"
        )?;
        for connections in self.connections() {
            let rate = |strategy| self.summary(strategy, connections).map(|one| one.rate);
            let base = rate(Strategy::Blocking).unwrap_or(f64::NAN);
            for &strategy in Strategy::value_variants() {
                let Some(one) = self.summary(strategy, connections) else {
                    continue;
                };
                let wakeups = match one.wakeups.is_nan() {
                    true => "-".into(),
                    false => format!("{:.3}", one.wakeups),
                };
                writeln!(
                    text,
                    "{connections:>11}  {strategy:<9} {:>8.3} {:>10.3} {wakeups:>9} {:>8.1} {:>10.0} {:>6.2}",
                    one.voluntary,
                    one.involuntary,
                    one.cpu_us,
                    one.rate,
                    one.rate / base
                )?;
            }
        }
        writeln!(
            text,
            "\nThese are medians. Of times and rates, only ratios within one boot are meaningful."
        )?;
        Ok(text)
    }

    fn draw(&self, folder: &Path) -> Result<()> {
        draw(
            self,
            &folder.join("switches.svg"),
            "context switches of the server for each message",
            &|one| one.voluntary + one.involuntary,
        )?;
        draw(
            self,
            &folder.join("cpu.svg"),
            "processor time of the server for each message, us",
            &|one| one.cpu_us,
        )
    }
}

fn draw(record: &Record, path: &Path, label: &str, value: &dyn Fn(&Summary) -> f64) -> Result<()> {
    let all = Strategy::value_variants().iter().map(|&strategy| {
        let at = |connections| {
            let one = record.summary(strategy, connections)?;
            Some((connections as f64, value(&one)))
        };
        let points = record.connections().into_iter().filter_map(at);
        Line {
            name: strategy.to_string(),
            points: points.collect(),
        }
    });
    let series: Vec<_> = all.filter(|line| !line.points.is_empty()).collect();
    lines(
        path,
        "A thread for each connection, and one reactor",
        "connections with a message each",
        label,
        &series,
        true,
    )
}
