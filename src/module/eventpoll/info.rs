// SPDX-License-Identifier: GPL-2.0

//! The description of an instance and its items for queries.

use super::Eventpoll;
use crate::{
    item::Item,
    kernel_ext::{
        array::Array,
        poll_file,
        task,
        waiters::Policy, //
    },
    key::ItemKey,
    kind::Kind,
    registry::View,
    uapi::{
        self,
        kind,
        state, //
    },
    watch, //
};
use kernel::{
    fs::LocalFile,
    prelude::*, //
};

/// How many items are reported while the mutex is held.
pub(crate) const BATCH: usize = 16;

/// The lower bits of a device number.
const MINOR_BITS: u32 = 20;

impl Eventpoll {
    /// The current state of the instance. Takes no mutex, because users can make its holder take
    /// arbitrarily long.
    pub(crate) fn info(&self) -> uapi::Info {
        // Read before the additions, so that deletions never exceed additions.
        let dels = self.tally.dels.read();
        let counters = self.ready.counters();
        let adds = self.tally.adds.read();
        // If the processor reorders loads, there may seem to be more deletions nevertheless.
        let items = adds.wrapping_sub(dels).wrapping_sub(counters.closed) as i64;
        let is_watched = watch::is_watched(self.vertex.file());
        let mut state = 0;
        if is_watched {
            state |= uapi::WATCHED;
        }
        if self.watches_epolls.read() {
            state |= uapi::WATCHES_EPOLL;
        }
        let mut info = uapi::Info {
            id: self.registration.id(),
            adds,
            mods: self.tally.mods.read(),
            dels,
            closed: counters.closed,
            events: counters.events,
            wakeups: counters.wakeups,
            sleeps: counters.sleeps,
            waits: self.tally.waits.read(),
            vain: self.tally.vain.read(),
            delivered: self.tally.delivered.read(),
            spurious: self.tally.spurious.read(),
            overlaps: counters.overlaps,
            items: items.max(0) as u32,
            ready: counters.listed,
            dead: counters.dead,
            uid: task::user_number(self.registration.user()),
            pid: self.registration.process().number(),
            flags: match self.policy {
                Policy::Fifo => uapi::FIFO,
                Policy::Lifo => 0,
            },
            state,
            comm: self.registration.process().name(),
            ..Default::default()
        };
        info.waiters = self.ready.count_waiters(uapi::MAX_COUNT, &mut info.tids);
        info.pollers = self.pollers.count(uapi::MAX_COUNT);
        info
    }

    /// Describes items in `to`, as many as fit, beginning with this key. Returns the key to
    /// continue with.
    ///
    /// # Errors
    ///
    /// `EINTR`.
    pub(crate) fn items_from(
        &self,
        from: ItemKey,
        most: usize,
        view: View,
        to: &mut Array<(ItemKey, uapi::Item), BATCH>,
    ) -> Result<Option<ItemKey>> {
        let set = self.lock_interruptible()?;
        let mut next = set.items().lower_bound(&from);
        for _ in 0..most.min(BATCH) {
            let Some(item) = next else {
                return Ok(None);
            };
            let ready = self.ready.lock();
            let is_ready = item.place().is_ready();
            if let Some(file) = ready.pin_file(item) {
                to.push((item.key(), describe(item, &file, is_ready, view)));
            }
            next = set.items().after(item);
        }
        Ok(next.map(|item| item.key()))
    }
}

/// An item on this file.
fn describe(item: &Item, file: &LocalFile, is_ready: bool, view: View) -> uapi::Item {
    let identity = poll_file::identity(file);
    let states = [
        (is_ready, state::READY),
        (item.takes_turns(), state::ROUND_ROBIN),
        (item.closes_late(), state::LATE_CLOSE),
        (item.wakes_pollers_late(), state::LATE_POLLERS),
    ];
    let set = states.iter().filter(|(set, _)| *set);
    uapi::Item {
        data: match view {
            View::All => item.data(),
            View::Own(..) => 0,
        },
        ino: identity.inode,
        watched: Eventpoll::of_file(file).map_or(0, |inner| inner.registration.id()),
        fd: item.key().fd(),
        events: item.interest().bits(),
        dev_major: identity.device >> MINOR_BITS,
        dev_minor: identity.device & ((1 << MINOR_BITS) - 1),
        kind: match item.kind() {
            Kind::Plain => kind::FILE,
            Kind::Instance => kind::REPOLL,
            Kind::Epoll => kind::EPOLL,
        },
        state: set.fold(0, |states, (_, state)| states | state),
    }
}
