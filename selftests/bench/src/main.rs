// SPDX-License-Identifier: GPL-2.0

//! Measures and compares the costs of repoll and epoll.

mod backend;
mod bars;
mod clock;
mod figure;
mod gate;
mod marks;
mod measure;
mod profile;
mod rates;
mod report;
mod steps;
mod work;

use anyhow::{bail, ensure, Context, Result};
use clap::{Args, Parser, Subcommand};
use figure::Document;
use measure::{Bench, Mode};
use measurements::read;
use report::Report;
use std::{
    fs,
    io::{stdout, Write},
    path::{Path, PathBuf},
};

/// Measure and compare the costs of repoll and epoll
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Measure, and print the figures as JSON; the module must be loaded
    Run(Run),
    /// Print a table of figures, and draw charts; fails if a bar is missed
    Report(Show),
    /// Fail if the figures differ from the committed ones
    Gate(Gate),
    /// Do some work for an emulator that counts each instruction, and print
    /// what is needed to attribute the instructions to functions
    Count(Count),
    /// Print the cost of each function
    Profile(Profile),
}

#[derive(Args)]
struct Run {
    /// What the clock counts
    #[arg(long, value_enum)]
    mode: Mode,

    /// For --mode rps: the output of selftests/suites/apps/rates
    #[arg(long, value_name = "FILE", required_if_eq("mode", "rps"))]
    rates: Option<PathBuf>,

    /// Numbers of watched files for which to measure the costs
    #[arg(
        long,
        value_delimiter = ',',
        value_name = "N",
        default_value = "10,1000,100000,1000000"
    )]
    sizes: Vec<u64>,

    /// Measure only the work with this key, or with a key that begins with all
    /// its words
    #[arg(long, value_delimiter = ',', value_name = "KEY")]
    only: Vec<String>,

    /// Repetitions of each measurement
    #[arg(long, default_value_t = 15, value_name = "N",
          value_parser = clap::value_parser!(u32).range(1..))]
    repetitions: u32,
}

#[derive(Args)]
struct Show {
    /// Figures of a run with --mode icount
    #[arg(long, value_name = "FILE")]
    icount: PathBuf,

    /// Figures of a run with --mode wire
    #[arg(long, value_name = "FILE")]
    wire: Option<PathBuf>,

    /// Figures of a run with --mode smp
    #[arg(long, value_name = "FILE")]
    smp: Option<PathBuf>,

    /// Figures of a run with --mode rps
    #[arg(long, value_name = "FILE")]
    rps: Option<PathBuf>,

    /// Earlier figures, for comparison
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,

    /// Folder for the table, the charts, and the documents with --date and
    /// --command
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// Date of the measurement, for the documents
    #[arg(long, requires = "out")]
    date: Option<String>,

    /// Command of the measurement, for the documents
    #[arg(long, requires = "out")]
    command: Option<String>,
}

#[derive(Args)]
struct Gate {
    /// The committed figures
    #[arg(long, value_name = "FILE")]
    baseline: PathBuf,

    /// The new figures
    new: PathBuf,
}

#[derive(Args)]
struct Count {
    /// The key of the work
    work: String,
}

#[derive(Args)]
struct Profile {
    /// The emulator's counts
    #[arg(long, value_name = "FILE")]
    counts: PathBuf,

    /// Leave out functions with fewer instructions
    #[arg(long, default_value_t = 1.0, value_name = "N")]
    least: f64,

    /// Also print and draw what each step of a message's way costs
    #[arg(long, value_name = "SVG")]
    steps: Option<PathBuf>,

    /// The output of count
    run: PathBuf,
}

fn run(arguments: Run) -> Result<()> {
    let mut bench = Bench::new(
        arguments.mode,
        arguments.only,
        arguments.repetitions as usize,
    )?;
    match arguments.mode {
        Mode::Icount => work::icount(&mut bench, &arguments.sizes),
        Mode::Wire => work::wire(&mut bench)?,
        Mode::Smp => work::smp(&mut bench),
        Mode::Rps => {
            let file = arguments.rates.context("--mode rps requires --rates")?;
            let lines = fs::read_to_string(&file)
                .with_context(|| format!("cannot read {}", file.display()))?;
            for figure in rates::figures(&lines)? {
                bench.record(&figure.key.clone(), |bench| {
                    let widest = rates::widest(&figure.key, arguments.mode.widest());
                    bench.judge_by(figure, widest);
                    Ok(())
                });
            }
        }
    }
    let document = bench.into_document();
    serde_json::to_writer_pretty(stdout().lock(), &document)?;
    writeln!(stdout())?;
    if let Some(failure) = document.failures.first() {
        bail!(
            "{} costs could not be measured, such as {}: {}",
            document.failures.len(),
            failure.key,
            failure.reason
        );
    }
    Ok(())
}

/// Writes a document with the date and the command.
fn keep(document: &Document, show: &Show, folder: &Path) -> Result<()> {
    let document = Document {
        date: show.date.clone(),
        command: show.command.clone(),
        ..document.clone()
    };
    let path = folder.join(format!("{}.json", document.mode));
    let text = serde_json::to_string_pretty(&document)? + "\n";
    fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
}

fn report(show: Show) -> Result<()> {
    let files = [
        Some(&show.icount),
        show.wire.as_ref(),
        show.smp.as_ref(),
        show.rps.as_ref(),
    ];
    let documents: Vec<Document> = files
        .into_iter()
        .flatten()
        .map(|path| read(path))
        .collect::<Result<_>>()?;
    let before = show.baseline.as_deref().map(read).transpose()?;
    let report = Report::new(documents.iter().collect(), before.as_ref());
    let table = report.table()?;
    stdout().write_all(table.text.as_bytes())?;
    let unmeasured = report.unmeasured();
    if !unmeasured.is_empty() {
        writeln!(stdout(), "not measured: {}", unmeasured.join(", "))?;
    }
    if let Some(folder) = &show.out {
        fs::create_dir_all(folder)?;
        fs::write(folder.join("table.txt"), &table.text)?;
        report.draw(folder)?;
        for document in &documents {
            keep(document, &show, folder)?;
        }
    }
    ensure!(
        table.missed == 0 && table.failed == 0,
        "bars missed: {}; costs that could not be measured: {}",
        table.missed,
        table.failed
    );
    Ok(())
}

fn gate(arguments: Gate) -> Result<()> {
    let committed: Document = read(&arguments.baseline)?;
    let new: Document = read(&arguments.new)?;
    if new.kernel != committed.kernel {
        let (before, now) = (&committed.kernel, &new.kernel);
        writeln!(
            stdout(),
            "bench: the committed figures are for {before}, these for {now}: not compared"
        )?;
        return Ok(());
    }
    let lines = gate::differences(&committed, &new);
    let known = gate::known(&committed, &new).count();
    for line in &lines {
        writeln!(stdout(), "{line}")?;
    }
    ensure!(
        lines.is_empty(),
        "{} of {} figures differ from those in {}",
        lines.len(),
        new.figures.len() + new.failures.len(),
        arguments.baseline.display()
    );
    writeln!(
        stdout(),
        "bench: {} figures as committed, {} not precise enough to compare",
        known,
        new.figures.len() - known
    )?;
    Ok(())
}

fn count(arguments: &Count) -> Result<()> {
    marks::prepare()?;
    let only = vec![arguments.work.clone()];
    let mut bench = Bench::new(Mode::Icount, only, 3)?;
    match arguments.work.starts_with("wire-") {
        true => work::wire(&mut bench)?,
        false => work::icount(&mut bench, &[]),
    }
    let document = bench.into_document();
    ensure!(
        document.failures.is_empty() && !document.figures.is_empty(),
        "the work is unknown, or it failed: {}",
        arguments.work
    );
    profile::print(marks::operations())
}

fn profile(arguments: &Profile) -> Result<()> {
    let text = |path: &Path| {
        fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
    };
    let profile = profile::Profile::new(&text(&arguments.run)?, &text(&arguments.counts)?)?;
    stdout().write_all(profile.table(arguments.least).as_bytes())?;
    if let Some(path) = &arguments.steps {
        stdout().write_all(profile.table_of_steps().as_bytes())?;
        profile.draw_steps(path)?;
    }
    Ok(())
}

fn main() -> Result<()> {
    match Arguments::parse().command {
        Command::Run(arguments) => run(arguments),
        Command::Report(arguments) => report(arguments),
        Command::Gate(arguments) => gate(arguments),
        Command::Count(arguments) => count(&arguments),
        Command::Profile(arguments) => profile(&arguments),
    }
}
