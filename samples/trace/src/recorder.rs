// SPDX-License-Identifier: GPL-2.0

//! A trace buffer of our own in tracefs, the probes for it, and what it has recorded.

use crate::network::Network;
use anyhow::{ensure, Context, Result};
use std::{
    fs::{self, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
};
use wire::Machine;

const TRACEFS: &str = "/sys/kernel/tracing";
const PROBES: &str = "repoll_trace";

/// The functions to be probed besides the driver's. A kernel may lack some, by its configuration or
/// because the compiler has inlined them.
const FUNCTIONS: &[&str] = &[
    // what is there before
    "__sock_create",
    "inet_create",
    "sock_alloc_file",
    "inet_csk_get_port",
    "inet_csk_listen_start",
    "sock_poll",
    "add_wait_queue",
    // the way out
    "tcp_sendmsg",
    "udp_sendmsg",
    "tcp_stream_alloc_skb",
    "ip_make_skb",
    "tcp_write_xmit",
    "skb_clone",
    "__ip_queue_xmit",
    "nf_hook_slow",
    "neigh_resolve_output",
    "__neigh_event_send",
    "arp_solicit",
    "sch_direct_xmit",
    // the way in
    "__napi_schedule",
    "net_rx_action",
    "dev_gro_receive",
    "netif_receive_skb_list_internal",
    "napi_complete_done",
    "napi_consume_skb",
    "arp_process",
    "neigh_update",
    "ip_rcv",
    "ip_list_rcv",
    "ip_local_deliver",
    "udp_rcv",
    "__udp_enqueue_schedule_skb",
    "tcp_v4_rcv",
    "tcp_rcv_established",
    "tcp_conn_request",
    "inet_csk_complete_hashdance",
    "inet_csk_reqsk_queue_add",
    "inet_csk_accept",
    "tcp_recvmsg",
    // the wake-up
    "sock_def_readable",
    "sk_stream_write_space",
    "ep_poll_callback",
    "repoll:rp_wake_task",
    "woken_wake_function",
    "default_wake_function",
];

/// Events of the kernel, each with its filter. A kernel may lack some.
const EVENTS: &[(&str, Option<&str>)] = &[
    ("repoll", None),
    ("net/net_dev_start_xmit", None),
    ("napi/napi_poll", None),
    ("irq/softirq_raise", Some("vec == 3")),
    ("sched/sched_waking", None),
    ("sched/sched_switch", None),
    ("skb/kfree_skb", None),
];

/// A recorder, which removes its buffer and its probes when it is dropped.
pub struct Recorder {
    buffer: PathBuf,
}

impl Recorder {
    /// Gets ready to record everything, with stacks; nothing is recorded yet.
    pub fn new(network: Network) -> Result<Self> {
        let recorder = Self::empty()?;
        for function in network.functions().iter().chain(FUNCTIONS) {
            let name = function.rsplit(':').next().unwrap_or(function);
            // If it is missing, the check of the chains fails.
            let _ = append("kprobe_events", &format!("p:{PROBES}/{name} {function}\n"));
        }
        recorder.write("options/stacktrace", "1")?;
        recorder.write(&format!("events/{PROBES}/enable"), "1")?;
        for (event, filter) in EVENTS {
            recorder.enable(event, *filter)?;
        }
        if let Network::Wire(_) = network {
            recorder.enable_interrupts(&Machine::ALL)?;
        }
        Ok(recorder)
    }

    /// Gets ready to record a card's hard interrupts and the polls of its queues, without stacks.
    pub fn of_card(machine: Machine) -> Result<Self> {
        let recorder = Self::empty()?;
        recorder.enable_interrupts(&[machine])?;
        let device = format!("dev_name == \"{}\"", machine.name());
        recorder.enable("napi/napi_poll", Some(&device))?;
        Ok(recorder)
    }

    /// A recorder that records nothing until events are enabled, and no stacks.
    fn empty() -> Result<Self> {
        let instances = Path::new(TRACEFS).join("instances");
        ensure!(
            instances.exists(),
            "{TRACEFS} is not there: mount -t tracefs trace {TRACEFS}"
        );
        let buffer = instances.join(format!("repoll-trace-{}", std::process::id()));
        fs::create_dir(&buffer).context("cannot make a trace buffer (are you root?)")?;
        let recorder = Self { buffer };
        recorder.write("tracing_on", "0")?;
        recorder.write("trace_clock", "mono")?;
        Ok(recorder)
    }

    /// Records an event, or a group of them, if the kernel has it.
    pub fn enable(&self, event: &str, filter: Option<&str>) -> Result<()> {
        if !self.buffer.join("events").join(event).exists() {
            return Ok(());
        }
        if let Some(filter) = filter {
            self.write(&format!("events/{event}/filter"), filter)?;
        }
        self.write(&format!("events/{event}/enable"), "1")
    }

    /// Records the hard interrupts of these machines' cards.
    fn enable_interrupts(&self, machines: &[Machine]) -> Result<()> {
        let mut conditions = Vec::new();
        for machine in machines {
            for interrupt in machine.interrupts()? {
                conditions.push(format!("irq == {}", interrupt.number));
            }
        }
        self.enable("irq/irq_handler_entry", Some(&conditions.join(" || ")))
    }

    /// Records from now on.
    pub fn start(&self) -> Result<()> {
        self.write("tracing_on", "1")
    }

    /// Records nothing until it is started again.
    pub fn pause(&self) -> Result<()> {
        self.write("tracing_on", "0")
    }

    /// Puts a remark into the record.
    pub fn remark(&self, text: &str) -> Result<()> {
        self.write("trace_marker", text)
    }

    /// A file through which another thread writes remarks into the record.
    pub fn marker(&self) -> Result<fs::File> {
        let path = self.buffer.join("trace_marker");
        OpenOptions::new()
            .write(true)
            .open(&path)
            .with_context(|| path.display().to_string())
    }

    /// What has been recorded so far.
    pub fn text(&self) -> Result<String> {
        fs::read_to_string(self.buffer.join("trace")).context("cannot read the record")
    }

    /// Ends the recording, and returns what was recorded.
    pub fn stop(&self) -> Result<String> {
        self.pause()?;
        self.text()
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
