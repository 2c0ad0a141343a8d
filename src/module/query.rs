// SPDX-License-Identifier: GPL-2.0

//! Queries about all instances: which exist, and what they watch.
//!
//! They are ioctls of the control node. Files in debugfs would be accessible only to root,
//! unavailable if the kernel is locked down, and not a stable interface; and a program that reads a
//! thousand counters per second would have to parse text. Generic netlink has cursors and versions,
//! but its rights depend on the network namespace, it would be a second way into the module for
//! which users need rights, and there is no safe Rust wrapper. The node exists already, with rights
//! that the administrator has chosen. Its structures have sizes, so that they can grow, and
//! cursors: the id of an instance, or an item's key as [`cursor`](crate::cursor) hides it. An
//! answer is produced without making others wait: instances are found one at a time, under RCU, and
//! copied with at most their spinlock held, for a few words.
//!
//! Many users may have the node open, so without a capability, a query covers only instances that
//! the caller could have created, as [`View`] defines.

use crate::{
    eventpoll::{
        self,
        Eventpoll, //
    },
    kernel_ext::{
        array::Array,
        task, //
    },
    key::ItemKey,
    registry::View,
    uapi, //
};
use core::mem::size_of;
use kernel::{
    prelude::*,
    transmute::AsBytes, //
};

/// The answer to a query: the address for its elements, and how many were stored.
struct Answer {
    query: uapi::Query,
    /// The user's address of the array.
    to: usize,
    stored: usize,
}

impl Answer {
    /// The greatest size of an element.
    const MAX_SIZE: u32 = 4096;

    /// Reads the query at the user's address `arg`, for elements whose first version had `least`
    /// bytes.
    ///
    /// # Errors
    ///
    /// `EFAULT`, `EINVAL`.
    fn new(arg: usize, least: u32) -> Result<Self> {
        let query: uapi::Query = uapi::read(arg)?;
        if query.flags & !uapi::ALL != 0
            || query.__pad != 0
            || query.count == 0
            || !(least..=Self::MAX_SIZE).contains(&query.size)
            || query.size % 8 != 0
        {
            return Err(EINVAL);
        }
        Ok(Self {
            to: uapi::address(query.to)?,
            query,
            stored: 0,
        })
    }

    /// The instances that the query covers.
    ///
    /// # Errors
    ///
    /// `EPERM`.
    fn view(&self) -> Result<View> {
        View::new(self.query.flags & uapi::ALL != 0)
    }

    /// The room for more elements.
    fn room(&self) -> usize {
        self.query.count as usize - self.stored
    }

    /// Stores an element.
    ///
    /// # Errors
    ///
    /// `EFAULT`.
    fn push<T: AsBytes>(&mut self, element: &T) -> Result {
        let size = self.query.size as usize;
        let to = self.to.wrapping_add(self.stored * size);
        uapi::write_struct(to, size, element)?;
        self.stored += 1;
        Ok(())
    }

    /// Writes to the user's address `arg` where to continue and the size of elements of type `T`.
    /// Returns how many were stored.
    ///
    /// # Errors
    ///
    /// `EFAULT`.
    fn finish<T>(mut self, arg: usize) -> Result<isize> {
        self.query.size = self.query.size.min(size_of::<T>() as u32);
        uapi::write(arg, &self.query)?;
        Ok(self.stored as isize)
    }
}

/// `REPOLL_LIST`, with the argument at the user's address `arg`. Returns how many instances it has
/// stored.
///
/// # Errors
///
/// `EFAULT`, `EINVAL`, `EPERM`, `EINTR`.
pub(crate) fn list(arg: usize) -> Result<isize> {
    let mut answer = Answer::new(arg, uapi::INFO_SIZE_1)?;
    if answer.query.cursor != [0; 2] {
        return Err(EINVAL);
    }
    let view = answer.view()?;
    while answer.room() > 0 {
        if task::signal_pending() {
            if answer.stored == 0 {
                return Err(EINTR);
            }
            break;
        }
        let Some((id, info)) = eventpoll::instances().next(answer.query.id, |instance| {
            let info = view.has(&instance.registration).then(|| instance.info());
            (instance.registration.id(), info)
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
    answer.finish::<uapi::Info>(arg)
}

/// `REPOLL_ITEMS`, with the argument at the user's address `arg`. Returns how many items it has
/// stored.
///
/// # Errors
///
/// `EFAULT`, `EINVAL`, `EPERM`, `EINTR`, `ENOENT`.
pub(crate) fn items(arg: usize) -> Result<isize> {
    let mut answer = Answer::new(arg, uapi::ITEM_SIZE_1)?;
    let view = answer.view()?;
    let (id, cipher) = (answer.query.id, eventpoll::instances().cipher());
    // First, so that a caller without access to an instance cannot try its cursors.
    eventpoll::instances().file_of(id, view).ok_or(ENOENT)?;
    let mut from = cipher.decrypt(id, answer.query.cursor).ok_or(EINVAL)?;
    if let Err(error) = store_items(&mut answer, view, &mut from) {
        if answer.stored == 0 {
            return Err(error);
        }
    }
    answer.query.cursor = cipher.encrypt(id, from);
    answer.finish::<uapi::Item>(arg)
}

/// Stores items, beginning with key `from`, which advances with each, until there is no more room
/// or no more item.
///
/// # Errors
///
/// `EFAULT`, `EINTR`, `ENOENT`.
fn store_items(answer: &mut Answer, view: View, from: &mut ItemKey) -> Result {
    while answer.room() > 0 {
        if task::signal_pending() {
            return Err(EINTR);
        }
        // Dropped before user memory is written, which may take arbitrarily long.
        let file = eventpoll::instances()
            .file_of(answer.query.id, view)
            .ok_or(ENOENT)?;
        let instance = Eventpoll::of_file(&file).ok_or(ENOENT)?;
        let mut items = Array::<_, { eventpoll::BATCH }>::new();
        let next = instance.items_from(*from, answer.room(), view, &mut items)?;
        drop(file);
        for (key, item) in items.as_slice() {
            answer.push(item)?;
            *from = key.next();
        }
        let Some(next) = next else {
            break;
        };
        *from = next;
        task::cond_resched();
    }
    Ok(())
}

/// `REPOLL_INFO` on that instance, with the argument at the user's address `arg`.
///
/// # Errors
///
/// `EFAULT`, `EINVAL`.
pub(crate) fn info(instance: &Eventpoll, arg: usize) -> Result {
    let mut answer = Answer::new(arg, uapi::INFO_SIZE_1)?;
    let query = &answer.query;
    if query.flags != 0 || query.id != 0 || query.cursor != [0; 2] || query.count != 1 {
        return Err(EINVAL);
    }
    answer.push(&instance.info())?;
    answer.finish::<uapi::Info>(arg)?;
    Ok(())
}
