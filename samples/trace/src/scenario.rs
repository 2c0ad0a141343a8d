// SPDX-License-Identifier: GPL-2.0

//! What is done while it is recorded, and what has to be in the record.

mod arrival;
mod connection;
mod drain;
mod overflow;
mod recv;

use crate::{recorder::Recorder, sleeper::Sleeper};
use anyhow::{Context, Result};
use clap::ValueEnum;
use repoll::{info::Instance, Events, Interest, Mode, Poller};
use rustix::thread::gettid;
use serde::Serialize;
use std::{fmt, io::Write, os::fd::AsFd};

/// A scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Scenario {
    /// A message to a socket that is watched
    Arrival,
    /// A full send buffer that drains
    Drain,
    /// A connection to a watched listening socket
    Connection,
    /// A connection for which the accept queue has no room
    Overflow,
    /// A message to a thread in a blocking recv
    Recv,
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
    /// What else there is to tell.
    pub notes: Vec<String>,
}

impl Scenario {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Arrival,
        Self::Drain,
        Self::Connection,
        Self::Overflow,
        Self::Recv,
    ];

    /// What happens in it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Arrival => "a message arrives at a socket that is watched",
            Self::Drain => "a full send buffer drains",
            Self::Connection => "a connection comes in",
            Self::Overflow => "a connection comes in, and the accept queue is full",
            Self::Recv => "a message arrives for a thread in a blocking recv",
        }
    }

    /// Lets it happen.
    pub fn record(self) -> Result<Recorded> {
        match self {
            Self::Arrival => arrival::record(),
            Self::Drain => drain::record(),
            Self::Connection => connection::record(),
            Self::Overflow => overflow::record(),
            Self::Recv => recv::record(),
        }
    }

    /// Functions and events that must be in the record, in this order. Those of the kernel are
    /// the ones that it calls by pointer or from other files: they are in none of their callers.
    pub fn chain(self) -> &'static [&'static str] {
        match self {
            Self::Arrival => arrival::CHAIN,
            Self::Drain => drain::CHAIN,
            Self::Connection => connection::CHAIN,
            Self::Overflow => overflow::CHAIN,
            Self::Recv => recv::CHAIN,
        }
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.to_possible_value();
        out.write_str(value.as_ref().map_or("", |value| value.get_name()))
    }
}

/// The number of an instance.
fn number_of(poller: &Poller) -> Result<String> {
    let instance = Instance::of(poller).context("the instance has no number")?;
    Ok(instance.id.to_string())
}

/// Records what `act` does while a thread waits on an instance that watches `file`.
fn with_waiter(
    file: impl AsFd,
    interest: Interest,
    act: impl FnOnce(&Recorder) -> Result<()>,
) -> Result<Recorded> {
    let poller = Poller::new().context("cannot make an instance (is the module loaded?)")?;
    poller.add(file, interest, Mode::LEVEL, 1)?;
    let instance = number_of(&poller)?;
    let recorder = Recorder::new()?;
    let mut marker = recorder.marker()?;
    // By a direct call, where the module has those.
    let calls = [libc::SYS_fadvise64, libc::SYS_ioctl];
    let waiter = Sleeper::start(&calls, move || {
        let mut events = Events::with_capacity(1);
        let count = poller.wait(&mut events, None)?;
        Ok(marker.write_all(format!("wait returns {count}").as_bytes())?)
    })?;
    let thread = waiter.thread;
    recorder.start()?;
    act(&recorder)?;
    waiter.join()?;
    Ok(Recorded {
        text: recorder.stop()?,
        actor: gettid().as_raw_nonzero().get(),
        waiter: Some(thread),
        instance: Some(instance),
        notes: Vec::new(),
    })
}
