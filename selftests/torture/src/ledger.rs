// SPDX-License-Identifier: GPL-2.0

//! Records the messages that were sent through a channel and have not been received.

use crate::channel::Found;
use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard},
    time::{Duration, Instant},
};

/// The account of a channel.
#[derive(Default)]
pub(crate) struct Account(Mutex<Dues>);

/// Outstanding messages.
#[derive(Default)]
struct Dues {
    /// When the messages on their way were sent, the oldest first.
    messages: VecDeque<Instant>,
    /// When the channel was hung up, unless its reader has noticed.
    end: Option<Instant>,
    sent: u64,
}

/// What was received.
#[derive(Default)]
pub(crate) struct Settled {
    pub(crate) messages: u64,
    pub(crate) ends: u64,
    /// How long the oldest message was on its way.
    pub(crate) longest: Duration,
}

/// More messages were received than sent.
#[derive(Debug)]
pub(crate) struct Excess;

impl Account {
    fn dues(&self) -> MutexGuard<'_, Dues> {
        // No thread panics while it holds the lock and then continues.
        self.0
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Records a message that is about to be sent, unless as many are on their way as fit.
    pub(crate) fn send(&self, room: usize) -> bool {
        let mut dues = self.dues();
        let room = dues.messages.len() < room;
        if room {
            dues.messages.push_back(Instant::now());
            dues.sent += 1;
        }
        room
    }

    /// Records the end, which is about to come.
    pub(crate) fn hang_up(&self) {
        self.dues().end = Some(Instant::now());
    }

    /// Removes what was received.
    pub(crate) fn receive(&self, found: Found) -> Result<Settled, Excess> {
        let mut settled = Settled::default();
        let mut dues = self.dues();
        let now = Instant::now();
        for _ in 0..found.messages {
            let sent = dues.messages.pop_front().ok_or(Excess)?;
            settled.messages += 1;
            settled.longest = settled.longest.max(now.duration_since(sent));
        }
        // The end is read again and again until the channel is closed.
        if let Some(sent) = dues.end.take_if(|_| found.end) {
            settled.ends = 1;
            settled.longest = settled.longest.max(now.duration_since(sent));
        }
        Ok(settled)
    }

    /// Whether there has been a message.
    pub(crate) fn has_sent(&self) -> bool {
        self.dues().sent > 0
    }

    /// Whether nothing is on its way.
    pub(crate) fn is_settled(&self) -> bool {
        let dues = self.dues();
        dues.messages.is_empty() && dues.end.is_none()
    }

    /// A description for the report of a failure.
    pub(crate) fn describe(&self) -> String {
        let dues = self.dues();
        let due = dues
            .messages
            .iter()
            .map(|sent| sent.elapsed().as_millis().to_string());
        let due: Vec<_> = due.collect();
        let end = dues
            .end
            .map(|sent| format!(", its end for {} ms", sent.elapsed().as_millis()));
        format!(
            "{} sent, {} outstanding, for {} ms{}",
            dues.sent,
            due.len(),
            if due.is_empty() {
                "0".to_owned()
            } else {
                due.join(", ")
            },
            end.unwrap_or_default()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(messages: u64, end: bool) -> Found {
        Found { messages, end }
    }

    #[test]
    fn what_is_sent_is_due_until_it_is_received() {
        let account = Account::default();
        assert!(account.is_settled());
        assert!(account.send(8));
        assert!(account.send(8));
        account.receive(found(1, false)).unwrap();
        assert!(!account.is_settled());
        account.receive(found(1, false)).unwrap();
        assert!(account.is_settled());
    }

    #[test]
    fn what_was_not_sent_cannot_be_received() {
        let account = Account::default();
        assert!(account.send(8));
        assert!(account.receive(found(2, false)).is_err());
    }

    #[test]
    fn an_end_counts_once() {
        let account = Account::default();
        account.hang_up();
        assert!(!account.is_settled());
        assert_eq!(account.receive(found(0, true)).unwrap().ends, 1);
        assert_eq!(account.receive(found(0, true)).unwrap().ends, 0);
        assert!(account.is_settled());
    }

    #[test]
    fn there_is_room_for_some() {
        let account = Account::default();
        assert!((0..3).all(|_| account.send(3)));
        assert!(!account.send(3));
    }
}
