// SPDX-License-Identifier: GPL-2.0

//! Measures how evenly workers share a listening socket, and what a connection
//! costs them, on epoll and on repoll.

mod cost;
mod exchange;
mod load;
mod measurement;
mod policy;
mod record;
mod report;
mod run;
mod share;
mod sleepers;
mod sockets;
mod summary;
mod verdict;
mod worker;

use anyhow::Result;
use clap::{Parser, Subcommand};
use measurement::Measurement;
use measurements::Kept;
use record::Record;
use std::process::ExitCode;

/// Measure how evenly workers share a listening socket
///
/// Threads wait for connections, accept one at a time and answer it. Each run
/// has its own sockets and instances, and runs on epoll and on repoll
/// alternate. A share of 1.00 is fair. The exit status is 0 on success, 1 on
/// failure, and 2 if the arguments are wrong.
#[derive(Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(flatten)]
    measurement: Measurement,

    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Print tables of an earlier measurement, and draw light.svg and heavy.svg
    Report(Kept),
}

fn main() -> Result<ExitCode> {
    let arguments = completions::parse::<Arguments>();
    match arguments.command {
        None => arguments.measurement.carry_out(),
        Some(Command::Report(kept)) => kept.report::<Record>().map(|()| ExitCode::SUCCESS),
    }
}
