// SPDX-License-Identifier: MIT OR Apache-2.0

//! Support for programs that use mio's loop, or tokio's, which is built on it.
//!
//! mio's loop contains an epoll, which cannot be replaced, but it accepts
//! anything that has a descriptor. A [`Poller`] has one. As a source in that
//! loop, it watches some of the program's files with features that mio lacks,
//! such as turns, one-shot items and batches, while the loop watches all
//! others. The other direction needs no support: mio's sockets can be added to
//! a [`Poller`] directly, with mio's interests and tokens.

use crate::{Event, Interest, Poller};
use mio::{event::Source, unix::SourceFd, Registry, Token};
use std::{io, os::fd::AsRawFd};

/// mio's loop is edge-triggered: when the poller becomes readable, call
/// [`Poller::wait`] with a zero timeout until it returns no events.
impl Source for Poller {
    fn register(
        &mut self,
        registry: &Registry,
        token: Token,
        interests: mio::Interest,
    ) -> io::Result<()> {
        SourceFd(&self.as_raw_fd()).register(registry, token, interests)
    }

    fn reregister(
        &mut self,
        registry: &Registry,
        token: Token,
        interests: mio::Interest,
    ) -> io::Result<()> {
        SourceFd(&self.as_raw_fd()).reregister(registry, token, interests)
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        SourceFd(&self.as_raw_fd()).deregister(registry)
    }
}

/// The bits that mio's epoll would watch for. Readable includes the end of what
/// the peer sends.
impl From<mio::Interest> for Interest {
    fn from(from: mio::Interest) -> Self {
        let mut interest = Self::empty();
        if from.is_readable() {
            interest |= Self::READABLE | Self::READ_CLOSED;
        }
        if from.is_writable() {
            interest |= Self::WRITABLE;
        }
        if from.is_priority() {
            interest |= Self::PRIORITY;
        }
        interest
    }
}

impl Event {
    /// The data as mio's token, for a file that was added with `token.0 as
    /// u64`.
    #[inline]
    pub fn token(&self) -> Token {
        // A token has as many bits as an address, and so does data that was
        // made from one.
        Token(self.data() as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interests_are_those_of_mio() {
        use mio::Interest as Theirs;

        let ends = Interest::READABLE | Interest::READ_CLOSED;
        assert_eq!(Interest::from(Theirs::READABLE), ends);
        assert_eq!(Interest::from(Theirs::WRITABLE), Interest::WRITABLE);
        assert_eq!(Interest::from(Theirs::PRIORITY), Interest::PRIORITY);
        assert_eq!(
            Interest::from(Theirs::READABLE | Theirs::WRITABLE),
            ends | Interest::WRITABLE
        );
    }

    #[test]
    fn tokens_come_back() {
        use rustix::event::epoll::{self, EventData, EventFlags};

        let token = Token(usize::MAX);
        let event = Event::from(epoll::Event {
            flags: EventFlags::IN,
            data: EventData::new_u64(token.0 as u64),
        });
        assert_eq!(event.token(), token);
    }
}
