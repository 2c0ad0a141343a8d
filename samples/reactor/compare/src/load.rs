// SPDX-License-Identifier: GPL-2.0

//! The load: wrk, which keeps its connections and asks again at once.

use anyhow::{ensure, Context, Result};
use serde::{Deserialize, Serialize};
use std::{net::SocketAddr, path::Path, process::Command};

/// What makes wrk print what it has measured.
pub const SCRIPT: &str = include_str!("wrk.lua");

/// What it has measured.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Load {
    /// Requests that were answered.
    pub requests: u64,
    /// In how long.
    pub duration_us: u64,
    /// Half of them were answered in so long.
    pub p50_us: u64,
    /// All but one of a hundred were.
    pub p99_us: u64,
    /// Requests that failed, and answers that were refusals.
    pub errors: u64,
}

impl Load {
    /// Puts load on the server at `address`.
    pub fn put(address: SocketAddr, script: &Path, connections: u32, seconds: u32) -> Result<Self> {
        let output = Command::new("wrk")
            .args(["--threads", "1", "--latency"])
            .arg("--connections")
            .arg(connections.to_string())
            .arg("--duration")
            .arg(format!("{seconds}s"))
            .arg("--script")
            .arg(script)
            .arg(format!("http://{address}/"))
            .output()
            .context("cannot run wrk")?;
        let text = String::from_utf8_lossy(&output.stdout);
        let complaint = String::from_utf8_lossy(&output.stderr);
        ensure!(
            output.status.success(),
            "wrk: {}: {complaint}",
            output.status
        );
        let line = text.lines().last().unwrap_or_default();
        serde_json::from_str(line).with_context(|| format!("wrk: {text}{complaint}"))
    }
}
