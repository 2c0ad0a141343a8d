// SPDX-License-Identifier: GPL-2.0

//! What the process has consumed.

use nix::sys::resource::{getrusage, UsageWho};
use rustix::time::{clock_gettime, ClockId};
use serde::Serialize;

/// The sums over all threads, including those that have ended.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Usage {
    /// Processor time.
    cpu_ns: u64,
    /// How often a thread went to sleep.
    voluntary_switches: u64,
    /// How often a thread was preempted.
    involuntary_switches: u64,
}

impl Usage {
    /// The values since the process started.
    pub fn now() -> Self {
        let time = clock_gettime(ClockId::ProcessCPUTime);
        // It fails only for other processes.
        let usage = getrusage(UsageWho::RUSAGE_SELF).ok();
        Self {
            cpu_ns: time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64,
            voluntary_switches: usage.map_or(0, |u| u.voluntary_context_switches() as u64),
            involuntary_switches: usage.map_or(0, |u| u.involuntary_context_switches() as u64),
        }
    }
}
