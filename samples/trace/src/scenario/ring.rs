// SPDX-License-Identifier: GPL-2.0

//! More packets than the card's receive ring holds, while the processor is too busy to take them
//! off.

use super::{message, quiet, Recorded};
use crate::{
    chain::Chain,
    network::Network,
    pinned::{processor_of, route},
    recorder::Recorder,
};
use anyhow::{ensure, Context, Result};
use rustix::{
    process::Pid,
    thread::{sched_setaffinity, CpuSet},
};
use std::{
    collections::BTreeMap,
    fs,
    io::Read,
    process::{Child, Command, Stdio},
};
use wire::Machine::{self, Left, Right};

/// How many packets are sent.
const PACKETS: usize = 1000;
/// How many packets the receive ring holds: the driver's default, and more.
const RINGS: [usize; 2] = [256, 2048];
const THREADED: &str = "/sys/class/net/right/threaded";

pub(super) fn chains(network: Network) -> Vec<Chain> {
    vec![[
        network.on(Left, &["send"]),
        network.on(Right, &["irq_handler_entry"]),
        network.on(Left, &["the busy thread is killed"]),
        network.on(Right, &["napi_poll"]),
    ]
    .concat()]
}

/// Sends into a ring of either size. The record is that of the smaller one.
pub(super) fn record(network: Network) -> Result<Recorded> {
    let _size = RingSize::keep()?;
    ensure!(
        Right
            .interrupts()?
            .iter()
            .filter(|interrupt| interrupt.is_of_receive_queue())
            .count()
            > 1,
        "the emulated card drops nothing if it has only one receive queue"
    );
    let mut notes = vec![format!(
        "A kernel thread polls the right card ({THREADED} is 1). A real-time thread keeps processor 1 busy, so the polling thread does not run while {PACKETS} datagrams arrive:"
    )];
    let mut text = None;
    for ring in RINGS {
        set_ring(ring)?;
        let before = counters()?;
        let record = burst(network)?;
        let after = counters()?;
        let grown = |machine: usize, name: &str| {
            let of = |counters: &[BTreeMap<String, u64>; 2]| {
                counters[machine].get(name).copied().unwrap_or(0)
            };
            of(&after) - of(&before)
        };
        let (sent, received) = (grown(0, "tx_packets"), grown(1, "rx_packets"));
        let lost = sent.saturating_sub(received);
        ensure!(
            (lost > 0) == (ring < PACKETS),
            "a ring of {ring} descriptors: {sent} packets were sent, {received} received"
        );
        notes.push(format!(
            "{ring:>5} descriptors (ethtool -G right rx {ring}): left's tx_packets {sent} (with a first message and ARP), \
             right's rx_packets {received}, {lost} lost"
        ));
        let complaints: Vec<_> = after[1]
            .keys()
            .filter(|name| {
                ["missed", "no_buffer", "drop", "fifo"]
                    .iter()
                    .any(|part| name.contains(part))
            })
            .map(|name| (name, grown(1, name)))
            .filter(|(_, grown)| *grown > 0)
            .map(|(name, grown)| format!("{name} {grown}"))
            .collect();
        notes.push(match complaints.is_empty() {
            true => "       ethtool -S: no counter of drops has grown".to_owned(),
            false => format!("       ethtool -S: {}", complaints.join(", ")),
        });
        text.get_or_insert(record);
    }
    notes.push(
        "a real card counts what it drops as rx_queue_0_drops or rx_missed_errors; the emulated one does not"
            .to_owned(),
    );
    Ok(Recorded {
        notes,
        ..Recorded::new(text.unwrap_or_default())
    })
}

/// Sends everything while the receiver's processor is busy.
fn burst(network: Network) -> Result<String> {
    let (sender, receiver) = network.datagrams()?;
    // A restart of the card loses its neighbours and the processors of its interrupts.
    route(&Right.interrupts()?, processor_of(Right))?;
    message(&sender, &receiver)?;
    let _threaded = Threaded::new()?;
    let recorder = Recorder::of_card(Right)?;
    let busy = Busy::start()?;
    recorder.start()?;
    recorder.remark("send")?;
    for _ in 0..PACKETS {
        sender.send(b"x")?;
    }
    recorder.remark("all send() calls have returned")?;
    recorder.remark("the busy thread is killed")?;
    drop(busy);
    quiet(Right)?;
    recorder.remark("all packets have been handled")?;
    recorder.stop()
}

/// A real-time thread on the right machine's processor that never sleeps, until this is dropped.
struct Busy(Child);

impl Busy {
    fn start() -> Result<Self> {
        let script = "echo; while :; do :; done";
        let mut command = Command::new("taskset");
        let mask = format!("{:x}", 1 << processor_of(Right));
        command.args([&mask, "chrt", "--fifo", "50", "sh", "-c", script]);
        let child = command.stdout(Stdio::piped()).spawn().context("taskset")?;
        let mut busy = Self(child);
        let output = busy.0.stdout.as_mut().context("no output")?;
        output.read_exact(&mut [0]).context("chrt")?;
        Ok(busy)
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The size that the ring has now, which it gets back when this is dropped.
struct RingSize(usize);

impl RingSize {
    fn keep() -> Result<Self> {
        let size = ring()?.parse()?;
        Ok(Self(size))
    }
}

impl Drop for RingSize {
    fn drop(&mut self) {
        let _ = set_ring(self.0);
    }
}

/// The right card is polled by kernel threads, which a real-time thread keeps from running, until
/// this is dropped.
struct Threaded(());

impl Threaded {
    fn new() -> Result<Self> {
        let threaded = Self(());
        set_threaded("1")?;
        let mut processors = CpuSet::new();
        processors.set(processor_of(Right));
        for entry in fs::read_dir("/proc")? {
            let name = entry?.file_name();
            let Some(thread) = name.to_str().and_then(|name| name.parse().ok()) else {
                continue;
            };
            let command = fs::read_to_string(format!("/proc/{thread}/comm")).unwrap_or_default();
            if command.starts_with("napi/right-") {
                sched_setaffinity(Pid::from_raw(thread), &processors)?;
            }
        }
        Ok(threaded)
    }
}

impl Drop for Threaded {
    fn drop(&mut self) {
        let _ = set_threaded("0");
    }
}

fn set_threaded(value: &str) -> Result<()> {
    let script = format!("echo {value} >{THREADED}");
    Right.command(&["sh", "-c", &script]).map(drop)
}

/// How many descriptors the right card's receive ring has.
fn ring() -> Result<String> {
    let text = Right.command(&["ethtool", "-g", "right"])?;
    let current = text.split("Current").nth(1).unwrap_or("");
    let size = current.lines().find_map(|line| line.strip_prefix("RX:"));
    Ok(size.context("ethtool -g")?.trim().to_owned())
}

fn set_ring(descriptors: usize) -> Result<()> {
    let size = descriptors.to_string();
    if ring()? != size {
        Right.command(&["ethtool", "-G", "right", "rx", &size])?;
        // The card starts anew.
        Right.wait_for_link()?;
    }
    Ok(())
}

/// The counters of both cards.
fn counters() -> Result<[BTreeMap<String, u64>; 2]> {
    Ok([counters_of(Left)?, counters_of(Right)?])
}

fn counters_of(machine: Machine) -> Result<BTreeMap<String, u64>> {
    let text = machine.command(&["ethtool", "-S", machine.name()])?;
    let lines = text.lines().filter_map(|line| {
        let (name, value) = line.trim().split_once(": ")?;
        Some((name.to_owned(), value.parse().ok()?))
    });
    Ok(lines.collect())
}
