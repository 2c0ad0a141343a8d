// SPDX-License-Identifier: GPL-2.0

//! The server, as a program.

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

/// What it says it did.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Figures {
    /// Requests answered.
    pub requests: u64,
    /// System calls by which its instances were told and asked something.
    pub calls: u64,
    /// Waits among them.
    pub waits: u64,
    /// Changes of what is watched.
    pub changes: u64,
    /// Events fetched.
    pub events: u64,
    /// What it used up.
    pub usage: Usage,
}

/// What the process used up.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Usage {
    /// Processor time.
    pub cpu_ns: u64,
    /// How often a thread of it slept.
    pub voluntary_switches: u64,
    /// How often one had to let another go first.
    pub involuntary_switches: u64,
}

#[derive(Deserialize)]
struct Place {
    address: IpAddr,
    port: u16,
}

/// One that runs.
pub struct Server {
    child: Child,
    output: BufReader<ChildStdout>,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Server {
    /// Starts the one that lies beside this program.
    pub fn start(shape: Shape, kind: Kind, threads: u32) -> Result<Self> {
        let program = env::current_exe()
            .context("cannot tell where this program is")?
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

    /// Ends it.
    pub fn stop(mut self) -> Result<Figures> {
        kill_process(Pid::from_child(&self.child), Signal::TERM).context("the server is gone")?;
        let figures = next_line(&mut self.output).context("the server told nothing")?;
        let status = self.child.wait().context("the server is gone")?;
        ensure!(status.success(), "the server failed: {status}");
        Ok(figures)
    }
}

/// It does not outlive what it was started for.
impl Drop for Server {
    fn drop(&mut self) {
        // Both fail only if it is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn next_line<T: DeserializeOwned>(output: &mut impl BufRead) -> Result<T> {
    let mut line = String::new();
    output.read_line(&mut line).context("cannot read from it")?;
    serde_json::from_str(&line).with_context(|| format!("it said {line:?}"))
}
