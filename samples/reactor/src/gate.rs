// SPDX-License-Identifier: GPL-2.0

//! The limit on the number of connections.

use crate::mailbox::{Mailbox, Message};
use std::sync::{
    atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    Arc,
};

/// Counts the connections of all threads.
#[derive(Debug)]
pub struct Gate {
    open: AtomicUsize,
    limit: usize,
    /// A connection was refused, and the mailbox wants to know when there is room.
    closed: AtomicBool,
    mailbox: Arc<Mailbox>,
}

impl Gate {
    /// Allows `limit` connections. If one leaves after another was refused, `mailbox`
    /// receives a message.
    pub fn new(limit: usize, mailbox: Arc<Mailbox>) -> Arc<Self> {
        Arc::new(Self {
            open: AtomicUsize::new(0),
            limit,
            closed: AtomicBool::new(false),
            mailbox,
        })
    }

    /// A permit for one connection, if there is room.
    pub fn enter(self: &Arc<Self>) -> Option<Permit> {
        if !self.take() {
            // A connection that leaves from now on sees the flag; one that left before
            // has made room.
            self.closed.store(true, SeqCst);
            if !self.take() {
                return None;
            }
        }
        Some(Permit(self.clone()))
    }

    fn take(&self) -> bool {
        let more = |open| (open < self.limit).then_some(open + 1);
        self.open.fetch_update(SeqCst, SeqCst, more).is_ok()
    }
}

/// The permit of a connection, which is returned when it is dropped.
#[derive(Debug)]
pub struct Permit(Arc<Gate>);

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, SeqCst);
        if self.0.closed.swap(false, SeqCst) {
            self.0.mailbox.send(Message::Room);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_told_to_who_was_turned_away() {
        let mailbox = Mailbox::new().unwrap();
        let gate = Gate::new(2, mailbox.clone());
        let (first, second) = (gate.enter().unwrap(), gate.enter().unwrap());
        drop(first);
        assert!(mailbox.take().is_empty());
        let _third = gate.enter().unwrap();
        assert!(gate.enter().is_none());
        drop(second);
        assert!(matches!(mailbox.take()[..], [Message::Room]));
        assert!(gate.enter().is_some());
    }
}
