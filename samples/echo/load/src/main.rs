// SPDX-License-Identifier: GPL-2.0

//! A load generator for TCP echo servers: many connections at once, messages of
//! many sizes that look random, and a comparison of each byte that comes back.

mod client;
mod content;
mod report;
mod run;
mod script;

use anyhow::{Context, Result};
use backend::Kind;
use clap::Parser;
use run::{run, Plan};
use rustix::process::{getrlimit, setrlimit, Resource, Rlimit};
use std::{io::Write, net::ToSocketAddrs, process::ExitCode, time::Duration};

/// Put load on a TCP echo server and check every byte that comes back
///
/// All connections are open at the same time. Most end after their last echo.
/// Some shut down their own side before that, and some are reset in the middle
/// of a message. The exit status is 0 if all bytes came back unchanged and in
/// order, 1 if not, and 2 if the arguments are wrong.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// The server's address, as HOST:PORT
    #[arg(default_value = "127.0.0.1:7007")]
    server: String,

    /// Poller that watches the connections
    #[arg(long, value_enum, default_value = "repoll")]
    backend: Kind,

    /// Number of connections
    #[arg(long, value_name = "N", default_value_t = 300,
          value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    connections: u64,

    /// Messages on each connection
    #[arg(long, value_name = "N", default_value_t = 20,
          value_parser = clap::value_parser!(u32).range(1..))]
    messages: u32,

    /// Size of the one message that is larger than socket buffers, which one
    /// connection in 32 sends; 0 for none
    #[arg(long, value_name = "BYTES", default_value_t = 4 << 20,
          value_parser = clap::value_parser!(u64).range(..=1 << 40))]
    largest: u64,

    /// Seed that determines the bytes and the sizes
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,

    /// Fail a connection that has made no progress for this many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 30,
          value_parser = clap::value_parser!(u64).range(1..))]
    stall: u64,

    /// Print the figures as one JSON object
    #[arg(long)]
    json: bool,
}

/// How many failed connections are reported one by one.
const FAILURES_SHOWN: usize = 5;

fn main() -> Result<ExitCode> {
    let arguments = completions::parse::<Arguments>();
    let address = arguments
        .server
        .to_socket_addrs()
        .with_context(|| format!("server {}", arguments.server))?
        .next()
        .with_context(|| format!("server {} has no address", arguments.server))?;
    raise_descriptor_limit()?;

    let (report, failures) = run(&Plan {
        address,
        backend: arguments.backend,
        connections: arguments.connections,
        messages: arguments.messages,
        largest: arguments.largest,
        seed: arguments.seed,
        stall: Duration::from_secs(arguments.stall),
    })?;

    for failure in failures.iter().take(FAILURES_SHOWN) {
        eprintln!("connection {}: {:#}", failure.connection, failure.error);
    }
    if failures.len() > FAILURES_SHOWN {
        eprintln!("and {} more failed", failures.len() - FAILURES_SHOWN);
    }

    let text = if arguments.json {
        serde_json::to_string(&report)?
    } else {
        report.to_string()
    };
    writeln!(std::io::stdout(), "{text}").context("cannot write the report")?;
    Ok(if report.verified {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Raises the limit on descriptors as far as possible.
fn raise_descriptor_limit() -> Result<()> {
    let maximum = getrlimit(Resource::Nofile).maximum;
    let limit = Rlimit {
        current: maximum,
        maximum,
    };
    setrlimit(Resource::Nofile, limit).context("cannot raise the limit on descriptors")
}
