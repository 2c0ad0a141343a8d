// SPDX-License-Identifier: GPL-2.0

//! The scenarios: their actions, and the steps that each record must have.

mod affinity;
mod arrival;
mod connection;
mod datagram;
mod drain;
mod flood;
mod neighbour;
mod overflow;
mod recv;
mod ring;
mod server;

use crate::{chain::Chain, network::Network, pinned, recorder::Recorder, sleeper::Sleeper};
use anyhow::{ensure, Context, Result};
use backend::{Backend, Kind};
use clap::ValueEnum;
use repoll::{info::Instance, Events, Interest, Mode};
use rustix::thread::gettid;
use serde::Serialize;
use std::{
    fmt,
    io::Write,
    net::UdpSocket,
    os::fd::AsFd,
    thread,
    time::{Duration, Instant},
};
use wire::{Driver, Machine};

/// How long to wait for a card to report what it has sent. Only a failure takes so long.
const SOON: Duration = Duration::from_secs(10);

/// If no packet comes for this long, none is on the wire.
const QUIET: Duration = Duration::from_millis(200);

/// A scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Scenario {
    /// What a server prepares: sockets, an instance, an entry on a wait queue
    Server,
    /// A TCP message to a socket that repoll watches
    Arrival,
    /// The same, but epoll watches the socket
    Epoll,
    /// A UDP message to a socket that repoll watches
    Datagram,
    /// A message to a thread in a blocking recv
    Recv,
    /// The first message to a neighbour whose hardware address is unknown (over the wire)
    Neighbour,
    /// A connection to a watched listening socket
    Connection,
    /// A connection for which the accept queue has no room
    Overflow,
    /// A full send buffer that drains
    Drain,
    /// More packets than soft interrupts may handle at a time (over the wire)
    Flood,
    /// More packets than the receive ring holds (over the wire, igb)
    Ring,
    /// A card's interrupts that move to another processor (over the wire)
    Affinity,
}

/// What was recorded.
pub struct Recorded {
    /// The record, as tracefs has it.
    pub text: String,
    /// The thread that acted.
    pub actor: i32,
    /// The thread that waited.
    pub waiter: Option<i32>,
    /// The number of the instance.
    pub instance: Option<String>,
    /// Further remarks for the reader.
    pub notes: Vec<String>,
}

impl Recorded {
    /// What was recorded of the calling thread alone.
    fn new(text: String) -> Self {
        Self {
            text,
            actor: gettid().as_raw_nonzero().get(),
            waiter: None,
            instance: None,
            notes: Vec::new(),
        }
    }
}

impl Scenario {
    /// Those that can happen on a network.
    pub fn all(network: Network) -> Vec<Self> {
        let all = Self::value_variants().iter().copied();
        all.filter(|scenario| scenario.is_possible(network))
            .collect()
    }

    /// Whether it can happen on a network.
    pub fn is_possible(self, network: Network) -> bool {
        match self {
            Self::Neighbour | Self::Flood | Self::Affinity => network != Network::Loopback,
            // The host of a virtio card keeps packets while the ring is full.
            Self::Ring => network == Network::Wire(Driver::Igb),
            _ => true,
        }
    }

    /// What happens in it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Server => "a server prepares to receive",
            Self::Arrival => "a TCP message arrives at a socket that repoll watches",
            Self::Epoll => "a TCP message arrives at a socket that epoll watches",
            Self::Datagram => "a UDP message arrives at a socket that repoll watches",
            Self::Recv => "a TCP message arrives for a thread that blocks in recv",
            Self::Neighbour => "a UDP message to a neighbour whose hardware address is unknown",
            Self::Connection => "a client connects to a listening socket that repoll watches",
            Self::Overflow => "a client connects, but the accept queue is full",
            Self::Drain => "the receiver (left) reads, and the sender's full send buffer (right) drains",
            Self::Flood => "many small packets: ksoftirqd takes over",
            Self::Ring => "more packets arrive than the receive ring holds",
            Self::Affinity => "the right card's interrupts move to another processor, and the soft interrupts with them",
        }
    }

    /// What the columns of its drawing are, over the wire.
    pub fn columns(self) -> [&'static str; 2] {
        match self {
            Self::Affinity => ["processor 0", "processor 1"],
            _ => [
                "left machine, 192.0.2.1, processor 0",
                "right machine, 192.0.2.2, processor 1",
            ],
        }
    }

    /// Runs it and returns the record.
    pub fn record(self, network: Network) -> Result<Recorded> {
        match self {
            Self::Server => server::record(network),
            Self::Arrival => arrival::record(network, Kind::Repoll),
            Self::Epoll => arrival::record(network, Kind::Epoll),
            Self::Datagram => datagram::record(network),
            Self::Recv => recv::record(network),
            Self::Neighbour => neighbour::record(network),
            Self::Connection => connection::record(network),
            Self::Overflow => overflow::record(network),
            Self::Drain => drain::record(network),
            Self::Flood => flood::record(network),
            Self::Ring => ring::record(network),
            Self::Affinity => affinity::record(network),
        }
    }

    /// The steps that must be in the record. They name only functions of the kernel that it calls by
    /// pointer or from another file, which the compiler cannot inline.
    pub fn chains(self, network: Network) -> Vec<Chain> {
        match self {
            Self::Server => server::chains(network),
            Self::Arrival => arrival::chains(network, Kind::Repoll),
            Self::Epoll => arrival::chains(network, Kind::Epoll),
            Self::Datagram => datagram::chains(network),
            Self::Recv => recv::chains(network),
            Self::Neighbour => neighbour::chains(network),
            Self::Connection => connection::chains(network),
            Self::Overflow => overflow::chains(network),
            Self::Drain => drain::chains(network),
            Self::Flood => flood::chains(network),
            Self::Ring => ring::chains(network),
            Self::Affinity => affinity::chains(network),
        }
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.to_possible_value();
        out.write_str(value.as_ref().map_or("", |value| value.get_name()))
    }
}

/// What follows the wake-up of a socket that an instance watches.
fn wake_up(network: Network, machine: Machine, kind: Kind) -> Chain {
    let names: &[&str] = match kind {
        Kind::Repoll => &[
            "repoll_callback",
            "repoll_wake",
            "rp_wake_task",
            "default_wake_function",
            "sched_waking",
            "repoll_deliver",
            "repoll_wait_exit",
            "wait returns 1",
        ],
        Kind::Epoll => &[
            "ep_poll_callback",
            "default_wake_function",
            "sched_waking",
            "wait returns 1",
        ],
    };
    network.on(machine, names)
}

/// The number of an instance of repoll.
fn number_of(instance: &Backend) -> Result<Option<String>> {
    match instance {
        Backend::Epoll(_) => Ok(None),
        Backend::Repoll(poller) => {
            let instance = Instance::of(poller).context("the instance has no number")?;
            Ok(Some(instance.id.to_string()))
        }
    }
}

/// Starts a thread on the receiver's machine that does `call`, and returns when it sleeps in one of
/// those system calls.
fn start_waiter(
    network: Network,
    calls: &'static [std::ffi::c_long],
    call: impl FnOnce() -> Result<()> + Send + 'static,
) -> Result<Sleeper> {
    Sleeper::start(calls, move || {
        if network != Network::Loopback {
            pinned::move_to(Machine::Right)?;
        }
        call()
    })
}

/// Waits until the sender's card has reported that it has sent everything, and puts that into the
/// record.
fn wait_for_completion(network: Network, recorder: &Recorder) -> Result<()> {
    if network == Network::Loopback {
        return Ok(());
    }
    let deadline = Instant::now() + SOON;
    let is_freed = |line: &str| line.contains(" [000] ") && line.contains(": napi_consume_skb:");
    // If it is missing, the check of the chains fails.
    while !recorder.text()?.lines().any(is_freed) && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(10));
    }
    recorder.remark("end of the recording")
}

/// Waits until a machine has received nothing for a while.
fn quiet(machine: Machine) -> Result<()> {
    let received = || {
        machine.command(&[
            "cat",
            &format!("/sys/class/net/{}/statistics/rx_packets", machine.name()),
        ])
    };
    let deadline = Instant::now() + SOON;
    let mut before = received()?;
    loop {
        thread::sleep(QUIET);
        let now = received()?;
        if now == before {
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "packets do not end");
        before = now;
    }
}

/// Sends a message, and waits until it has arrived and all is quiet.
fn message(sender: &UdpSocket, receiver: &UdpSocket) -> Result<()> {
    sender.send(b"ping")?;
    receiver.recv(&mut [0; 16])?;
    quiet(Machine::Right)
}

/// Records what `act` does while a thread waits on an instance that watches `file`.
fn with_waiter(
    network: Network,
    kind: Kind,
    file: impl AsFd,
    interest: Interest,
    act: impl FnOnce(&Recorder) -> Result<()>,
) -> Result<Recorded> {
    let instance = Backend::open(kind)?;
    instance.add(file, interest, Mode::LEVEL, 1)?;
    let number = number_of(&instance)?;
    let recorder = Recorder::new(network)?;
    let mut marker = recorder.marker()?;
    // repoll waits by a direct call (fadvise64) if the module has those.
    let calls = &[
        libc::SYS_fadvise64,
        libc::SYS_ioctl,
        libc::SYS_epoll_wait,
        libc::SYS_epoll_pwait,
        libc::SYS_epoll_pwait2,
    ];
    let waiter = start_waiter(network, calls, move || {
        let mut events = Events::with_capacity(1);
        instance.wait(&mut events, None)?;
        Ok(marker.write_all(format!("wait returns {}", events.len()).as_bytes())?)
    })?;
    let thread = waiter.thread;
    recorder.start()?;
    act(&recorder)?;
    waiter.join()?;
    Ok(Recorded {
        waiter: Some(thread),
        instance: number,
        ..Recorded::new(recorder.stop()?)
    })
}
