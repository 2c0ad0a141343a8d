// SPDX-License-Identifier: MIT OR Apache-2.0

//! Uses repoll if it is available, and epoll otherwise.

use repoll::{Events, Interest, Mode, Poller};
use rustix::{
    buffer::spare_capacity,
    event::epoll::{self, EventData, EventFlags},
};
use std::{
    io::{self, Write},
    os::{
        fd::{AsFd, OwnedFd},
        unix::net::UnixStream,
    },
};

enum Loop {
    Repoll(Poller),
    Epoll(OwnedFd),
}

impl Loop {
    fn new() -> io::Result<Self> {
        match Poller::try_new() {
            Ok(poller) => Ok(Self::Repoll(poller)),
            Err(why) => {
                eprintln!("{why}; using epoll instead");
                Ok(Self::Epoll(epoll::create(epoll::CreateFlags::CLOEXEC)?))
            }
        }
    }

    fn add(&self, fd: impl AsFd, interest: Interest, mode: Mode, data: u64) -> io::Result<()> {
        match self {
            Self::Repoll(poller) => poller.add(fd, interest, mode, data),
            Self::Epoll(epoll) => {
                let flags = EventFlags::from_bits_retain(interest.bits() | mode.bits());
                Ok(epoll::add(epoll, fd, EventData::new_u64(data), flags)?)
            }
        }
    }

    /// Both kinds fill the same buffer.
    fn wait(&self, events: &mut Events) -> io::Result<()> {
        match self {
            Self::Repoll(poller) => poller.wait(events, None).map(drop),
            Self::Epoll(epoll) => {
                events.clear();
                epoll::wait(epoll, spare_capacity(events.as_mut_vec()), None)?;
                Ok(())
            }
        }
    }
}

fn main() -> io::Result<()> {
    let (here, mut there) = UnixStream::pair()?;
    let this = Loop::new()?;
    this.add(&here, Interest::READABLE, Mode::EDGE, 7)?;
    there.write_all(b"x")?;

    let mut events = Events::with_capacity(8);
    this.wait(&mut events)?;
    for event in &events {
        assert!(event.is_readable());
        assert_eq!(event.data(), 7);
    }
    Ok(())
}
