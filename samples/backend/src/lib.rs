// SPDX-License-Identifier: GPL-2.0

//! One interface to instances of repoll and of the kernel's epoll.
//!
//! A server collects changes and passes them with its next wait, by
//! [`Backend::change_and_wait`]. On repoll, this is one system call; on epoll, it is one
//! for each change and one for the wait. [`Calls`] shows the difference.

use clap::ValueEnum;
use repoll::{AddMode, Change, Events, Interest, Mode, Operation, Poller};
use rustix::{
    buffer::spare_capacity,
    event::{
        epoll::{self, EventData, EventFlags},
        Timespec,
    },
    io::Errno,
};
use serde::{Deserialize, Serialize};
use std::{
    fmt, io,
    ops::AddAssign,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    time::Duration,
};

/// The kind of an instance.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// The kernel's own epoll
    Epoll,
    /// The repoll module
    Repoll,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Epoll => "epoll",
            Self::Repoll => "repoll",
        })
    }
}

/// An instance.
#[derive(Debug)]
pub enum Backend {
    /// An instance of the kernel's epoll.
    Epoll(OwnedFd),
    /// An instance of repoll.
    Repoll(Poller),
}

/// The number of system calls, and their purposes.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Calls {
    /// All system calls.
    pub calls: u64,
    /// Waits.
    pub waits: u64,
    /// Requested changes.
    pub changes: u64,
    /// Fetched events.
    pub events: u64,
}

impl AddAssign for Calls {
    fn add_assign(&mut self, other: Self) {
        self.calls += other.calls;
        self.waits += other.waits;
        self.changes += other.changes;
        self.events += other.events;
    }
}

/// A change that failed.
#[derive(Debug)]
pub struct Failure {
    /// The change's data; 0 for a deletion.
    pub data: u64,
    /// The error.
    pub error: io::Error,
}

impl Backend {
    /// Creates an instance that watches nothing yet.
    ///
    /// # Errors
    ///
    /// Why this is not possible, as a message for the user.
    pub fn open(kind: Kind) -> io::Result<Self> {
        match kind {
            Kind::Epoll => Ok(Self::Epoll(epoll::create(epoll::CreateFlags::CLOEXEC)?)),
            Kind::Repoll => Poller::try_new()
                .map(Self::Repoll)
                .map_err(io::Error::other),
        }
    }

    /// The kind of the instance.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Epoll(_) => Kind::Epoll,
            Self::Repoll(_) => Kind::Repoll,
        }
    }

    /// Watches `fd` for `interest`; its events carry `data`.
    ///
    /// # Errors
    ///
    /// Those of [`Poller::add`]; on epoll, `EINVAL` for a mode that only repoll has.
    pub fn add(
        &self,
        fd: impl AsFd,
        interest: Interest,
        mode: impl Into<AddMode>,
        data: u64,
    ) -> io::Result<()> {
        let mode = mode.into();
        match self {
            Self::Epoll(_) if mode.flags() != 0 => Err(Errno::INVAL.into()),
            Self::Epoll(epoll) => {
                let flags = EventFlags::from_bits_retain(interest.bits() | mode.events());
                Ok(epoll::add(epoll, fd, EventData::new_u64(data), flags)?)
            }
            Self::Repoll(poller) => poller.add(fd, interest, mode, data),
        }
    }

    /// Changes what `fd` is watched for, how, and the data of its events.
    ///
    /// # Errors
    ///
    /// Those of [`Poller::modify`].
    pub fn modify(
        &self,
        fd: impl AsFd,
        interest: Interest,
        mode: Mode,
        data: u64,
    ) -> io::Result<()> {
        match self {
            Self::Epoll(epoll) => {
                let flags = EventFlags::from_bits_retain(interest.bits() | mode.bits());
                Ok(epoll::modify(epoll, fd, EventData::new_u64(data), flags)?)
            }
            Self::Repoll(poller) => poller.modify(fd, interest, mode, data),
        }
    }

    /// Stops watching `fd`.
    ///
    /// # Errors
    ///
    /// Those of [`Poller::delete`].
    pub fn delete(&self, fd: impl AsFd) -> io::Result<()> {
        match self {
            Self::Epoll(epoll) => Ok(epoll::delete(epoll, fd)?),
            Self::Repoll(poller) => poller.delete(fd),
        }
    }

    /// Waits until a file is ready or `timeout` has passed. The events are in `events`
    /// afterwards. Allocates nothing.
    ///
    /// # Errors
    ///
    /// Those of [`Poller::wait`].
    pub fn wait(&self, events: &mut Events, timeout: Option<Duration>) -> io::Result<()> {
        match self {
            Self::Epoll(epoll) => epoll_wait(epoll, events, timeout),
            Self::Repoll(poller) => poller.wait(events, timeout).map(drop),
        }
    }

    /// Makes `changes`, then waits until a file is ready or `timeout` has passed. The
    /// events are in `events` afterwards: none if a signal came first.
    ///
    /// The wait does not sleep if a change failed. Failed changes are added to
    /// `failures`.
    ///
    /// # Errors
    ///
    /// Those of the wait, which only a mistake of the caller causes.
    pub fn change_and_wait(
        &self,
        changes: &mut [Change<'_>],
        events: &mut Events,
        timeout: Option<Duration>,
        failures: &mut Vec<Failure>,
    ) -> io::Result<Calls> {
        let mut calls = Calls {
            waits: 1,
            changes: changes.len() as u64,
            ..Calls::default()
        };
        let waited = match self {
            Self::Epoll(epoll) => {
                epoll_round(epoll, changes, events, timeout, failures, &mut calls)
            }
            Self::Repoll(poller) => {
                repoll_round(poller, changes, events, timeout, failures, &mut calls)
            }
        };
        match waited {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
            _ => calls.events = events.len() as u64,
        }
        Ok(calls)
    }
}

impl AsFd for Backend {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Epoll(epoll) => epoll.as_fd(),
            Self::Repoll(poller) => poller.as_fd(),
        }
    }
}

fn epoll_wait(epoll: &OwnedFd, events: &mut Events, timeout: Option<Duration>) -> io::Result<()> {
    // A timeout that does not fit is longer than any machine runs.
    let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
    events.clear();
    epoll::wait(epoll, spare_capacity(events.as_mut_vec()), timeout.as_ref())?;
    Ok(())
}

fn epoll_round(
    epoll: &OwnedFd,
    changes: &[Change<'_>],
    events: &mut Events,
    timeout: Option<Duration>,
    failures: &mut Vec<Failure>,
    calls: &mut Calls,
) -> io::Result<()> {
    let before = failures.len();
    for change in changes {
        let flags = EventFlags::from_bits_retain(change.events());
        let data = EventData::new_u64(change.data());
        let result = match change.operation() {
            Operation::Add => epoll::add(epoll, change.fd(), data, flags),
            Operation::Modify => epoll::modify(epoll, change.fd(), data, flags),
            Operation::Delete => epoll::delete(epoll, change.fd()),
        };
        note(failures, change, result.map_err(io::Error::from));
    }
    calls.calls += changes.len() as u64 + 1;

    let timeout = match failures.len() == before {
        true => timeout,
        false => Some(Duration::ZERO),
    };
    epoll_wait(epoll, events, timeout)
}

fn repoll_round(
    poller: &Poller,
    changes: &mut [Change<'_>],
    events: &mut Events,
    timeout: Option<Duration>,
    failures: &mut Vec<Failure>,
    calls: &mut Calls,
) -> io::Result<()> {
    calls.calls += 1;
    if changes.is_empty() {
        return poller.wait(events, timeout).map(drop);
    }
    let mut batch = poller.batch_wait(changes, events, timeout)?;
    let mut tried = batch.done;
    // A signal stops a batch, and then there was no wait.
    while tried < changes.len() {
        batch = poller.batch(&mut changes[tried..])?;
        calls.calls += 1;
        if batch.done == 0 {
            return Err(Errno::CANCELED.into());
        }
        tried += batch.done;
    }
    for change in &*changes {
        note(failures, change, change.result());
    }
    Ok(())
}

fn note(failures: &mut Vec<Failure>, change: &Change<'_>, result: io::Result<()>) {
    failures.extend(result.err().map(|error| Failure {
        data: change.data(),
        error,
    }));
}

#[cfg(test)]
mod tests {
    use super::*;
    use repoll::Exclusive;
    use rustix::event::{eventfd, EventfdFlags};

    const NOW: Option<Duration> = Some(Duration::ZERO);

    #[test]
    fn changes_are_made_before_the_wait() {
        let backend = Backend::open(Kind::Epoll).unwrap();
        let (ready, busy) = (event(1), event(0));
        let mut changes = [
            Change::add(ready.as_fd(), Interest::READABLE, Mode::LEVEL, 7),
            Change::add(busy.as_fd(), Interest::READABLE, Mode::LEVEL, 8),
        ];
        let (mut events, mut failures) = (Events::with_capacity(4), Vec::new());
        let calls = backend
            .change_and_wait(&mut changes, &mut events, None, &mut failures)
            .unwrap();
        assert_eq!(events.iter().map(|e| e.data()).collect::<Vec<_>>(), [7]);
        assert!(failures.is_empty());
        assert_eq!((calls.calls, calls.waits, calls.changes), (3, 1, 2));
        assert_eq!(calls.events, 1);
    }

    #[test]
    fn a_change_that_fails_is_told_and_ends_the_wait() {
        let backend = Backend::open(Kind::Epoll).unwrap();
        let (twice, other) = (event(0), event(0));
        backend
            .add(&twice, Interest::READABLE, Mode::LEVEL, 1)
            .unwrap();
        let mut changes = [
            Change::add(twice.as_fd(), Interest::READABLE, Mode::LEVEL, 2),
            Change::add(other.as_fd(), Interest::WRITABLE, Mode::ONE_SHOT, 3),
        ];
        let (mut events, mut failures) = (Events::with_capacity(4), Vec::new());
        backend
            .change_and_wait(&mut changes, &mut events, None, &mut failures)
            .unwrap();
        assert_eq!(failures.len(), 1);
        assert_eq!(failures[0].data, 2);
        assert_eq!(failures[0].error.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(events.iter().map(|e| e.data()).collect::<Vec<_>>(), [3]);

        // A one-shot item has reported its event.
        let calls = backend.change_and_wait(&mut [], &mut events, NOW, &mut failures);
        assert_eq!(calls.unwrap().events, 0);
    }

    #[test]
    fn what_epoll_does_not_know_is_refused() {
        let backend = Backend::open(Kind::Epoll).unwrap();
        let turns = Exclusive::LEVEL.round_robin();
        let error = backend.add(event(0), Interest::READABLE, turns, 1);
        assert_eq!(error.unwrap_err().kind(), io::ErrorKind::InvalidInput);
        let one = event(0);
        backend
            .add(&one, Interest::READABLE, Exclusive::EDGE, 1)
            .unwrap();
        backend.delete(&one).unwrap();
    }

    #[test]
    fn an_item_can_be_modified_and_deleted() {
        let backend = Backend::open(Kind::Epoll).unwrap();
        let (one, mut events) = (event(1), Events::with_capacity(4));
        let ready = |events: &mut Events| {
            backend.wait(events, NOW).unwrap();
            events.iter().map(|e| e.data()).collect::<Vec<_>>()
        };
        backend
            .add(&one, Interest::empty(), Mode::LEVEL, 1)
            .unwrap();
        assert_eq!(ready(&mut events), []);
        backend
            .modify(&one, Interest::READABLE, Mode::LEVEL, 2)
            .unwrap();
        assert_eq!(ready(&mut events), [2]);
        backend.delete(&one).unwrap();
        assert_eq!(ready(&mut events), []);
    }

    #[test]
    fn kinds_are_shown_as_they_are_named() {
        assert_eq!(format!("{:>8}", Kind::Epoll), "   epoll");
        assert_eq!(Kind::from_str("repoll", false), Ok(Kind::Repoll));
    }

    fn event(value: u32) -> OwnedFd {
        eventfd(value, EventfdFlags::CLOEXEC).unwrap()
    }
}
