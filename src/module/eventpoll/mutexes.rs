// SPDX-License-Identifier: GPL-2.0

//! An instance's mutexes, as held by a task that makes changes one after the other.

use super::{
    Eventpoll,
    LockedSet, //
};
use crate::{
    item::Item,
    kernel_ext::nested_mutex::lock_killable,
    key::ItemKey,
    kind::Kind, //
};
use core::{
    mem,
    ptr::NonNull, //
};
use kernel::{
    fs::LocalFile,
    prelude::*,
    sync::lock::{
        mutex::MutexBackend,
        Guard, //
    },
};

/// The outer mutex of an instance that watches an epoll, held. Meanwhile no other task delivers
/// events or makes changes.
pub(crate) struct Outer<'a> {
    eventpoll: &'a Eventpoll,
    _guard: Guard<'a, (), MutexBackend>,
}

impl Outer<'_> {
    /// The item on `file` under the number `fd`, for use without the mutex, which `set` shows to be
    /// held now. `None` if this instance has no such item.
    pub(crate) fn keep<'b>(
        &'b self,
        set: &LockedSet<'_>,
        file: &'b LocalFile,
        fd: i32,
    ) -> Option<&'b Item> {
        let item = set.items().find(&ItemKey::new(file, fd))?;
        if !core::ptr::eq(item.owner(), self.eventpoll) {
            return None;
        }
        // SAFETY: The item is in the tree. A deletion also needs the outer mutex, because the
        // instance watches an epoll; the item does not die before its file, which is referenced;
        // and the instance is not released before its last system call returns.
        Some(unsafe { NonNull::from(item).as_ref() })
    }
}

impl Eventpoll {
    /// Takes the outer mutex.
    ///
    /// # Errors
    ///
    /// `EINTR` if the task is being killed.
    pub(super) fn lock_outer(&self) -> Result<Outer<'_>> {
        Ok(Outer {
            eventpoll: self,
            _guard: lock_killable(&self.outer, 0)?,
        })
    }
}

/// The outer mutex and the mutex of an instance, if they are held; initially neither is. The next
/// change uses the mutexes that the previous one has taken.
pub(crate) struct Mutexes<'a> {
    eventpoll: &'a Eventpoll,
    // Dropped in this order.
    set: Option<LockedSet<'a>>,
    outer: Option<Outer<'a>>,
}

impl<'a> Mutexes<'a> {
    /// Holds nothing yet.
    #[inline]
    pub(crate) fn new(eventpoll: &'a Eventpoll) -> Self {
        Self {
            eventpoll,
            set: None,
            outer: None,
        }
    }

    /// Takes the mutex, and also the outer one if the instance watches an epoll or will do so when
    /// an item of this `kind` is added. Returns the items. None of them is dead, except those that
    /// die while the mutex is held.
    ///
    /// # Errors
    ///
    /// `EINTR` if the task is being killed.
    #[inline(always)]
    pub(crate) fn enter(&mut self, kind: Kind) -> Result<&mut LockedSet<'a>> {
        let eventpoll = self.eventpoll;
        if let Some(set) = &mut self.set {
            if kind == Kind::Epoll && self.outer.is_none() {
                // The outer one comes first.
                self.leave_set();
            } else if eventpoll.ready.has_dead() {
                eventpoll.remove_all_dead(set);
            }
        }
        if self.set.is_none() {
            let plain = match self.outer.is_none() && kind != Kind::Epoll {
                true => eventpoll.enter_plain()?,
                false => None,
            };
            let set = match plain {
                Some(set) => set,
                None => Self::take(eventpoll, &mut self.outer, kind)?,
            };
            // There is no other one to drop.
            mem::forget(self.set.replace(set));
        }
        // It exists now.
        self.set.as_mut().ok_or(EINVAL)
    }

    /// Takes the mutexes that are missing.
    #[cold]
    fn take(
        eventpoll: &'a Eventpoll,
        outer: &mut Option<Outer<'a>>,
        kind: Kind,
    ) -> Result<LockedSet<'a>> {
        let set = match outer {
            Some(_) => eventpoll.lock()?,
            none => {
                let (outer, set) = eventpoll.enter_both()?;
                *none = Some(outer);
                set
            }
        };
        if kind == Kind::Epoll {
            eventpoll.watches_epolls.write(true);
        }
        Ok(set)
    }

    /// Releases the inner mutex.
    pub(crate) fn leave_set(&mut self) {
        self.set = None;
    }

    /// Releases the inner mutex, but keeps the item on `file`, an epoll, under this number.
    pub(crate) fn keep<'b>(&'b mut self, file: &'b LocalFile, fd: i32) -> Option<&'b Item> {
        let set = self.set.take()?;
        self.outer.as_ref()?.keep(&set, file, fd)
    }

    /// Releases both.
    pub(crate) fn leave(&mut self) {
        self.leave_set();
        self.outer = None;
    }
}
