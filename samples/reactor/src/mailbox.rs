// SPDX-License-Identifier: GPL-2.0

//! How threads tell a reactor something.

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

/// What a reactor is told.
#[derive(Debug)]
pub enum Message {
    /// A connection to take over.
    Connection(TcpStream, Permit),
    /// A worker has done what there was to do for the connection in that slot.
    Done(usize, Box<Connection>, Next),
    /// There is room for connections again.
    Room,
    /// Take no new request and end.
    Drain,
    /// End.
    Abort,
    /// A reactor that this one has connections handed to has ended.
    Ended,
}

/// Messages that have not been read, and a descriptor that tells of them.
///
/// It is to be watched for edges: then nobody needs to read from it. One edge tells
/// of all messages that came since the last look.
#[derive(Debug)]
pub struct Mailbox {
    messages: Mutex<Vec<Message>>,
    bell: OwnedFd,
}

impl Mailbox {
    /// Makes one.
    pub fn new() -> io::Result<Arc<Self>> {
        Ok(Arc::new(Self {
            messages: Mutex::default(),
            bell: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?,
        }))
    }

    /// Leaves a message.
    pub fn send(&self, message: Message) {
        let mut messages = self.messages();
        messages.push(message);
        let first = messages.len() == 1;
        drop(messages);
        if first {
            // It cannot fail: it would take centuries to count that far.
            let _ = rustix::io::write(&self.bell, &1u64.to_ne_bytes());
        }
    }

    /// All messages, in the order in which they came.
    pub fn take(&self) -> Vec<Message> {
        std::mem::take(&mut self.messages())
    }

    fn messages(&self) -> std::sync::MutexGuard<'_, Vec<Message>> {
        // Each change to it is complete by itself.
        self.messages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AsFd for Mailbox {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.bell.as_fd()
    }
}
