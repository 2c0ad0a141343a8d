// SPDX-License-Identifier: GPL-2.0

//! Changes, as a batch where possible.

use super::sockets::{Family, Pair};
use crate::{backend::Poller, clock::each, measure::Work};
use anyhow::Result;
use repoll::{Change, Interest, Mode};

const TIMES: usize = 100;

/// Modifies items that are not ready; the cost of each.
pub struct Modify(Vec<Pair>);

impl Modify {
    pub fn new(count: usize) -> Result<Self> {
        Ok(Self(Pair::many(Family::Tcp, count)?))
    }
}

impl Work for Modify {
    fn sample<P: Poller>(&mut self) -> Result<f64> {
        let poller = P::open()?;
        let fds = self.0.iter().map(Pair::fd);
        let mut adds: Vec<_> = fds
            .clone()
            .map(|fd| Change::add(fd, Interest::READABLE, Mode::LEVEL, 1))
            .collect();
        poller.apply(&mut adds)?;
        let mut changes: Vec<_> = fds
            .map(|fd| Change::modify(fd, Interest::READABLE, Mode::LEVEL, 1))
            .collect();
        let cost = each(TIMES, || poller.apply(&mut changes))?;
        Ok(cost / self.0.len() as f64)
    }
}

/// Adds all files, then deletes all; the cost of both for each. Another file is
/// watched all the time.
pub struct AddDelete(Vec<Pair>);

impl AddDelete {
    pub fn new(count: usize) -> Result<Self> {
        Ok(Self(Pair::many(Family::Tcp, count + 1)?))
    }
}

impl Work for AddDelete {
    fn sample<P: Poller>(&mut self) -> Result<f64> {
        let (companion, pairs) = self.0.split_at(1);
        let poller: P = super::ctl::instance(&companion[0])?;
        let fds = pairs.iter().map(Pair::fd);
        let mut adds: Vec<_> = fds
            .clone()
            .map(|fd| Change::add(fd, Interest::READABLE, Mode::LEVEL, 1))
            .collect();
        let mut deletes: Vec<_> = fds.map(Change::delete).collect();
        let cost = each(TIMES, || {
            poller.apply(&mut adds)?;
            poller.apply(&mut deletes)
        })?;
        Ok(cost / pairs.len() as f64)
    }
}
