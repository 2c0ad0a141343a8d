// SPDX-License-Identifier: GPL-2.0

//! Connections that come and go.

use super::{
    ctl::instance,
    sockets::{Family, Pair},
};
use crate::{backend::Poller, clock::each, measure::Work};
use anyhow::{Context, Result};
use repoll::Mode;
use rustix::net::sockopt::set_socket_linger;
use std::{
    net::{Ipv4Addr, TcpListener, TcpStream},
    os::fd::AsFd,
    time::Duration,
};
use wire::Machine;

const TIMES: usize = 200;

/// Each connection is connected, accepted, added and closed, without being
/// deleted: the kernel has to notice the close. The watched end is closed
/// first, with a reset, so that no connection lingers.
pub struct Churn {
    listener: TcpListener,
    companion: Pair,
}

impl Churn {
    /// Over the loopback device.
    pub fn new() -> Result<Self> {
        Ok(Self {
            listener: TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?,
            companion: Pair::tcp()?,
        })
    }

    /// Over the wire. The calling thread is on the left.
    pub fn over_wire() -> Result<Self> {
        let mut pairs = Pair::many(Family::Wire, 1)?;
        Ok(Self {
            listener: Machine::Right
                .run(|| Ok(TcpListener::bind((Machine::Right.address(), 0))?))?,
            companion: pairs.pop().context("no pair")?,
        })
    }
}

impl Work for Churn {
    fn sample<P: Poller>(&mut self) -> Result<f64> {
        let poller: P = instance(&self.companion)?;
        let address = self.listener.local_addr()?;
        each(TIMES, || {
            let there = TcpStream::connect(address)?;
            let (here, _) = self.listener.accept()?;
            set_socket_linger(&here, Some(Duration::ZERO))?;
            poller.add(here.as_fd(), Mode::LEVEL, 1)?;
            drop(here);
            drop(there);
            Ok(())
        })
    }
}
