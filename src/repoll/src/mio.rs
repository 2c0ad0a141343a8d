// SPDX-License-Identifier: MIT OR Apache-2.0

//! For programs whose loop is mio's, or tokio's, which is built on it.
//!
//! mio's loop has an epoll in it and takes no other, but it takes whatever has a
//! descriptor. A [`Poller`] has one: as a source in that loop it brings along
//! what mio cannot say, such as turns, one-shots and batches, for some of the
//! program's files, while the loop keeps all others. In the other direction
//! nothing is needed, since mio's sockets go into a [`Poller`] as they are, with
//! mio's words for what to watch for and whose it is.

use crate::{Event, Interest, Poller};
use mio::{event::Source, unix::SourceFd, Registry, Token};
use std::{io, os::fd::AsRawFd};

/// In mio's loop, which watches for edges: readable when events came, and to be
/// waited on, with no timeout, until there are none.
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

/// What mio's epoll watches for by it: the end of what the peer sends is part of
/// what can be read.
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
    /// The data as mio's token, of a file that was added with `token.0 as u64`.
    #[inline]
    pub fn token(&self) -> Token {
        // A token has as many bits as an address, and so had the data.
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
