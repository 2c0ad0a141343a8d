// SPDX-License-Identifier: GPL-2.0

//! The limits on threads and descriptors of a process.

use anyhow::{ensure, Context, Result};
use rustix::process::{geteuid, getrlimit, setrlimit, Resource, Rlimit};
use std::fs;

/// What a process needs besides those for connections.
const OTHERS: u64 = 64;

/// Makes sure that the process may have this many connections, with a thread
/// for each.
pub fn provide(connections: u64) -> Result<()> {
    let wanted = connections + OTHERS;
    descriptors(wanted)?;
    for name in ["threads-max", "pid_max"] {
        let path = format!("/proc/sys/kernel/{name}");
        let text = fs::read_to_string(&path).with_context(|| path.clone())?;
        let limit: u64 = text.trim().parse().with_context(|| path.clone())?;
        ensure!(
            limit >= wanted,
            "kernel.{name} is {limit}, which is too few for {connections} threads \
             (threads-max grows with memory)"
        );
    }
    // This limit does not apply to root.
    if !geteuid().is_root() {
        let Rlimit { current, .. } = getrlimit(Resource::Nproc);
        ensure!(
            current.is_none_or(|current| current >= wanted),
            "the limit on processes (ulimit -u) does not allow {connections} threads"
        );
    }
    Ok(())
}

fn descriptors(wanted: u64) -> Result<()> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current.is_none_or(|current| current >= wanted) {
        return Ok(());
    }
    let limit = Rlimit {
        current: Some(wanted),
        maximum: maximum.map(|maximum| maximum.max(wanted)),
    };
    setrlimit(Resource::Nofile, limit)
        .with_context(|| format!("the limit on descriptors (ulimit -n) does not allow {wanted}"))
}
