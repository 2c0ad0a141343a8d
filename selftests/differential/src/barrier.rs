// SPDX-License-Identifier: GPL-2.0

//! Connections over the wire between the guest's two network cards, and a barrier that waits until
//! everything sent through them has arrived.
//!
//! A datagram that is sent later over the same queue is received later. So after one round trip,
//! all effects of a packet on the other side have happened; after a second one, also the effects of
//! those. This requires cards with one queue each, and acknowledgements without delay.

use anyhow::{Context, Result};
use std::{
    net::UdpSocket,
    os::fd::{IntoRawFd, RawFd},
};
use wire::Machine;

/// The number of round trips.
const ROUNDS: usize = 2;

/// A datagram socket on each machine.
pub(crate) struct Barrier {
    ends: [UdpSocket; 2],
}

impl Barrier {
    pub(crate) fn new() -> Result<Self> {
        let ends = datagrams()?;
        Ok(Self { ends })
    }

    /// Returns when everything that was sent before has arrived.
    pub(crate) fn pass(&self) {
        let [left, right] = &self.ends;
        for _ in 0..ROUNDS {
            for (from, to) in [(left, right), (right, left)] {
                // If a datagram is lost, the worker hangs, which is reported.
                let passed = from.send(b"-").and_then(|_| to.recv(&mut [0; 1]));
                passed.expect("the barrier's sockets are sound");
            }
        }
    }
}

/// A non-blocking TCP connection.
pub(crate) fn connection() -> Result<[RawFd; 2]> {
    let (left, right) = wire::connection()?;
    for end in [&left, &right] {
        end.set_nonblocking(true)?;
    }
    Ok([left.into_raw_fd(), right.into_raw_fd()])
}

/// Two non-blocking datagram sockets.
pub(crate) fn datagram_pair() -> Result<[RawFd; 2]> {
    let ends = datagrams()?;
    for end in &ends {
        end.set_nonblocking(true)?;
    }
    Ok(ends.map(IntoRawFd::into_raw_fd))
}

/// Two datagram sockets that are connected to each other.
fn datagrams() -> Result<[UdpSocket; 2]> {
    let bound = |machine: Machine| {
        machine.run(|| UdpSocket::bind((machine.address(), 0)).context("cannot bind"))
    };
    let ends = [bound(Machine::Left)?, bound(Machine::Right)?];
    ends[0].connect(ends[1].local_addr()?)?;
    ends[1].connect(ends[0].local_addr()?)?;
    Ok(ends)
}
