// SPDX-License-Identifier: GPL-2.0

//! A small HTTP server in the three shapes that are common among servers on epoll, on
//! epoll and on repoll.

mod acceptor;
mod connection;
mod context;
mod deadlines;
mod figures;
mod gate;
mod head;
mod limits;
mod mailbox;
mod output;
mod pool;
mod reactor;
mod response;
mod service;
mod session;
mod shape;
mod signals;
mod slots;
mod status;
mod usage;
mod watch;

use acceptor::listener;
use anyhow::{Context, Result};
use backend::Kind;
use clap::Parser;
use limits::Limits;
use rustix::process::{getrlimit, setrlimit, Resource, Rlimit};
use serde_json::json;
use service::Service;
use shape::{Plan, Shape};
use signals::Signals;
use std::{
    io::Write,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};
use usage::Usage;

/// Serve one page over HTTP at /, and echo what is posted to /echo
///
/// Prints two JSON lines: its address at the start, and its figures at the end. At
/// SIGTERM or SIGINT, the server accepts no more connections, finishes the requests that
/// it has begun within the time of --grace, and exits. A second signal ends it at once.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// The shape of the server
    #[arg(long, value_enum, default_value_t = Shape::Single)]
    shape: Shape,

    /// What to wait with
    #[arg(long, value_enum, default_value_t = Kind::Repoll)]
    backend: Kind,

    /// Number of workers (pool), or of threads that serve (sub)
    #[arg(long, value_name = "N", default_value_t = 2,
          value_parser = clap::value_parser!(u16).range(1..=256))]
    threads: u16,

    /// Size of the page
    #[arg(long, value_name = "BYTES", default_value_t = 10,
          value_parser = clap::value_parser!(u32).range(0..=1 << 30))]
    page_bytes: u32,

    /// Address to listen at
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    listen: IpAddr,

    /// Port to listen at; 0 for any free port
    #[arg(long, default_value_t = 8080)]
    port: u16,

    /// Maximum number of connections; more have to wait
    #[arg(long, value_name = "N", default_value_t = 10_000,
          value_parser = clap::value_parser!(u32).range(1..))]
    max_connections: u32,

    /// Maximum size of a request's head
    #[arg(long, value_name = "BYTES", default_value_t = 8 << 10,
          value_parser = clap::value_parser!(u32).range(64..=1 << 20))]
    max_head: u32,

    /// Maximum size of a request's body
    #[arg(long, value_name = "BYTES", default_value_t = 1 << 20,
          value_parser = clap::value_parser!(u32).range(0..=1 << 30))]
    max_body: u32,

    /// Maximum time for a request's head, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    header_timeout: Duration,

    /// Maximum time without a byte in either direction, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = seconds)]
    idle_timeout: Duration,

    /// Time to finish requests after a signal, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = seconds)]
    grace: Duration,
}

/// A time of at most one day.
fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number".to_string())?;
    match (0.0..=86400.0).contains(&seconds) {
        true => Ok(Duration::from_secs_f64(seconds)),
        false => Err("not between 0 and 86400".into()),
    }
}

fn main() -> Result<()> {
    let arguments = completions::parse::<Arguments>();
    let signals = Signals::block().context("cannot create a signalfd")?;
    raise_descriptors();
    let plan = Plan {
        shape: arguments.shape,
        backend: arguments.backend,
        threads: arguments.threads.into(),
        connections: arguments.max_connections as usize,
        limits: Limits {
            head: arguments.max_head as usize,
            body: arguments.max_body.into(),
            header_timeout: arguments.header_timeout,
            idle_timeout: arguments.idle_timeout,
        },
        grace: arguments.grace,
        service: Arc::new(Service::new(arguments.page_bytes as usize)),
    };
    let listener = listener(SocketAddr::new(arguments.listen, arguments.port))?;
    let address = listener.local_addr().context("getsockname")?;
    print(&json!({ "address": address.ip(), "port": address.port() }))?;

    let figures = plan.run(listener, signals)?;
    let mut report = json!({
        "shape": plan.shape.to_string(),
        "backend": plan.backend,
        "usage": Usage::now(),
    });
    if let (Some(report), Ok(serde_json::Value::Object(mut figures))) =
        (report.as_object_mut(), serde_json::to_value(&figures))
    {
        report.append(&mut figures);
    }
    print(&report)
}

fn print(line: &serde_json::Value) -> Result<()> {
    let mut out = std::io::stdout();
    writeln!(out, "{line}")
        .and_then(|()| out.flush())
        .context("cannot write to stdout")
}

/// Raises the limit on descriptors as far as possible. If there are too few, connections
/// wait.
fn raise_descriptors() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let _ = setrlimit(
        Resource::Nofile,
        Rlimit {
            current: maximum,
            maximum,
        },
    );
}
