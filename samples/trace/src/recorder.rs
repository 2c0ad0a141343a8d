// SPDX-License-Identifier: GPL-2.0

//! A trace buffer of our own in tracefs, the probes for it, and what it has recorded.

use anyhow::{ensure, Context, Result};
use std::{
    fs::{self, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
};

const TRACEFS: &str = "/sys/kernel/tracing";
const PROBES: &str = "repoll_trace";

/// The functions to be probed. A kernel may lack some, by its configuration or because the compiler
/// has put them into their callers.
const FUNCTIONS: &[&str] = &[
    "tcp_sendmsg",
    "dev_hard_start_xmit",
    "loopback_xmit",
    "net_rx_action",
    "ip_rcv",
    "ip_local_deliver",
    "tcp_v4_rcv",
    "tcp_v4_do_rcv",
    "tcp_rcv_established",
    "tcp_conn_request",
    "inet_csk_complete_hashdance",
    "inet_csk_reqsk_queue_add",
    "inet_csk_accept",
    "tcp_recvmsg",
    "sock_def_readable",
    "sk_stream_write_space",
    "repoll:rp_wake_task",
    "woken_wake_function",
    "default_wake_function",
];

/// The kernel's own events that are of use, if it has them, and what is wanted of them.
const EVENTS: &[(&str, Option<&str>)] = &[
    ("repoll", None),
    ("net/net_dev_start_xmit", None),
    ("irq/softirq_entry", Some("vec == 3")),
    ("sched/sched_waking", None),
    ("sched/sched_switch", None),
    ("skb/kfree_skb", None),
];

/// A recorder, which removes its buffer and its probes when it is dropped.
pub struct Recorder {
    buffer: PathBuf,
}

impl Recorder {
    /// Gets ready; nothing is recorded yet.
    pub fn new() -> Result<Self> {
        let instances = Path::new(TRACEFS).join("instances");
        ensure!(
            instances.exists(),
            "{TRACEFS} is not there: mount -t tracefs trace {TRACEFS}"
        );
        let buffer = instances.join(format!("repoll-trace-{}", std::process::id()));
        fs::create_dir(&buffer).context("cannot make a trace buffer (are you root?)")?;
        let recorder = Self { buffer };
        for function in FUNCTIONS {
            let name = function.rsplit(':').next().unwrap_or(function);
            // That it is missing shows when something is expected of it.
            let _ = append("kprobe_events", &format!("p:{PROBES}/{name} {function}\n"));
        }
        recorder.write("tracing_on", "0")?;
        recorder.write("trace_clock", "mono")?;
        recorder.write("options/stacktrace", "1")?;
        recorder.write(&format!("events/{PROBES}/enable"), "1")?;
        for (event, filter) in EVENTS {
            if !recorder.buffer.join("events").join(event).exists() {
                continue;
            }
            if let Some(filter) = filter {
                recorder.write(&format!("events/{event}/filter"), filter)?;
            }
            recorder.write(&format!("events/{event}/enable"), "1")?;
        }
        Ok(recorder)
    }

    /// Records from now on.
    pub fn start(&self) -> Result<()> {
        self.write("tracing_on", "1")
    }

    /// Puts a remark into the record.
    pub fn remark(&self, text: &str) -> Result<()> {
        self.write("trace_marker", text)
    }

    /// What to put remarks by, into the record, from another thread.
    pub fn marker(&self) -> Result<fs::File> {
        let path = self.buffer.join("trace_marker");
        OpenOptions::new()
            .write(true)
            .open(&path)
            .with_context(|| path.display().to_string())
    }

    /// Ends the recording, and returns what was recorded.
    pub fn stop(&self) -> Result<String> {
        self.write("tracing_on", "0")?;
        fs::read_to_string(self.buffer.join("trace")).context("cannot read the record")
    }

    fn write(&self, file: &str, text: &str) -> Result<()> {
        let path = self.buffer.join(file);
        fs::write(&path, text).with_context(|| path.display().to_string())
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        let _ = self.write("events/enable", "0");
        let _ = fs::remove_dir(&self.buffer);
        let _ = append("kprobe_events", &format!("-:{PROBES}/\n"));
    }
}

/// Adds to a file of tracefs.
fn append(file: &str, text: &str) -> std::io::Result<()> {
    OpenOptions::new()
        .append(true)
        .open(Path::new(TRACEFS).join(file))?
        .write_all(text.as_bytes())
}
