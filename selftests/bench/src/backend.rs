// SPDX-License-Identifier: GPL-2.0

//! The pollers that are measured: epoll, repoll, and none at all.
//!
//! The compiler inlines their system calls, without a function of libc, so that user
//! space spends about the same on a call of either. `samples/backend` cannot be used
//! here: it determines the kind at each call, and that would count as a cost of the
//! poller. With a type for each of the three, the compiler determines it, and the last
//! one costs nothing.

use anyhow::{Context, Result};
use repoll::{Batch, Change, Events, Interest, Mode, Operation};
use rustix::{
    buffer::spare_capacity,
    event::{
        epoll::{self, EventData, EventFlags},
        Timespec,
    },
    io::Errno,
};
use std::{
    io,
    os::fd::{BorrowedFd, OwnedFd},
    time::Duration,
};

/// How long a wait waits if nothing is ready.
#[derive(Clone, Copy)]
pub enum Patience {
    /// Not at all.
    None,
    /// Without a limit.
    Endless,
}

/// An instance.
pub trait Poller: Sized + Sync {
    /// The number of the count for its instructions; see [`crate::marks`].
    const MARK: usize;

    /// Creates an instance.
    fn open() -> Result<Self>;

    /// Watches `fd` for something to read.
    fn add(&self, fd: BorrowedFd<'_>, mode: Mode, data: u64) -> io::Result<()>;

    /// Changes how `fd` is watched, or re-arms it.
    fn modify(&self, fd: BorrowedFd<'_>, mode: Mode, data: u64) -> io::Result<()>;

    /// Stops watching `fd`.
    fn delete(&self, fd: BorrowedFd<'_>) -> io::Result<()>;

    /// Waits for as many events as `events` has capacity for.
    fn wait(&self, events: &mut Events, patience: Patience) -> io::Result<()>;

    /// Makes all changes, with as few calls as possible.
    fn apply(&self, changes: &mut [Change<'_>]) -> io::Result<()>;

    /// Makes all changes and waits, with as few calls as possible.
    fn apply_and_wait(
        &self,
        changes: &mut [Change<'_>],
        events: &mut Events,
        patience: Patience,
    ) -> io::Result<()>;
}

/// The kernel's epoll.
pub struct Epoll(OwnedFd);

impl Poller for Epoll {
    const MARK: usize = 1;

    fn open() -> Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).context("cannot create an epoll")?;
        Ok(Self(epoll))
    }

    #[inline(always)]
    fn add(&self, fd: BorrowedFd<'_>, mode: Mode, data: u64) -> io::Result<()> {
        let data = EventData::new_u64(data);
        Ok(epoll::add(&self.0, fd, data, flags(mode))?)
    }

    #[inline(always)]
    fn modify(&self, fd: BorrowedFd<'_>, mode: Mode, data: u64) -> io::Result<()> {
        let data = EventData::new_u64(data);
        Ok(epoll::modify(&self.0, fd, data, flags(mode))?)
    }

    #[inline(always)]
    fn delete(&self, fd: BorrowedFd<'_>) -> io::Result<()> {
        Ok(epoll::delete(&self.0, fd)?)
    }

    #[inline(always)]
    fn wait(&self, events: &mut Events, patience: Patience) -> io::Result<()> {
        let now = Timespec::default();
        let timeout = match patience {
            Patience::None => Some(&now),
            Patience::Endless => None,
        };
        events.clear();
        epoll::wait(&self.0, spare_capacity(events.as_mut_vec()), timeout)?;
        Ok(())
    }

    #[inline(always)]
    fn apply(&self, changes: &mut [Change<'_>]) -> io::Result<()> {
        for change in changes {
            let fd = change.fd();
            let flags = EventFlags::from_bits_retain(change.events());
            let data = EventData::new_u64(change.data());
            match change.operation() {
                Operation::Add => epoll::add(&self.0, fd, data, flags),
                Operation::Modify => epoll::modify(&self.0, fd, data, flags),
                Operation::Delete => epoll::delete(&self.0, fd),
            }?;
        }
        Ok(())
    }

    #[inline(always)]
    fn apply_and_wait(
        &self,
        changes: &mut [Change<'_>],
        events: &mut Events,
        patience: Patience,
    ) -> io::Result<()> {
        self.apply(changes)?;
        self.wait(events, patience)
    }
}

/// epoll's flags for `mode`, for something to read.
#[inline(always)]
fn flags(mode: Mode) -> EventFlags {
    EventFlags::from_bits_retain(Interest::READABLE.bits() | mode.bits())
}

impl Poller for repoll::Poller {
    const MARK: usize = 2;

    fn open() -> Result<Self> {
        Ok(Self::try_new()?)
    }

    #[inline(always)]
    fn add(&self, fd: BorrowedFd<'_>, mode: Mode, data: u64) -> io::Result<()> {
        self.add(fd, Interest::READABLE, mode, data)
    }

    #[inline(always)]
    fn modify(&self, fd: BorrowedFd<'_>, mode: Mode, data: u64) -> io::Result<()> {
        self.modify(fd, Interest::READABLE, mode, data)
    }

    #[inline(always)]
    fn delete(&self, fd: BorrowedFd<'_>) -> io::Result<()> {
        self.delete(fd)
    }

    #[inline(always)]
    fn wait(&self, events: &mut Events, patience: Patience) -> io::Result<()> {
        self.wait(events, timeout(patience))?;
        Ok(())
    }

    #[inline(always)]
    fn apply(&self, changes: &mut [Change<'_>]) -> io::Result<()> {
        judge(self.batch(changes)?, changes)
    }

    #[inline(always)]
    fn apply_and_wait(
        &self,
        changes: &mut [Change<'_>],
        events: &mut Events,
        patience: Patience,
    ) -> io::Result<()> {
        judge(
            self.batch_wait(changes, events, timeout(patience))?,
            changes,
        )
    }
}

/// The timeout as the crate expects it.
#[inline(always)]
fn timeout(patience: Patience) -> Option<Duration> {
    match patience {
        Patience::None => Some(Duration::ZERO),
        Patience::Endless => None,
    }
}

/// All changes must have been made.
#[inline(always)]
fn judge(batch: Batch, changes: &[Change<'_>]) -> io::Result<()> {
    match batch.into_result(changes)? == changes.len() {
        true => Ok(()),
        false => Err(Errno::CANCELED.into()),
    }
}

/// No poller: the costs of the same work without one.
pub struct Nobody;

impl Poller for Nobody {
    const MARK: usize = 0;

    fn open() -> Result<Self> {
        Ok(Self)
    }

    #[inline(always)]
    fn add(&self, _: BorrowedFd<'_>, _: Mode, _: u64) -> io::Result<()> {
        Ok(())
    }

    #[inline(always)]
    fn modify(&self, _: BorrowedFd<'_>, _: Mode, _: u64) -> io::Result<()> {
        Ok(())
    }

    #[inline(always)]
    fn delete(&self, _: BorrowedFd<'_>) -> io::Result<()> {
        Ok(())
    }

    #[inline(always)]
    fn wait(&self, events: &mut Events, _: Patience) -> io::Result<()> {
        events.clear();
        Ok(())
    }

    #[inline(always)]
    fn apply(&self, _: &mut [Change<'_>]) -> io::Result<()> {
        Ok(())
    }

    #[inline(always)]
    fn apply_and_wait(
        &self,
        _: &mut [Change<'_>],
        events: &mut Events,
        patience: Patience,
    ) -> io::Result<()> {
        self.wait(events, patience)
    }
}
