// SPDX-License-Identifier: GPL-2.0

//! What an instance should watch a file for, and what it watches it for.

use repoll::{Change, Interest, Mode};
use std::{cell::Cell, os::fd::BorrowedFd};

/// A watched file. The desired interest may change many times; the instance is updated
/// once, with the next wait, and only if necessary.
#[derive(Debug)]
pub struct Watch {
    wanted: Interest,
    /// What the instance watches for; none before the file is added.
    armed: Cell<Option<Interest>>,
    mode: Mode,
}

impl Watch {
    /// A file that has not been added yet.
    pub fn new(interest: Interest, mode: Mode) -> Self {
        Self {
            wanted: interest,
            armed: Cell::new(None),
            mode,
        }
    }

    /// Sets the desired interest.
    pub fn want(&mut self, interest: Interest) {
        self.wanted = interest;
    }

    /// An event has come. A one-shot item has no more events until it is re-armed.
    pub fn fired(&mut self) {
        if self.mode == Mode::ONE_SHOT {
            self.armed.set(Some(Interest::empty()));
        }
    }

    /// Whether the instance needs a change.
    pub fn is_due(&self) -> bool {
        self.armed.get() != Some(self.wanted)
    }

    /// The change that the instance needs, if any. It then counts as made.
    pub fn change<'fd>(&self, fd: BorrowedFd<'fd>, data: u64) -> Option<Change<'fd>> {
        let wanted = self.wanted;
        match self.armed.replace(Some(wanted)) {
            None => Some(Change::add(fd, wanted, self.mode, data)),
            Some(armed) if armed != wanted => Some(Change::modify(fd, wanted, self.mode, data)),
            Some(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use repoll::Operation;
    use std::{fs::File, os::fd::AsFd};

    #[test]
    fn only_what_matters_is_changed() {
        let file = File::open("/dev/null").unwrap();
        let next = |watch: &Watch| watch.change(file.as_fd(), 1).map(|c| c.operation());
        for (mode, again) in [
            (Mode::LEVEL, None),
            (Mode::ONE_SHOT, Some(Operation::Modify)),
        ] {
            let mut watch = Watch::new(Interest::READABLE, mode);
            assert_eq!(next(&watch), Some(Operation::Add));
            assert_eq!(next(&watch), None);
            watch.want(Interest::WRITABLE);
            assert_eq!(next(&watch), Some(Operation::Modify));
            watch.want(Interest::READABLE);
            watch.want(Interest::WRITABLE);
            assert_eq!(next(&watch), None);
            watch.fired();
            assert_eq!(next(&watch), again);
        }
    }
}
