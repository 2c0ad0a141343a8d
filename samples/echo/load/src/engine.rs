// SPDX-License-Identifier: GPL-2.0

//! The event notifier that the connections are watched with.

use anyhow::{
    Context,
    Result, //
};
use clap::ValueEnum;
use repoll::{
    Events,
    Interest,
    Mode,
    Poller, //
};
use rustix::{
    buffer::spare_capacity,
    event::{
        epoll::{
            self,
            EventData,
            EventFlags, //
        },
        Timespec, //
    },
};
use serde::Serialize;
use std::{
    io,
    os::fd::{
        BorrowedFd,
        OwnedFd, //
    },
    time::Duration,
};

/// Which one.
#[derive(Clone, Copy, Debug, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// The repoll module
    Repoll,
    /// The kernel's own epoll
    Epoll,
}

/// One that is open.
pub enum Engine {
    /// An instance of repoll.
    Repoll(Poller),
    /// An instance of epoll.
    Epoll(OwnedFd),
}

impl Engine {
    /// Makes an instance of `kind`.
    pub fn open(kind: Kind) -> Result<Self> {
        match kind {
            Kind::Repoll => Ok(Self::Repoll(Poller::try_new()?)),
            Kind::Epoll => epoll::create(epoll::CreateFlags::CLOEXEC)
                .map(Self::Epoll)
                .context("cannot make an epoll instance"),
        }
    }

    /// Watches `fd`.
    pub fn add(
        &self,
        fd: BorrowedFd<'_>,
        interest: Interest,
        mode: Mode,
        data: u64,
    ) -> io::Result<()> {
        match self {
            Self::Repoll(repoll) => repoll.add(fd, interest, mode, data),
            Self::Epoll(epoll) => {
                let flags = EventFlags::from_bits_retain(interest.bits() | mode.bits());
                Ok(epoll::add(epoll, fd, EventData::new_u64(data), flags)?)
            }
        }
    }

    /// Puts what is ready into `events`; nothing, after `timeout`.
    pub fn wait(&self, events: &mut Events, timeout: Duration) -> io::Result<()> {
        match self {
            Self::Repoll(repoll) => repoll.wait(events, Some(timeout)).map(drop),
            Self::Epoll(epoll) => {
                let timeout = Timespec::try_from(timeout)
                    .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
                events.clear();
                epoll::wait(epoll, spare_capacity(events.as_mut_vec()), Some(&timeout))?;
                Ok(())
            }
        }
    }
}
