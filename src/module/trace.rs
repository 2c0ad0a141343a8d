// SPDX-License-Identifier: GPL-2.0

//! What is told to those who trace: where the tracepoints of `src/module/trace.h` get their fields from.

use crate::{
    bindings,
    event::Interest,
    eventpoll::Eventpoll,
    item::Item,
    kernel_ext::{
        tracepoint,
        unreleased::Unreleased,
        waiters::{
            Policy,
            WakeFlags, //
        }, //
    },
    ready::{
        Place,
        ReadyList, //
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

/// What an instance is called in traces: unlike its address or its descriptors, it has this alone,
/// and nobody learns anything from it.
#[derive(Clone, Copy)]
pub(crate) struct Id(u64);

impl Id {
    /// A new one.
    pub(crate) fn new() -> Self {
        static LAST: Atomic<u64> = Atomic::new(0);
        Self(LAST.fetch_add(1, Relaxed).wrapping_add(1))
    }

    /// As a number.
    pub(crate) fn number(self) -> u64 {
        self.0
    }
}

impl Eventpoll {
    fn number(&self) -> u64 {
        self.ready.id.0
    }
}

/// An instance was made.
#[inline]
pub(crate) fn create(instance: &Eventpoll) {
    tracepoint::repoll_create(move || [(instance.number(), instance.policy == Policy::Fifo)]);
}

/// An instance ends.
#[inline]
pub(crate) fn release(instance: &Eventpoll) {
    tracepoint::repoll_release(move || [(instance.number(),)]);
}

/// The item was added; its file had the events `found` at once.
#[inline]
pub(crate) fn add(item: &Item, file: &LocalFile, found: u32) {
    tracepoint::repoll_add(move || [change(item, file, found)]);
}

/// The item was changed; its file had the events `found` at once.
#[inline]
pub(crate) fn modify(item: &Item, file: &LocalFile, found: u32) {
    tracepoint::repoll_mod(move || [change(item, file, found)]);
}

/// The fields of a change to an item on `file`.
fn change(item: &Item, file: &LocalFile, found: u32) -> (u64, i32, u64, u32, u64, u32) {
    let (instance, fd) = (item.owner().number(), item.key().fd());
    (
        instance,
        fd,
        Unreleased::from(file).inode_number(),
        item.interest().bits(),
        item.data(),
        found,
    )
}

/// The item on `file` under that number was deleted.
#[inline]
pub(crate) fn delete(instance: &Eventpoll, file: &LocalFile, fd: i32) {
    tracepoint::repoll_del(move || {
        [(instance.number(), fd, Unreleased::from(file).inode_number())]
    });
}

/// The item goes, since its file, which is `file`, was closed.
#[inline]
pub(crate) fn dropped(item: &Item, file: Unreleased<'_>) {
    tracepoint::repoll_drop(move || {
        let (instance, fd) = (item.owner().number(), item.key().fd());
        let ino = file.inode_number();
        let held = item.watched().is_held();
        [(instance, fd, ino, item.data(), held)]
    });
}

/// A wait queue of the item's file was woken with these events, and the item is not in the ready
/// list on account of it yet, whose lock is held.
#[inline]
pub(crate) fn callback<'a>(
    item: &Item,
    file: impl FnOnce() -> Unreleased<'a>,
    interest: Interest,
    events: u32,
) {
    tracepoint::repoll_callback(move || {
        let (instance, fd) = (item.owner().number(), item.key().fd());
        let ino = file().inode_number();
        let result = match item.place() {
            _ if !interest.concerns(events) => bindings::REPOLL_IGNORED,
            Place::Idle => bindings::REPOLL_LISTED,
            _ => bindings::REPOLL_PENDING,
        };
        [(
            instance,
            fd,
            ino,
            item.data(),
            events,
            interest.bits(),
            result,
        )]
    });
}

/// A waiter is about to be woken.
#[inline]
pub(crate) fn wake(ready: &ReadyList, flags: WakeFlags) {
    tracepoint::repoll_wake(move || [(ready.id.0, flags.is_sync())]);
}

/// A wait begins.
#[inline]
pub(crate) fn wait_enter(instance: &Eventpoll, maxevents: i32, timeout: i64) {
    tracepoint::repoll_wait_enter(move || [(instance.number(), maxevents, timeout)]);
}

/// The events of these items have been written.
#[inline]
pub(crate) fn deliver<'a>(instance: &Eventpoll, written: impl Iterator<Item = (&'a Item, Event)>) {
    tracepoint::repoll_deliver(move || {
        written.map(|(item, event)| (instance.number(), item.key().fd(), event.events, event.data))
    });
}

/// A wait ends so.
#[inline]
pub(crate) fn wait_exit(instance: &Eventpoll, result: Result<u32>) {
    tracepoint::repoll_wait_exit(move || {
        let result = result.map_or_else(Error::to_errno, |count| count as i32);
        [(instance.number(), result)]
    });
}
