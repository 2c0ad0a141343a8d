// SPDX-License-Identifier: GPL-2.0

//! What can be asked of all instances: which there are, and what they watch.
//!
//! This is by ioctls of the control node. Files in debugfs would be root's alone, gone where the
//! kernel is locked down, and no interface to rely on; they are text, too, for a program to take
//! apart that reads a thousand counters each second. Generic netlink has cursors and versions, but
//! its rights go by network namespace, it would be a second way into the module with a user of its
//! own to be let in, and there is no safe wrapper of it for Rust. The node is there already, with
//! rights that the administrator has thought about; its structures have sizes, so that they can
//! grow, and a cursor is the id of an instance, not an address. So the answer is made while nobody
//! waits: instances are found one at a time, under RCU, and copied with no more than their
//! spinlock held, for some words.
//!
//! Who has the node open may be anybody, so without a capability a query is about instances that
//! the caller has made, as [`View`] tells.

use crate::{
    eventpoll,
    item::Key,
    kernel_ext::{
        array::Array,
        task, //
    },
    nesting,
    registry::{
        self,
        View, //
    },
    uapi, //
};
use core::mem::size_of;
use kernel::{
    prelude::*,
    transmute::AsBytes, //
};

/// Where elements go that a query asks for, and how many have gone.
struct Answer {
    query: uapi::Query,
    /// The user's address of the array.
    to: usize,
    /// Bytes of an element that are filled.
    filled: usize,
    stored: usize,
}

impl Answer {
    /// The greatest size of an element.
    const MAX_SIZE: u32 = 4096;

    /// Reads the query at the user's address `arg`, for elements of type `T`, of which the first
    /// version had `least` bytes.
    ///
    /// # Errors
    ///
    /// `EFAULT`, `EINVAL`, `EPERM`.
    fn new<T>(arg: usize, least: u32) -> Result<(Self, View)> {
        let query: uapi::Query = uapi::read(arg)?;
        if query.flags & !uapi::ALL != 0
            || query.__pad != 0
            || query.count == 0
            || !(least..=Self::MAX_SIZE).contains(&query.size)
            || query.size % 8 != 0
        {
            return Err(EINVAL);
        }
        let view = View::new(query.flags & uapi::ALL != 0)?;
        let answer = Self {
            to: uapi::address(query.to)?,
            filled: (query.size as usize).min(size_of::<T>()),
            query,
            stored: 0,
        };
        Ok((answer, view))
    }

    /// For how many more there is room.
    fn room(&self) -> usize {
        self.query.count as usize - self.stored
    }

    /// Stores an element.
    ///
    /// # Errors
    ///
    /// `EFAULT`.
    fn push<T: AsBytes>(&mut self, element: &T) -> Result {
        let offset = self.stored * self.query.size as usize;
        uapi::write_part(self.to.wrapping_add(offset), element, self.filled)?;
        self.stored += 1;
        Ok(())
    }

    /// Tells how far it went, at the user's address `arg`. Returns how many were stored.
    ///
    /// # Errors
    ///
    /// `EFAULT`.
    fn finish(mut self, arg: usize) -> Result<isize> {
        self.query.size = self.filled as u32;
        uapi::write(arg, &self.query)?;
        Ok(self.stored as isize)
    }
}

/// `REPOLL_LIST`, with the argument at the user's address `arg`. Returns how many instances were
/// told of.
///
/// # Errors
///
/// `EFAULT`, `EINVAL`, `EPERM`, `EINTR`.
pub(crate) fn list(arg: usize) -> Result<isize> {
    let (mut answer, view) = Answer::new::<uapi::Info>(arg, uapi::INFO_SIZE_1)?;
    while answer.room() > 0 {
        if task::signal_pending() {
            if answer.stored == 0 {
                return Err(EINTR);
            }
            break;
        }
        let Some((id, info)) = registry::next(answer.query.id, |instance| {
            let info = view.has(instance).then(|| instance.info());
            (instance.entry.id(), info)
        }) else {
            break;
        };
        if let Some(Err(error)) = info.map(|info| answer.push(&info)) {
            if answer.stored == 0 {
                return Err(error);
            }
            break;
        }
        answer.query.id = id + 1;
        task::cond_resched();
    }
    answer.finish(arg)
}

/// `REPOLL_ITEMS`, with the argument at the user's address `arg`. Returns how many items were
/// told of.
///
/// # Errors
///
/// `EFAULT`, `EINVAL`, `EPERM`, `EINTR`, `ENOENT`.
pub(crate) fn items(arg: usize) -> Result<isize> {
    let (mut answer, view) = Answer::new::<uapi::Item>(arg, uapi::ITEM_SIZE_1)?;
    let mut found = false;
    let mut from = Some(Key::FIRST);
    while let Some(key) = from.filter(|_| answer.room() > 0) {
        if task::signal_pending() {
            return Err(EINTR);
        }
        // It is let go of before the user's memory is written, which may take for ever.
        let Some(file) = registry::file_of(answer.query.id, view) else {
            break;
        };
        let instance = nesting::instance_of(&file).ok_or(ENOENT)?;
        found = true;
        let mut items = Array::<uapi::Item, { eventpoll::BATCH }>::new();
        from = instance.items_from(key, answer.room(), view, &mut items)?;
        drop(file);
        for item in items.as_slice() {
            answer.push(item)?;
        }
        task::cond_resched();
    }
    if !found {
        return Err(ENOENT);
    }
    answer.finish(arg)
}
