// SPDX-License-Identifier: GPL-2.0

//! A complete request to an echo server.

use super::sockets::{get, put, Family, Pair};
use crate::{
    backend::{Patience, Poller},
    clock::each,
    measure::Work,
};
use anyhow::{anyhow, Result};
use repoll::{Change, Events, Interest, Mode};
use rustix::net::{shutdown, Shutdown};
use std::{os::fd::AsFd, thread};

/// The number of requests in a repetition.
const REQUESTS: usize = 2_000;

/// A client sends a byte on each connection and waits until all come back. A
/// server in another thread watches the connections one-shot. It reads each
/// request, answers it and re-arms the connection: on epoll with one call each
/// before the next wait, on repoll with the wait.
pub struct Echo(Vec<Pair>);

impl Echo {
    pub fn new(family: Family, connections: usize) -> Result<Self> {
        Ok(Self(Pair::many(family, connections)?))
    }

    fn serve<P: Poller>(&self, poller: &P, requests: usize) -> Result<()> {
        let mut events = Events::with_capacity(self.0.len());
        let mut changes: Vec<Change<'_>> = Vec::with_capacity(self.0.len());
        let mut served = 0;
        while served < requests {
            poller.apply_and_wait(&mut changes, &mut events, Patience::Endless)?;
            changes.clear();
            for event in &events {
                let data = event.data();
                let fd = self.0[data as usize].fd();
                get(fd)?;
                put(fd)?;
                changes.push(Change::modify(fd, Interest::READABLE, Mode::ONE_SHOT, data));
            }
            served += events.len();
        }
        Ok(())
    }

    /// Ends waits for answers that will not come.
    fn hang_up(&self) {
        for pair in &self.0 {
            // The other side may have ended already.
            let _ = shutdown(&pair.here, Shutdown::Both);
        }
    }
}

impl Work for Echo {
    fn sample<P: Poller>(&mut self) -> Result<f64> {
        let poller = P::open()?;
        for (data, pair) in self.0.iter().enumerate() {
            poller.add(pair.fd(), Mode::ONE_SHOT, data as u64)?;
        }
        let rounds = REQUESTS / self.0.len();
        thread::scope(|scope| {
            let server = scope.spawn(|| {
                let served = self.serve(&poller, (rounds + 1) * self.0.len());
                served.inspect_err(|_| self.hang_up())
            });
            let round = || -> Result<()> {
                for pair in &self.0 {
                    put(pair.there.as_fd())?;
                }
                for pair in &self.0 {
                    get(pair.there.as_fd())?;
                }
                Ok(())
            };
            let cost = round().and_then(|()| each(rounds, round));
            // The server's error says more than the client's.
            server
                .join()
                .map_err(|_| anyhow!("the server panicked"))??;
            Ok(cost? / self.0.len() as f64)
        })
    }
}
