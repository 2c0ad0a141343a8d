// SPDX-License-Identifier: GPL-2.0

//! A worker: it waits, accepts one connection, answers it, and waits again.

use crate::{
    cost::Cost,
    exchange::answer,
    sockets::{Place, LISTENER, STOP},
};
use anyhow::{Context, Result};
use repoll::Events;
use rustix::{
    io::Errno,
    net::{accept_with, SocketFlags},
};
use serde::{Deserialize, Serialize};
use std::{io::ErrorKind, net::TcpStream};

/// The counts of a worker.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Counts {
    /// Connections that it accepted.
    pub connections: u64,
    /// Waits that returned.
    pub wakeups: u64,
    /// Waits that reported a connection which another worker then accepted.
    pub useless: u64,
    /// Processor time.
    pub cpu_ns: u64,
    /// Context switches.
    pub switches: u64,
}

/// Works until [`Sockets::stop`](crate::sockets::Sockets::stop).
pub fn work(place: &Place) -> Result<Counts> {
    let mut counts = Counts::default();
    let mut events = Events::with_capacity(4);
    let begin = Cost::now().context("getrusage")?;

    loop {
        match place.instance.wait(&mut events, None) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            other => other.context("cannot wait")?,
        }
        let told_of = |what| events.iter().any(|event| event.data() == what);
        if told_of(STOP) {
            let cost = Cost::now().context("getrusage")? - begin;
            counts.cpu_ns = cost.cpu_ns;
            counts.switches = cost.switches;
            return Ok(counts);
        }
        counts.wakeups += 1;
        if told_of(LISTENER) {
            match accept(place)? {
                Some(stream) => {
                    counts.connections += 1;
                    answer(stream).context("a connection")?;
                }
                None => counts.useless += 1,
            }
        }
    }
}

/// Accepts one connection, if there still is one.
fn accept(place: &Place) -> Result<Option<TcpStream>> {
    match accept_with(&*place.listener, SocketFlags::CLOEXEC) {
        Ok(socket) => Ok(Some(socket.into())),
        Err(Errno::AGAIN) => Ok(None),
        Err(error) => Err(error).context("cannot accept a connection"),
    }
}
