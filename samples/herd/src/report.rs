// SPDX-License-Identifier: GPL-2.0

//! What people get to see of a record.

use crate::{
    record::Record,
    summary::{
        summaries,
        Summary,
        Table, //
    },
    verdict::Verdict,
    way::Load,
};
use anyhow::{
    Context,
    Result, //
};
use chart::{
    bars,
    Series, //
};
use clap::ValueEnum;
use std::{
    fs::{
        self,
        File, //
    },
    io::Write,
    path::Path, //
};

/// Prints the tables of a record in a file, and draws its charts if that is asked for.
pub fn report(file: &Path, svg: Option<&Path>) -> Result<()> {
    let name = || file.display().to_string();
    let record: Record =
        serde_json::from_reader(File::open(file).with_context(name)?).with_context(name)?;
    if let Some(folder) = svg {
        fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        for load in loads(&record) {
            draw(&record, load, &folder.join(format!("{load}.svg")))?;
        }
    }
    print(&tables(&record))
}

/// All that was measured, in figures, and the verdict if there is one.
pub fn tables(record: &Record) -> String {
    let tables: Vec<_> = loads(record)
        .map(|load| Table(record, load).to_string())
        .collect();
    let verdict = Verdict::new(record).map_or(String::new(), |verdict| format!("\n{verdict}"));
    format!("kernel {}\n\n{}{verdict}", record.kernel, tables.join("\n"))
}

/// Writes text to stdout, with one newline at its end.
pub fn print(text: &str) -> Result<()> {
    writeln!(std::io::stdout(), "{}", text.trim_end()).context("cannot write the result")
}

/// The loads that there are runs of.
fn loads(record: &Record) -> impl Iterator<Item = Load> + '_ {
    let all = Load::value_variants().iter().copied();
    all.filter(|load| record.runs.iter().any(|run| run.load == *load))
}

/// Draws each worker's share, the busiest first, for each kind of run.
fn draw(record: &Record, load: Load, path: &Path) -> Result<()> {
    let kinds = summaries(record, load);
    let names: Vec<_> = kinds
        .iter()
        .map(|one| format!("{}, {}", one.way, one.backend))
        .collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let places: Vec<(String, Vec<f64>)> = (0..record.workers)
        .map(|place| {
            let share = |one: &Summary| one.shares.get(place).copied().unwrap_or(f64::NAN);
            let name = format!("worker {}", place + 1);
            (name, kinds.iter().map(share).collect())
        })
        .collect();
    let series: Vec<_> = places
        .iter()
        .map(|(name, values)| Series { name, values })
        .collect();
    bars(
        path,
        &format!("Who gets the connections: {load} load"),
        "share of each worker, the busiest first; 1 is fair",
        &names,
        &series,
    )
}
