// SPDX-License-Identifier: GPL-2.0

//! How many connections there may be at the same time.

use crate::mailbox::{Mailbox, Message};
use std::sync::{
    atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    Arc,
};

/// Where connections are counted, by all threads together.
#[derive(Debug)]
pub struct Gate {
    open: AtomicUsize,
    limit: usize,
    /// Somebody was turned away, and wants to know of room.
    closed: AtomicBool,
    mailbox: Arc<Mailbox>,
}

impl Gate {
    /// Lets so many in. When one leaves after somebody was turned away, `mailbox` is
    /// told.
    pub fn new(limit: usize, mailbox: Arc<Mailbox>) -> Arc<Self> {
        Arc::new(Self {
            open: AtomicUsize::new(0),
            limit,
            closed: AtomicBool::new(false),
            mailbox,
        })
    }

    /// A place for one connection, if there is one.
    pub fn enter(self: &Arc<Self>) -> Option<Permit> {
        if !self.take() {
            // Who leaves from here on sees it; who left before has left room.
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

/// A connection's place, which it leaves when it goes.
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
