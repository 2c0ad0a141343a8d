// SPDX-License-Identifier: GPL-2.0

//! Waits that do not sleep.

use super::sockets::{Family, Pair};
use crate::{
    backend::{Patience, Poller},
    clock::{each, Stopwatch},
    measure::Work,
};
use anyhow::{ensure, Result};
use repoll::{Change, Events, Interest, Mode};

/// The number of waits for some 10,000 events in a repetition; but for many
/// events at least so many waits that the timer's interrupts average out.
fn times(ready: usize) -> usize {
    (10_000 / ready.max(1)).max(60)
}

/// Sockets with something to read.
fn readable(count: usize) -> Result<Vec<Pair>> {
    super::scale::raise_limits(2 * count as u64)?;
    let pairs = Pair::many(Family::Tcp, count)?;
    for pair in &pairs {
        pair.make_ready()?;
    }
    Ok(pairs)
}

fn add_all<P: Poller>(poller: &P, pairs: &[Pair], mode: Mode) -> Result<()> {
    for (data, pair) in pairs.iter().enumerate() {
        poller.add(pair.fd(), mode, data as u64)?;
    }
    Ok(())
}

#[inline(always)]
fn take<P: Poller>(poller: &P, events: &mut Events, expected: usize) -> Result<()> {
    poller.wait(events, Patience::None)?;
    ensure!(
        events.len() == expected,
        "{} events, not {expected}",
        events.len()
    );
    Ok(())
}

/// Level-triggered: ready files stay ready. If none should be ready, one file
/// that is not is watched.
pub struct Level {
    ready: usize,
    pairs: Vec<Pair>,
}

impl Level {
    pub fn new(ready: usize) -> Result<Self> {
        let pairs = match ready {
            0 => Pair::many(Family::Tcp, 1)?,
            _ => readable(ready)?,
        };
        Ok(Self { ready, pairs })
    }
}

impl Work for Level {
    fn sample<P: Poller>(&mut self) -> Result<f64> {
        let poller = P::open()?;
        add_all(&poller, &self.pairs, Mode::LEVEL)?;
        let mut events = Events::with_capacity(self.pairs.len());
        each(times(self.ready), || take(&poller, &mut events, self.ready))
    }
}

/// Edge-triggered. Before each wait, all items are modified, which finds them
/// ready again; only the wait counts.
pub struct Edge(Vec<Pair>);

impl Edge {
    pub fn new(ready: usize) -> Result<Self> {
        Ok(Self(readable(ready)?))
    }
}

impl Work for Edge {
    fn sample<P: Poller>(&mut self) -> Result<f64> {
        let poller = P::open()?;
        let mode = Mode::EDGE;
        add_all(&poller, &self.0, mode)?;
        let mut events = Events::with_capacity(self.0.len());
        take(&poller, &mut events, self.0.len())?;
        let mut watch = Stopwatch::new();
        for _ in 0..times(self.0.len()) {
            for pair in &self.0 {
                poller.modify(pair.fd(), mode, 1)?;
            }
            watch.lap(|| take(&poller, &mut events, self.0.len()))?;
        }
        Ok(watch.mean())
    }
}

/// Re-arms a one-shot item that is ready, and waits: with one call where
/// possible, or with two.
pub struct Rearm {
    pairs: Vec<Pair>,
    at_once: bool,
}

impl Rearm {
    pub fn new(at_once: bool) -> Result<Self> {
        let pairs = readable(1)?;
        Ok(Self { pairs, at_once })
    }
}

impl Work for Rearm {
    fn sample<P: Poller>(&mut self) -> Result<f64> {
        let poller = P::open()?;
        let mode = Mode::ONE_SHOT;
        add_all(&poller, &self.pairs, mode)?;
        let mut events = Events::with_capacity(1);
        take(&poller, &mut events, 1)?;
        let fd = self.pairs[0].fd();
        if !self.at_once {
            return each(times(1), || {
                poller.modify(fd, mode, 1)?;
                take(&poller, &mut events, 1)
            });
        }
        each(times(1), || {
            let mut change = [Change::modify(fd, Interest::READABLE, mode, 1)];
            poller.apply_and_wait(&mut change, &mut events, Patience::None)?;
            ensure!(events.len() == 1, "not ready");
            Ok(())
        })
    }
}
