// SPDX-License-Identifier: GPL-2.0

//! The tracepoints of `src/module/trace.h`. They receive only values.
//!
//! A disabled tracepoint costs next to nothing: closures, which are called only if it is enabled,
//! read the fields.

use crate::{
    bindings,
    event::Interest,
    kernel_ext::{
        tracepoint,
        unreleased::Unreleased,
        waiters::{
            Policy,
            WakeFlags, //
        }, //
    },
    uapi::Event,
};
use kernel::{
    fs::LocalFile,
    prelude::*,
    sync::atomic::{
        ordering::Relaxed,
        Atomic, //
    },
};

/// The number that identifies an instance in traces. Unlike an address or a descriptor, it is never
/// reused, and it reveals nothing.
#[derive(Clone, Copy)]
pub(crate) struct Id(u64);

impl Id {
    /// A new number.
    pub(crate) fn new() -> Self {
        static LAST: Atomic<u64> = Atomic::new(0);
        Self(LAST.fetch_add(1, Relaxed).wrapping_add(1))
    }

    /// As a number.
    pub(crate) fn number(self) -> u64 {
        self.0
    }
}

/// What tracepoints report of an item.
pub(crate) struct Subject {
    /// The instance.
    pub(crate) instance: Id,
    /// The descriptor number under which the file was added.
    pub(crate) fd: i32,
    /// The file's inode number.
    pub(crate) ino: u64,
    /// The user's data.
    pub(crate) data: u64,
}

/// A wake-up of an item's file.
pub(crate) struct Callback {
    /// The item.
    pub(crate) item: Subject,
    /// What it watches for.
    pub(crate) interest: Interest,
    /// The events of the wake-up.
    pub(crate) events: u32,
    /// Whether the item was in no list.
    pub(crate) idle: bool,
}

/// An instance was created.
#[inline]
pub(crate) fn create(instance: Id, policy: Policy) {
    tracepoint::repoll_create(move || [(instance.0, policy == Policy::Fifo)]);
}

/// An instance is released.
#[inline]
pub(crate) fn release(instance: Id) {
    tracepoint::repoll_release(move || [(instance.0,)]);
}

/// An item was added; its file had the events `found` at once.
#[inline]
pub(crate) fn add(item: impl FnOnce() -> (Subject, Interest), found: u32) {
    tracepoint::repoll_add(move || [change(item(), found)]);
}

/// An item was modified; its file had the events `found` at once.
#[inline]
pub(crate) fn modify(item: impl FnOnce() -> (Subject, Interest), found: u32) {
    tracepoint::repoll_mod(move || [change(item(), found)]);
}

/// The fields of a change to an item.
fn change((item, interest): (Subject, Interest), found: u32) -> (u64, i32, u64, u32, u64, u32) {
    let Subject {
        instance,
        fd,
        ino,
        data,
    } = item;
    (instance.0, fd, ino, interest.bits(), data, found)
}

/// The item on `file` under the number `fd` was deleted.
#[inline]
pub(crate) fn delete(instance: impl FnOnce() -> Id, file: &LocalFile, fd: i32) {
    tracepoint::repoll_del(move || [(instance().0, fd, Unreleased::from(file).inode_number())]);
}

/// An item is removed because its file was closed. The second value is whether the file was held.
#[inline]
pub(crate) fn dropped(item: impl FnOnce() -> (Subject, bool)) {
    tracepoint::repoll_drop(move || {
        let (item, held) = item();
        [(item.instance.0, item.fd, item.ino, item.data, held)]
    });
}

/// A wait queue of an item's file was woken. The item has not joined the ready list for it yet.
#[inline]
pub(crate) fn callback(callback: impl FnOnce() -> Callback) {
    tracepoint::repoll_callback(move || {
        let Callback {
            item,
            interest,
            events,
            idle,
        } = callback();
        let result = match idle {
            _ if !interest.concerns(events) => bindings::REPOLL_IGNORED,
            true => bindings::REPOLL_LISTED,
            false => bindings::REPOLL_PENDING,
        };
        [(
            item.instance.0,
            item.fd,
            item.ino,
            item.data,
            events,
            interest.bits(),
            result,
        )]
    });
}

/// A waiter is about to be woken.
#[inline]
pub(crate) fn wake(instance: impl FnOnce() -> Id, flags: WakeFlags) {
    tracepoint::repoll_wake(move || [(instance().0, flags.is_sync())]);
}

/// A wait begins.
#[inline]
pub(crate) fn wait_enter(instance: impl FnOnce() -> Id, maxevents: i32, timeout: i64) {
    tracepoint::repoll_wait_enter(move || [(instance().0, maxevents, timeout)]);
}

/// These events of items, each with the item's descriptor number, were written.
#[inline]
pub(crate) fn deliver(instance: impl FnOnce() -> Id, written: impl Iterator<Item = (i32, Event)>) {
    tracepoint::repoll_deliver(move || {
        let instance = instance();
        written.map(move |(fd, event)| (instance.0, fd, event.events, event.data))
    });
}

/// A wait ends with `result`.
#[inline]
pub(crate) fn wait_exit(instance: impl FnOnce() -> Id, result: Result<u32>) {
    tracepoint::repoll_wait_exit(move || {
        let result = result.map_or_else(Error::to_errno, |count| count as i32);
        [(instance().0, result)]
    });
}
