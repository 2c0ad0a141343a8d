// SPDX-License-Identifier: GPL-2.0

//! How evenly workers share a listening socket, and what a connection costs them,
//! on epoll and on repoll.

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
/// Threads wait for connections, accept one at a time and answer it. Each run has
/// sockets and instances of its own; those on epoll and on repoll take turns. A
/// share of 1.00 is a fair one. The exit status is 0 if all went well, 1 if not,
/// 2 if the arguments are wrong.
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
    /// Print the tables of what was measured before; draw light.svg and heavy.svg
    Report(Kept),
}

fn main() -> Result<ExitCode> {
    let arguments = completions::parse::<Arguments>();
    match arguments.command {
        None => arguments.measurement.carry_out(),
        Some(Command::Report(kept)) => kept.report::<Record>().map(|()| ExitCode::SUCCESS),
    }
}
