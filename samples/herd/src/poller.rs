// SPDX-License-Identifier: GPL-2.0

//! An instance of either engine.

use crate::way::{
    Engine,
    Way, //
};
use anyhow::{
    Context,
    Result, //
};
use repoll::{
    CreateFlags,
    Event,
    EventData,
    EventFlags,
    Repoll, //
};
use rustix::{
    buffer::spare_capacity,
    event::epoll, //
};
use std::{
    io,
    os::fd::{
        BorrowedFd,
        OwnedFd, //
    },
};

/// An instance.
pub enum Poller {
    /// Of the kernel's epoll.
    Epoll(OwnedFd),
    /// Of repoll.
    Repoll(Repoll),
}

impl Poller {
    /// Makes an instance for workers that go that way.
    pub fn open(engine: Engine, way: Way) -> Result<Self> {
        match engine {
            Engine::Epoll => epoll::create(epoll::CreateFlags::CLOEXEC)
                .map(Self::Epoll)
                .context("cannot make an epoll instance"),
            Engine::Repoll => {
                let mut flags = CreateFlags::CLOEXEC;
                flags.set(CreateFlags::FIFO, way == Way::SharedFifo);
                Repoll::new(flags)
                    .map(Self::Repoll)
                    .context("cannot make a repoll instance (is the module loaded?)")
            }
        }
    }

    /// Watches a listening socket, as workers that go that way do.
    pub fn add_listener(&self, way: Way, fd: BorrowedFd<'_>, data: u64) -> io::Result<()> {
        let exclusive = EventFlags::IN | EventFlags::EXCLUSIVE;
        match (way, self) {
            (Way::RoundRobin, Self::Repoll(repoll)) => repoll.add_round_robin(fd, exclusive, data),
            (Way::RoundRobin | Way::Exclusive, _) => self.add(fd, exclusive, data),
            _ => self.add(fd, EventFlags::IN, data),
        }
    }

    /// Watches `fd`, level-triggered.
    pub fn add(&self, fd: BorrowedFd<'_>, interest: EventFlags, data: u64) -> io::Result<()> {
        match self {
            Self::Repoll(repoll) => repoll.add(fd, interest, data),
            Self::Epoll(epoll) => Ok(epoll::add(epoll, fd, EventData::new_u64(data), interest)?),
        }
    }

    /// Waits until something is ready, which it puts into `events`.
    pub fn wait(&self, events: &mut Vec<Event>) -> io::Result<()> {
        match self {
            Self::Repoll(repoll) => repoll.wait(events, None),
            Self::Epoll(epoll) => {
                events.clear();
                epoll::wait(epoll, spare_capacity(events), None)?;
                Ok(())
            }
        }
    }
}
