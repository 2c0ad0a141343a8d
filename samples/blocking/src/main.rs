// SPDX-License-Identifier: GPL-2.0

//! Compares a thread for each connection, which sleeps in a system call, with one thread that waits
//! for all connections.

mod check;
mod limits;
mod message;
mod record;
mod report;
mod server;
mod service;
mod strategy;
mod tasks;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use measurements::{chosen, print, Kept, Machine, Report};
use record::{Record, Run};
use server::Server;
use std::{process::ExitCode, time::Instant};
use strategy::Strategy;

/// The least number of rounds in a run.
const ROUNDS: u64 = 5;

/// Measure what it costs a server to wait for its clients
///
/// A server echoes messages over TCP, with one thread for each connection or with one thread for
/// all. It is a separate process, whose threads' counters in /proc are read before and after a run.
/// In each round, every client sends a message and then waits for its echo. Wake-ups are counted
/// only if kernel.sched_schedstats is 1.
#[derive(Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
struct Arguments {
    /// Numbers of connections to measure, one after the other
    #[arg(long, value_name = "N", value_delimiter = ',', default_value = "1,10,100,1000,4000",
          value_parser = clap::value_parser!(u64).range(1..=100_000))]
    connections: Vec<u64>,

    /// How the server waits, in turn [default: all]
    #[arg(long, value_enum, value_delimiter = ',')]
    strategy: Vec<Strategy>,

    /// Approximate number of messages in each run; there are at least five rounds
    #[arg(long, value_name = "N", default_value_t = 4000,
          value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    messages: u64,

    /// Runs of each kind
    #[arg(long, value_name = "N", default_value_t = 3,
          value_parser = clap::value_parser!(u16).range(1..))]
    repetitions: u16,

    /// Only check what must hold: that a thread for each connection sleeps for each message, and
    /// that one thread for all of them does not
    #[arg(long, conflicts_with_all = ["connections", "strategy", "messages", "repetitions", "json"])]
    check: bool,

    /// Print the measurements as one JSON object
    #[arg(long)]
    json: bool,

    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Print a table of an earlier measurement, and draw switches.svg and cpu.svg
    Report(Kept),
    /// Run as the server
    #[command(hide = true)]
    Serve {
        strategy: Strategy,
        connections: usize,
    },
}

fn main() -> Result<ExitCode> {
    let arguments = completions::parse::<Arguments>();
    match &arguments.command {
        Some(Command::Report(kept)) => kept.report::<Record>()?,
        Some(Command::Serve {
            strategy,
            connections,
        }) => service::serve(*strategy, *connections)?,
        None if arguments.check => {
            let (text, holds) = check::check()?;
            print(&text)?;
            if !holds {
                return Ok(ExitCode::FAILURE);
            }
        }
        None => arguments.measure()?.show(arguments.json)?,
    }
    Ok(ExitCode::SUCCESS)
}

impl Arguments {
    fn measure(&self) -> Result<Record> {
        limits::provide(self.connections.iter().copied().max().unwrap_or(0))?;
        let strategies = chosen(&self.strategy);
        let mut runs = Vec::new();
        for _ in 0..self.repetitions {
            for &connections in &self.connections {
                for &strategy in &strategies {
                    let run = self.run(strategy, connections);
                    runs.push(
                        run.with_context(|| format!("{connections} connections, {strategy}"))?,
                    );
                }
            }
        }
        Ok(Record {
            machine: Machine::current()?,
            runs,
        })
    }

    fn run(&self, strategy: Strategy, connections: u64) -> Result<Run> {
        let mut server = Server::start(strategy, connections as usize)?;
        let rounds = (self.messages / connections).max(ROUNDS);
        // One round for everything that happens only once.
        server.send()?;
        server.receive()?;

        let before = server.counts()?;
        let begin = Instant::now();
        for _ in 0..rounds {
            server.send()?;
            server.receive()?;
        }
        let duration = begin.elapsed();
        Ok(Run {
            strategy,
            connections,
            messages: rounds * connections,
            duration_ns: duration.as_nanos() as u64,
            counts: server.counts()? - before,
        })
    }
}
