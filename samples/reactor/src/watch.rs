// SPDX-License-Identifier: GPL-2.0

//! What an instance is to watch a file for, and what it does.

use repoll::{Change, Interest, Mode};
use std::{cell::Cell, os::fd::BorrowedFd};

/// One watched file. What is wanted may change many times; the instance is told once,
/// along with the next wait, and only if it matters.
#[derive(Debug)]
pub struct Watch {
    wanted: Interest,
    /// As the instance has it; not at all before it is added.
    armed: Cell<Option<Interest>>,
    mode: Mode,
}

impl Watch {
    /// One that is to be added.
    pub fn new(interest: Interest, mode: Mode) -> Self {
        Self {
            wanted: interest,
            armed: Cell::new(None),
            mode,
        }
    }

    /// Wants this from now on.
    pub fn want(&mut self, interest: Interest) {
        self.wanted = interest;
    }

    /// An event has come. Of a one-shot item there is none more until it is armed.
    pub fn fired(&mut self) {
        if self.mode == Mode::ONE_SHOT {
            self.armed.set(Some(Interest::empty()));
        }
    }

    /// Is there something to tell the instance?
    pub fn is_due(&self) -> bool {
        self.armed.get() != Some(self.wanted)
    }

    /// What to tell the instance, if there is something. It counts as told then.
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
