// SPDX-License-Identifier: GPL-2.0

//! How a record is presented.

use crate::{
    load::Load,
    record::Record,
    summary::{summaries, Summary, Table},
    verdict::Verdict,
};
use anyhow::Result;
use clap::ValueEnum;
use measurements::{bars, Report, Series};
use std::path::Path;

impl Report for Record {
    /// A table for each load, and the verdict if there is one.
    fn text(&self) -> Result<String> {
        let tables: Vec<_> = loads(self)
            .map(|load| Table(self, load).to_string())
            .collect();
        let verdict = Verdict::new(self).map_or(String::new(), |verdict| format!("\n{verdict}"));
        let tables = tables.join("\n");
        Ok(format!(
            "kernel {}\n\n{tables}{verdict}",
            self.machine.kernel
        ))
    }

    fn draw(&self, folder: &Path) -> Result<()> {
        loads(self).try_for_each(|load| draw(self, load, &folder.join(format!("{load}.svg"))))
    }
}

/// The loads that the runs had.
fn loads(record: &Record) -> impl Iterator<Item = Load> + '_ {
    let all = Load::value_variants().iter().copied();
    all.filter(|load| record.runs.iter().any(|run| run.load == *load))
}

/// Draws each worker's share, the busiest first, for each kind of run.
fn draw(record: &Record, load: Load, path: &Path) -> Result<()> {
    let kinds = summaries(record, load);
    let names: Vec<_> = kinds
        .iter()
        .map(|one| format!("{}, {}", one.policy, one.backend))
        .collect();
    let series: Vec<_> = (0..record.workers)
        .map(|place| {
            let share = |one: &Summary| one.shares.get(place).copied().unwrap_or(f64::NAN);
            Series::new(format!("worker {}", place + 1), kinds.iter().map(share))
        })
        .collect();
    bars(
        path,
        &format!("Who gets the connections: {load} load"),
        "share of each worker, the busiest first; 1 is fair",
        &names,
        &series,
    )
}
