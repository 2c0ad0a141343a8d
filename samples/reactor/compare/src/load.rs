// SPDX-License-Identifier: GPL-2.0

//! The load: wrk, which keeps its connections and sends the next request after
//! each response.

use anyhow::{ensure, Context, Result};
use serde::{Deserialize, Serialize};
use std::{net::SocketAddr, path::Path, process::Command};

/// The script that makes wrk print its measurements.
pub const SCRIPT: &str = include_str!("wrk.lua");

/// The measurements.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Load {
    /// Requests that were answered.
    pub requests: u64,
    /// The duration of the run.
    pub duration_us: u64,
    /// The median of the latency.
    pub p50_us: u64,
    /// The 99th percentile of the latency.
    pub p99_us: u64,
    /// Requests that failed, and responses that were refusals.
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
