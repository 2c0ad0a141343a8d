// SPDX-License-Identifier: GPL-2.0

//! How many threads and descriptors a process may have.

use anyhow::{ensure, Context, Result};
use rustix::process::{geteuid, getrlimit, setrlimit, Resource, Rlimit};
use std::fs;

/// What there is beside a connection's own descriptors and threads.
const OTHERS: u64 = 64;

/// Sees to it that so many connections, with a thread for each, can be had.
pub fn provide(connections: u64) -> Result<()> {
    let wanted = connections + OTHERS;
    descriptors(wanted)?;
    for name in ["threads-max", "pid_max"] {
        let path = format!("/proc/sys/kernel/{name}");
        let text = fs::read_to_string(&path).with_context(|| path.clone())?;
        let limit: u64 = text.trim().parse().with_context(|| path.clone())?;
        ensure!(
            limit >= wanted,
            "{connections} threads are more than kernel.{name} allows, which is {limit} \
             (the first grows with memory)"
        );
    }
    // It does not hold for root.
    if !geteuid().is_root() {
        let Rlimit { current, .. } = getrlimit(Resource::Nproc);
        ensure!(
            current.is_none_or(|current| current >= wanted),
            "{connections} threads are more than the limit on processes allows (ulimit -u)"
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
        .with_context(|| format!("{wanted} descriptors are more than allowed (ulimit -n)"))
}
