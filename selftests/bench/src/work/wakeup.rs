// SPDX-License-Identifier: GPL-2.0

//! Waking up a waiting thread.

use crate::{
    backend::{Patience, Poller},
    clock::each,
    measure::Work,
};
use anyhow::{anyhow, ensure, Result};
use repoll::{Events, Mode};
use rustix::{
    event::{eventfd, EventfdFlags},
    io::{read, write},
};
use std::{
    os::fd::{AsFd, OwnedFd},
    thread,
};

const TIMES: usize = 1_000;

/// Two threads wait for their eventfds, and write to each other's. The cost is
/// that of one direction: a write, the wake-up, the rest of the wait, and a
/// read.
pub struct PingPong([OwnedFd; 2]);

impl PingPong {
    pub fn new() -> Result<Self> {
        let ball = || eventfd(0, EventfdFlags::CLOEXEC);
        Ok(Self([ball()?, ball()?]))
    }
}

impl Work for PingPong {
    fn sample<P: Poller>(&mut self) -> Result<f64> {
        let [ours, theirs] = &self.0;
        let prepare = |mine: &OwnedFd| -> Result<P> {
            let poller = P::open()?;
            poller.add(mine.as_fd(), Mode::LEVEL, 1)?;
            Ok(poller)
        };
        let receive = |poller: &P, mine: &OwnedFd| -> Result<()> {
            let mut events = Events::with_capacity(1);
            poller.wait(&mut events, Patience::Endless)?;
            ensure!(events.len() == 1, "woken without an event");
            read(mine, &mut [0; 8])?;
            Ok(())
        };
        let send = |fd: &OwnedFd| write(fd, &1u64.to_ne_bytes());
        let (poller, peer) = (prepare(ours)?, prepare(theirs)?);
        thread::scope(|scope| {
            let partner = scope.spawn(|| -> Result<()> {
                for _ in 0..=TIMES {
                    receive(&peer, theirs)?;
                    send(ours)?;
                }
                Ok(())
            });
            let both = || -> Result<()> {
                send(theirs)?;
                receive(&poller, ours)
            };
            both()?;
            let cost = each(TIMES, both)?;
            partner.join().map_err(|_| anyhow!("a thread panicked"))??;
            Ok(cost / 2.0)
        })
    }
}
