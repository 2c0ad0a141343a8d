// SPDX-License-Identifier: GPL-2.0

//! The deadlines of connections.

use std::{collections::BTreeSet, time::Instant};

/// Deadlines, sorted by time.
///
/// A deadline moves each time a byte comes, and nearly always to a later time. So an
/// entry may be earlier than the connection's deadline: when the entry's time has passed,
/// the connection checks its deadline, and is entered again. So entries are updated once
/// per timeout, not with each request.
#[derive(Debug, Default)]
pub struct Deadlines {
    entries: BTreeSet<(Instant, usize)>,
}

/// The entry of a connection.
#[derive(Clone, Copy, Debug, Default)]
pub struct Entry(Option<Instant>);

impl Deadlines {
    /// Sets the deadline of the connection in slot `key`.
    pub fn set(&mut self, key: usize, entry: &mut Entry, deadline: Instant) {
        if entry.0.is_none_or(|entered| deadline < entered) {
            self.clear(key, entry);
            self.entries.insert((deadline, key));
            entry.0 = Some(deadline);
        }
    }

    /// Removes the deadline.
    pub fn clear(&mut self, key: usize, entry: &mut Entry) {
        if let Some(entered) = entry.0.take() {
            self.entries.remove(&(entered, key));
        }
    }

    /// When to check again.
    pub fn first(&self) -> Option<Instant> {
        self.entries.first().map(|(at, _)| *at)
    }

    /// A connection whose deadline may have passed. The caller must clear or set its
    /// entry before calling this again.
    pub fn passed(&self, now: Instant) -> Option<usize> {
        let (at, key) = self.entries.first()?;
        (*at <= now).then_some(*key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn deadlines_pass_in_order() {
        let now = Instant::now();
        let at = |ms| now + Duration::from_millis(ms);
        let mut deadlines = Deadlines::default();
        let mut entries = [Entry::default(); 3];
        for (key, ms) in [(0, 30), (1, 10), (2, 10)] {
            deadlines.set(key, &mut entries[key], at(ms));
        }
        assert_eq!(deadlines.first(), Some(at(10)));
        assert_eq!(deadlines.passed(at(9)), None);
        assert_eq!(deadlines.passed(at(10)), Some(1));
        deadlines.clear(1, &mut entries[1]);
        assert_eq!(deadlines.passed(at(10)), Some(2));
        deadlines.clear(2, &mut entries[2]);
        assert_eq!(deadlines.passed(at(29)), None);

        // A later deadline is not entered, an earlier one is.
        deadlines.set(0, &mut entries[0], at(50));
        assert_eq!(deadlines.first(), Some(at(30)));
        deadlines.set(0, &mut entries[0], at(20));
        assert_eq!(deadlines.first(), Some(at(20)));
        deadlines.clear(0, &mut entries[0]);
        assert_eq!(deadlines.first(), None);
    }
}
