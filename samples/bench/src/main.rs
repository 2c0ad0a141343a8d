// SPDX-License-Identifier: GPL-2.0

//! What repoll and epoll cost, side by side.

mod backend;
mod figure;
mod measure;
mod work;

use anyhow::{
    bail,
    Result, //
};
use clap::{
    Args,
    Parser,
    Subcommand, //
};
use measure::{
    Bench,
    Mode, //
};
use std::io::{
    stdout,
    Write, //
};

/// What repoll and epoll cost, side by side
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
}

#[derive(Args)]
struct Run {
    /// What the clock counts
    #[arg(long, value_enum)]
    mode: Mode,

    /// Numbers of watched files at which to measure how costs grow
    #[arg(
        long,
        value_delimiter = ',',
        value_name = "N",
        default_value = "10,1000,100000,1000000"
    )]
    sizes: Vec<u64>,

    /// Measure only what has a key that begins so
    #[arg(long, value_delimiter = ',', value_name = "KEY")]
    only: Vec<String>,

    /// Repetitions of each
    #[arg(long, default_value_t = 15, value_name = "N",
          value_parser = clap::value_parser!(u32).range(1..))]
    repetitions: u32,
}

fn run(arguments: Run) -> Result<()> {
    let mut bench = Bench::new(
        arguments.mode,
        arguments.only,
        arguments.repetitions as usize,
    )?;
    match arguments.mode {
        Mode::Icount => work::icount(&mut bench, &arguments.sizes),
        Mode::Smp => work::smp(&mut bench),
    }
    let document = bench.into_document();
    serde_json::to_writer_pretty(stdout().lock(), &document)?;
    writeln!(stdout())?;
    if let Some(failure) = document.failures.first() {
        bail!(
            "{} of all work cannot be told the cost of, such as {}: {}",
            document.failures.len(),
            failure.key,
            failure.reason
        );
    }
    Ok(())
}

fn main() -> Result<()> {
    match Arguments::parse().command {
        Command::Run(arguments) => run(arguments),
    }
}
