// SPDX-License-Identifier: GPL-2.0

//! Changes, with one call each.

use super::sockets::{Family, Pair};
use crate::{backend::Poller, clock::each, measure::Work};
use anyhow::Result;
use repoll::Mode;

const TIMES: usize = 5_000;

/// Creates an instance that watches an idle socket: the instance of a server is
/// never empty.
pub fn instance<P: Poller>(companion: &Pair) -> Result<P> {
    let poller = P::open()?;
    poller.add(companion.fd(), Mode::LEVEL, 0)?;
    Ok(poller)
}

/// Adds and deletes.
pub struct AddDelete(Vec<Pair>);

impl AddDelete {
    pub fn new() -> Result<Self> {
        Ok(Self(Pair::many(Family::Tcp, 2)?))
    }
}

impl Work for AddDelete {
    fn sample<P: Poller>(&mut self) -> Result<f64> {
        let poller: P = instance(&self.0[0])?;
        let fd = self.0[1].fd();
        each(TIMES, || {
            poller.add(fd, Mode::LEVEL, 1)?;
            Ok(poller.delete(fd)?)
        })
    }
}

/// Modifies items that are not ready.
pub struct Modify(Vec<Pair>);

impl Modify {
    pub fn new() -> Result<Self> {
        Ok(Self(Pair::many(Family::Tcp, 2)?))
    }
}

impl Work for Modify {
    fn sample<P: Poller>(&mut self) -> Result<f64> {
        let poller: P = instance(&self.0[0])?;
        let fd = self.0[1].fd();
        poller.add(fd, Mode::LEVEL, 1)?;
        each(TIMES, || Ok(poller.modify(fd, Mode::LEVEL, 1)?))
    }
}
