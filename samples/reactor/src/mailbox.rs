// SPDX-License-Identifier: GPL-2.0

//! Messages between threads and a reactor.

use crate::{
    connection::{Connection, Next},
    gate::Permit,
};
use rustix::event::{eventfd, EventfdFlags};
use std::{
    io,
    net::TcpStream,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    sync::{Arc, Mutex, PoisonError},
};

/// A message to a reactor.
#[derive(Debug)]
pub enum Message {
    /// A connection to take over.
    Connection(TcpStream, Permit),
    /// A worker has finished its work on the connection in this slot.
    Done(usize, Box<Connection>, Next),
    /// There is room for connections again.
    Room,
    /// Take no new requests, and end.
    Drain,
    /// End at once.
    Abort,
    /// Another reactor that receives connections from this one has ended.
    Ended,
}

/// Unread messages, and a descriptor that reports them.
///
/// Watch the descriptor edge-triggered, so that nobody needs to read from it. One edge
/// reports all messages that came since the last check.
#[derive(Debug)]
pub struct Mailbox {
    messages: Mutex<Vec<Message>>,
    bell: OwnedFd,
}

impl Mailbox {
    /// Creates a mailbox.
    pub fn new() -> io::Result<Arc<Self>> {
        Ok(Arc::new(Self {
            messages: Mutex::default(),
            bell: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?,
        }))
    }

    /// Adds a message.
    pub fn send(&self, message: Message) {
        let mut messages = self.messages();
        messages.push(message);
        let first = messages.len() == 1;
        drop(messages);
        if first {
            // It cannot fail: the counter would take centuries to overflow.
            let _ = rustix::io::write(&self.bell, &1u64.to_ne_bytes());
        }
    }

    /// Removes all messages and returns them in order.
    pub fn take(&self) -> Vec<Message> {
        std::mem::take(&mut self.messages())
    }

    fn messages(&self) -> std::sync::MutexGuard<'_, Vec<Message>> {
        // The value is valid after each single change.
        self.messages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AsFd for Mailbox {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.bell.as_fd()
    }
}
