// SPDX-License-Identifier: GPL-2.0

//! An eventpoll of either kind.

use repoll::{
    Events,
    Interest,
    Mode, //
};
use rustix::event::{
    epoll::{
        self,
        EventData,
        EventFlags, //
    },
    Timespec, //
};
use std::{
    io,
    os::fd::{
        AsFd,
        BorrowedFd,
        OwnedFd, //
    },
    time::Duration, //
};

/// A kind of eventpoll.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Kind {
    /// The kernel's own
    Epoll,
    /// This module's
    Repoll,
}

/// An instance.
#[derive(Debug)]
pub(crate) enum Poller {
    Epoll(OwnedFd),
    Repoll(repoll::Poller),
}

impl Poller {
    /// Makes an instance.
    pub(crate) fn new(kind: Kind) -> io::Result<Self> {
        Ok(match kind {
            Kind::Epoll => Self::Epoll(epoll::create(epoll::CreateFlags::CLOEXEC)?),
            Kind::Repoll => Self::Repoll(repoll::Poller::new()?),
        })
    }

    /// Watches `fd`.
    pub(crate) fn add(&self, fd: BorrowedFd<'_>, flags: EventFlags, data: u64) -> io::Result<()> {
        match self {
            Self::Epoll(this) => Ok(epoll::add(this, fd, EventData::new_u64(data), flags)?),
            Self::Repoll(this) => this.add(fd, raw(flags), Mode::LEVEL, data),
        }
    }

    /// Changes how `fd` is watched.
    pub(crate) fn modify(
        &self,
        fd: BorrowedFd<'_>,
        flags: EventFlags,
        data: u64,
    ) -> io::Result<()> {
        match self {
            Self::Epoll(this) => {
                let data = EventData::new_u64(data);
                Ok(epoll::modify(this, fd, data, flags)?)
            }
            Self::Repoll(this) => this.modify(fd, raw(flags), Mode::LEVEL, data),
        }
    }

    /// Stops watching `fd`.
    pub(crate) fn delete(&self, fd: BorrowedFd<'_>) -> io::Result<()> {
        match self {
            Self::Epoll(this) => Ok(epoll::delete(this, fd)?),
            Self::Repoll(this) => this.delete(fd),
        }
    }

    /// Waits for as many events as `events` has room for. `None` is for ever. Allocates nothing.
    pub(crate) fn wait(&self, events: &mut Events, timeout: Option<Duration>) -> io::Result<()> {
        match self {
            Self::Epoll(this) => {
                let timeout = timeout.map(|timeout| Timespec {
                    tv_sec: timeout.as_secs() as i64,
                    tv_nsec: timeout.subsec_nanos().into(),
                });
                events.clear();
                epoll::wait(
                    this,
                    rustix::buffer::spare_capacity(events.as_mut_vec()),
                    timeout.as_ref(),
                )?;
                Ok(())
            }
            Self::Repoll(this) => this.wait(events, timeout).map(drop),
        }
    }
}

/// Modes are told as epoll's flags, which both kinds have in common.
fn raw(flags: EventFlags) -> Interest {
    Interest::from_bits_retain(flags.bits())
}

impl AsFd for Poller {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Epoll(this) => this.as_fd(),
            Self::Repoll(this) => this.as_fd(),
        }
    }
}
