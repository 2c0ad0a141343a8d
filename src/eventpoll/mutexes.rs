// SPDX-License-Identifier: GPL-2.0

//! An instance's mutexes, for who makes changes, one after the other.

use super::{
    Eventpoll,
    Locked, //
};
use crate::nesting::Kind;
use kernel::sync::lock::{
    mutex::MutexBackend,
    Guard, //
};

/// The outer mutex and the mutex of an instance, as far as they are held: neither at first. What one
/// change has taken is there for the next.
pub(crate) struct Mutexes<'a> {
    eventpoll: &'a Eventpoll,
    // Dropped in this order.
    set: Option<Locked<'a>>,
    outer: Option<Guard<'a, (), MutexBackend>>,
}

impl<'a> Mutexes<'a> {
    /// Holds nothing yet.
    pub(crate) fn new(eventpoll: &'a Eventpoll) -> Self {
        Self {
            eventpoll,
            set: None,
            outer: None,
        }
    }

    /// Holds what [`Eventpoll::enter`] takes, and gives the items: no dead ones among them, but for
    /// those that die while it is held.
    #[inline(always)]
    pub(crate) fn enter(&mut self, kind: Kind) -> &mut Locked<'a> {
        let eventpoll = self.eventpoll;
        if let Some(set) = &mut self.set {
            if kind == Kind::Epoll && self.outer.is_none() {
                // That one comes first.
                self.leave_set();
            } else if eventpoll.ready.has_dead() {
                eventpoll.remove_all_dead(set);
            }
        }
        match &mut self.set {
            Some(set) => set,
            none => none.insert(Self::take(eventpoll, &mut self.outer, kind)),
        }
    }

    /// Takes what is missing.
    #[inline(never)]
    fn take(
        eventpoll: &'a Eventpoll,
        outer: &mut Option<Guard<'a, (), MutexBackend>>,
        kind: Kind,
    ) -> Locked<'a> {
        if outer.is_some() {
            return eventpoll.lock();
        }
        let set;
        (*outer, set) = eventpoll.enter(kind);
        set
    }

    /// Lets go of the inner mutex.
    pub(crate) fn leave_set(&mut self) {
        self.set = None;
    }

    /// Lets go of both.
    pub(crate) fn leave(&mut self) {
        self.leave_set();
        self.outer = None;
    }
}
