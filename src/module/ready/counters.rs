// SPDX-License-Identifier: GPL-2.0

//! The counters of an instance that are under its spinlock. It is held anyway, so they are plain
//! words, which cost an instruction or two each.

use super::Place;

/// Counts of what has happened so far. They wrap around after some centuries.
#[derive(Clone, Copy, Default)]
pub(crate) struct Counters {
    /// Wake-ups of a file that concerned its item.
    pub(crate) events: u64,
    /// Waiters that were woken.
    pub(crate) wakeups: u64,
    /// Waiters that went to sleep.
    pub(crate) sleeps: u64,
    /// How many of [`Counters::events`] came while a scan was in progress.
    pub(crate) overlaps: u64,
    /// Items whose file was closed.
    pub(crate) closed: u64,
    /// Items that are ready now.
    pub(crate) listed: u32,
    /// Items that are [`Place::Dead`] now.
    pub(crate) dead: u32,
}

impl Counters {
    /// An item has changed its place.
    #[inline]
    pub(super) fn moved(&mut self, from: Place, to: Place) {
        match from {
            Place::Idle => (),
            Place::Seen | Place::Listed => self.listed = self.listed.wrapping_sub(1),
            Place::Dead => self.dead = self.dead.wrapping_sub(1),
        }
        match to {
            Place::Idle => (),
            Place::Seen | Place::Listed => self.listed = self.listed.wrapping_add(1),
            Place::Dead => {
                self.dead = self.dead.wrapping_add(1);
                increment(&mut self.closed);
            }
        }
    }

    /// An item that was [`Place::Idle`] is ready now.
    #[inline]
    pub(super) fn join(&mut self) {
        self.listed = self.listed.wrapping_add(1);
    }

    /// An item that was ready is [`Place::Idle`] now.
    #[inline]
    pub(super) fn leave(&mut self) {
        self.listed = self.listed.wrapping_sub(1);
    }
}

/// Adds one.
#[inline]
pub(crate) fn increment(word: &mut u64) {
    *word = word.wrapping_add(1);
}
