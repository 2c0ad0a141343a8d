// SPDX-License-Identifier: GPL-2.0

//! The cost for others of a file being watched: sending through a socket and
//! receiving, while no poller, epoll or repoll watches the receiving end.

use super::sockets::{get, put, Pair};
use crate::{
    backend::{Patience, Poller},
    clock::{each, Stopwatch},
    measure::Work,
};
use anyhow::Result;
use repoll::{Events, Mode};
use std::os::fd::AsFd;

const TIMES: usize = 2_000;

/// The item is on the ready list already, because nobody waits; or it is put
/// there each time, because a wait in between, which does not count, takes it
/// off.
pub struct Callback {
    pair: Pair,
    drain: bool,
}

impl Callback {
    pub fn new(drain: bool) -> Result<Self> {
        Ok(Self {
            pair: Pair::tcp()?,
            drain,
        })
    }
}

impl Work for Callback {
    fn sample<P: Poller>(&mut self) -> Result<f64> {
        let poller = P::open()?;
        poller.add(self.pair.fd(), Mode::LEVEL, 1)?;
        let there = self.pair.there.as_fd();
        let send_and_receive = || {
            put(there)?;
            get(self.pair.fd())
        };
        if !self.drain {
            send_and_receive()?;
            return each(TIMES, send_and_receive);
        }
        let mut events = Events::with_capacity(1);
        let mut watch = Stopwatch::new();
        for _ in 0..TIMES {
            watch.lap(send_and_receive)?;
            poller.wait(&mut events, Patience::None)?;
        }
        Ok(watch.mean())
    }
}
