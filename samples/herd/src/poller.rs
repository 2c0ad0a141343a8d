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
    AddMode,
    CreateFlags,
    Events,
    Exclusive,
    Interest,
    Mode, //
};
use rustix::{
    buffer::spare_capacity,
    event::epoll::{
        self,
        EventData,
        EventFlags, //
    },
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
    Repoll(repoll::Poller),
}

impl Poller {
    /// Makes an instance for workers that go that way.
    pub fn open(engine: Engine, way: Way) -> Result<Self> {
        match engine {
            Engine::Epoll => epoll::create(epoll::CreateFlags::CLOEXEC)
                .map(Self::Epoll)
                .context("cannot make an epoll instance"),
            Engine::Repoll => {
                let mut flags = CreateFlags::empty();
                flags.set(CreateFlags::FIFO, way == Way::SharedFifo);
                Ok(Self::Repoll(repoll::Poller::with_flags(flags)?))
            }
        }
    }

    /// Watches a listening socket, as workers that go that way do.
    pub fn add_listener(&self, way: Way, fd: BorrowedFd<'_>, data: u64) -> io::Result<()> {
        let mode = match way {
            Way::RoundRobin => Exclusive::LEVEL.round_robin().into(),
            Way::Exclusive => Exclusive::LEVEL.into(),
            _ => Mode::LEVEL.into(),
        };
        self.add_in(fd, mode, data)
    }

    /// Watches `fd` for something to read, level-triggered.
    pub fn add(&self, fd: BorrowedFd<'_>, data: u64) -> io::Result<()> {
        self.add_in(fd, Mode::LEVEL.into(), data)
    }

    /// Watches `fd` for something to read. epoll knows all modes but turns, and its ways do
    /// without these.
    fn add_in(&self, fd: BorrowedFd<'_>, mode: AddMode, data: u64) -> io::Result<()> {
        match self {
            Self::Repoll(repoll) => repoll.add(fd, Interest::READABLE, mode, data),
            Self::Epoll(epoll) => {
                let flags = EventFlags::IN | EventFlags::from_bits_retain(mode.events());
                Ok(epoll::add(epoll, fd, EventData::new_u64(data), flags)?)
            }
        }
    }

    /// Waits until something is ready, which it puts into `events`.
    pub fn wait(&self, events: &mut Events) -> io::Result<()> {
        match self {
            Self::Repoll(repoll) => repoll.wait(events, None).map(drop),
            Self::Epoll(epoll) => {
                events.clear();
                epoll::wait(epoll, spare_capacity(events.as_mut_vec()), None)?;
                Ok(())
            }
        }
    }
}
