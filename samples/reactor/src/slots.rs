// SPDX-License-Identifier: GPL-2.0

//! The connections of a reactor.

use crate::{
    connection::{Connection, Next},
    deadlines::{Deadlines, Entry},
    watch::Watch,
};
use repoll::{Change, Interest, Mode};
use slab::Slab;
use std::{os::fd::AsFd, time::Instant};

/// Connections by slot number, which is also the data of their events.
///
/// A slot may get another connection while an event of the previous one is
/// still pending. This does no harm: the new connection finds nothing to do,
/// and continues to wait.
#[derive(Debug)]
pub struct Slots {
    slots: Slab<Slot>,
    /// The slots for which the instance may need a change.
    changed: Vec<usize>,
    deadlines: Deadlines,
    mode: Mode,
}

#[derive(Debug)]
struct Slot {
    /// None while a worker has the connection.
    connection: Option<Box<Connection>>,
    watch: Watch,
    entry: Entry,
}

impl Slots {
    /// Connections that are watched in this mode.
    pub fn new(mode: Mode) -> Self {
        Self {
            slots: Slab::new(),
            changed: Vec::new(),
            deadlines: Deadlines::default(),
            mode,
        }
    }

    /// The number of connections.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether there are no connections.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// The slots in use.
    pub fn keys(&self) -> Vec<usize> {
        self.slots.iter().map(|(key, _)| key).collect()
    }

    /// Adds a new connection, which waits for something to read.
    pub fn insert(&mut self, connection: Connection) -> usize {
        let deadline = connection.deadline();
        let entry = self.slots.vacant_entry();
        let key = entry.key();
        let slot = entry.insert(Slot {
            connection: Some(Box::new(connection)),
            watch: Watch::new(Interest::READABLE, self.mode),
            entry: Entry::default(),
        });
        self.deadlines.set(key, &mut slot.entry, deadline);
        self.changed.push(key);
        key
    }

    /// The connection, unless a worker has it.
    pub fn get(&mut self, key: usize) -> Option<&mut Connection> {
        self.slots.get_mut(key)?.connection.as_deref_mut()
    }

    /// Notes that the connection has had an event.
    pub fn fired(&mut self, key: usize) {
        if let Some(slot) = self.slots.get_mut(key) {
            slot.watch.fired();
        }
    }

    /// Gives the connection to a worker, unless a worker has it.
    pub fn lend(&mut self, key: usize) -> Option<Box<Connection>> {
        let slot = self.slots.get_mut(key)?;
        let connection = slot.connection.take()?;
        self.deadlines.clear(key, &mut slot.entry);
        Some(connection)
    }

    /// Takes the connection back from a worker.
    pub fn give_back(&mut self, key: usize, connection: Box<Connection>) {
        if let Some(slot) = self.slots.get_mut(key) {
            slot.connection = Some(connection);
        }
    }

    /// Makes the connection wait for `next`, or closes it.
    pub fn settle(&mut self, key: usize, next: Next) {
        let Some(slot) = self.slots.get_mut(key) else {
            return;
        };
        let interest = match next {
            Next::Readable => Interest::READABLE,
            Next::Writable => Interest::WRITABLE,
            Next::Closed => return self.remove(key),
        };
        if let Some(connection) = &slot.connection {
            let deadline = connection.deadline();
            self.deadlines.set(key, &mut slot.entry, deadline);
        }
        slot.watch.want(interest);
        if slot.watch.is_due() {
            self.changed.push(key);
        }
    }

    /// Closes the connection.
    pub fn remove(&mut self, key: usize) {
        if let Some(mut slot) = self.slots.try_remove(key) {
            self.deadlines.clear(key, &mut slot.entry);
        }
    }

    /// When to check for deadlines that have passed.
    pub fn first_deadline(&self) -> Option<Instant> {
        self.deadlines.first()
    }

    /// A connection whose deadline has passed.
    pub fn overdue(&mut self, now: Instant) -> Option<usize> {
        while let Some(key) = self.deadlines.passed(now) {
            let slot = self.slots.get_mut(key)?;
            self.deadlines.clear(key, &mut slot.entry);
            let deadline = slot.connection.as_ref()?.deadline();
            if deadline <= now {
                return Some(key);
            }
            self.deadlines.set(key, &mut slot.entry, deadline);
        }
        None
    }

    /// Adds the changes that the instance needs to `changes`.
    pub fn changes<'fd>(&'fd self, changes: &mut Vec<Change<'fd>>) {
        for &key in &self.changed {
            let slot = self.slots.get(key);
            let told = slot.and_then(|slot| {
                let connection = slot.connection.as_ref()?;
                slot.watch.change(connection.as_fd(), key as u64)
            });
            changes.extend(told);
        }
    }

    /// The changes have been passed to the instance.
    pub fn told(&mut self) {
        self.changed.clear();
    }
}
