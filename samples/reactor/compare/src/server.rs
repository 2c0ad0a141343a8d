// SPDX-License-Identifier: GPL-2.0

//! The server, as a process.

use crate::record::Shape;
use anyhow::{ensure, Context, Result};
use backend::Kind;
use rustix::process::{kill_process, Pid, Signal};
use serde::{de::DeserializeOwned, Deserialize, Serialize};
use std::{
    env,
    io::{BufRead, BufReader},
    net::{IpAddr, SocketAddr},
    process::{Child, ChildStdout, Command, Stdio},
};

/// The size of the page that clients fetch.
const PAGE_BYTES: &str = "1024";

/// The figures that the server prints.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Figures {
    /// Requests answered.
    pub requests: u64,
    /// System calls to its instances.
    pub calls: u64,
    /// How many of these were waits.
    pub waits: u64,
    /// Changes of what the instances watch.
    pub changes: u64,
    /// Events fetched.
    pub events: u64,
    /// What the process consumed.
    pub usage: Usage,
}

/// What the process consumed.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Usage {
    /// Processor time.
    pub cpu_ns: u64,
    /// How often a thread went to sleep.
    pub voluntary_switches: u64,
    /// How often a thread was preempted.
    pub involuntary_switches: u64,
}

#[derive(Deserialize)]
struct Place {
    address: IpAddr,
    port: u16,
}

/// A running server.
pub struct Server {
    child: Child,
    output: BufReader<ChildStdout>,
    /// The address that it listens at.
    pub address: SocketAddr,
}

impl Server {
    /// Starts the server next to this program.
    pub fn start(shape: Shape, kind: Kind, threads: u32) -> Result<Self> {
        let program = env::current_exe()
            .context("cannot find the path of this program")?
            .with_file_name("reactor");
        let mut child = Command::new(&program)
            .args(["--port", "0", "--shape", &shape.to_string()])
            .args(["--backend", &kind.to_string()])
            .args(["--threads", &threads.to_string()])
            .args(["--page-bytes", PAGE_BYTES])
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot run {}", program.display()))?;
        let output = child.stdout.take().context("the server has no output")?;
        let mut output = BufReader::new(output);
        let place: Place = next_line(&mut output).context("the server did not start")?;
        Ok(Self {
            child,
            output,
            address: SocketAddr::new(place.address, place.port),
        })
    }

    /// Ends the server.
    pub fn stop(mut self) -> Result<Figures> {
        kill_process(Pid::from_child(&self.child), Signal::TERM)
            .context("the server has exited")?;
        let figures = next_line(&mut self.output).context("the server printed no figures")?;
        let status = self.child.wait().context("cannot wait for the server")?;
        ensure!(status.success(), "the server failed: {status}");
        Ok(figures)
    }
}

/// The server does not outlive this value.
impl Drop for Server {
    fn drop(&mut self) {
        // Both fail only if it has exited already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn next_line<T: DeserializeOwned>(output: &mut impl BufRead) -> Result<T> {
    let mut line = String::new();
    output
        .read_line(&mut line)
        .context("cannot read its output")?;
    serde_json::from_str(&line).with_context(|| format!("it printed {line:?}"))
}
