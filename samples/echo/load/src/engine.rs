// SPDX-License-Identifier: GPL-2.0

//! The event notifier that the connections are watched with.

use anyhow::{
    anyhow,
    Context,
    Result, //
};
use clap::ValueEnum;
use repoll::{
    CreateFlags,
    Event,
    EventData,
    EventFlags,
    Repoll, //
};
use rustix::{
    buffer::spare_capacity,
    event::{
        epoll,
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
    Repoll(Repoll),
    /// An instance of epoll.
    Epoll(OwnedFd),
}

impl Engine {
    /// Makes an instance of `kind`.
    pub fn open(kind: Kind) -> Result<Self> {
        match kind {
            Kind::Repoll => Repoll::new(CreateFlags::CLOEXEC)
                .map(Self::Repoll)
                .map_err(|error| match error.kind() {
                    io::ErrorKind::NotFound => {
                        anyhow!("there is no /dev/repoll (is the repoll module loaded?)")
                    }
                    _ => anyhow!("cannot use /dev/repoll: {error}"),
                }),
            Kind::Epoll => epoll::create(epoll::CreateFlags::CLOEXEC)
                .map(Self::Epoll)
                .context("cannot make an epoll instance"),
        }
    }

    /// Watches `fd`.
    pub fn add(&self, fd: BorrowedFd<'_>, interest: EventFlags, data: u64) -> io::Result<()> {
        match self {
            Self::Repoll(repoll) => repoll.add(fd, interest, data),
            Self::Epoll(epoll) => Ok(epoll::add(epoll, fd, EventData::new_u64(data), interest)?),
        }
    }

    /// Puts what is ready into `events`; nothing, after `timeout`.
    pub fn wait(&self, events: &mut Vec<Event>, timeout: Duration) -> io::Result<()> {
        match self {
            Self::Repoll(repoll) => repoll.wait(events, Some(timeout)),
            Self::Epoll(epoll) => {
                let timeout = Timespec::try_from(timeout)
                    .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
                events.clear();
                epoll::wait(epoll, spare_capacity(events), Some(&timeout))?;
                Ok(())
            }
        }
    }
}
