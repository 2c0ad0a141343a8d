// SPDX-License-Identifier: GPL-2.0

//! Polls: of the file of an item, and of an instance, which polls the files of its items.

use super::Eventpoll;
use crate::{
    event::{
        self,
        Interest, //
    },
    item::Item,
    kernel_ext::{
        poll,
        poll_file::LastRefs,
        task, //
    },
    kind::Kind,
    ready::Chunk, //
};
use kernel::fs::LocalFile;

/// The events of an eventpoll of either kind that has events for its user.
const READABLE: u32 = event::IN | event::RDNORM;

/// Which of the `wanted` events the file of an item, which is not an epoll, has now. `nesting` is
/// the number of sets whose mutexes are held.
#[inline(always)]
pub(crate) fn poll_item(item: &Item, file: &LocalFile, wanted: Interest, nesting: u32) -> u32 {
    let wanted = wanted.bits();
    if item.kind() == Kind::Instance {
        wanted & poll_instance(file, nesting)
    } else {
        poll::poll(file, wanted)
    }
}

/// The events of the instance that the file is, while the mutexes of `nesting` others are held.
#[inline(never)]
fn poll_instance(file: &LocalFile, nesting: u32) -> u32 {
    Eventpoll::of_file(file).map_or(0, |inner| inner.poll_events(nesting))
}

impl Eventpoll {
    /// The events of the instance itself as a file, while the mutexes of `nesting` others are held.
    pub(crate) fn poll_events(&self, nesting: u32) -> u32 {
        if self.has_events(nesting) {
            READABLE
        } else {
            0
        }
    }

    /// Whether any item has events. Items that turn out to have none leave the ready list.
    fn has_events(&self, nesting: u32) -> bool {
        let Ok(set) = self.lock_nested(nesting) else {
            // The task is being killed, so nobody uses the answer.
            return true;
        };
        // The poller may hold any locks, and is about to sleep, so a worker releases the files.
        let mut last = LastRefs::new();
        let mut chunk = Chunk::new();
        let mut scan = match self.ready.scan::<true>(set.items(), 1, &mut chunk) {
            Ok(started) => started,
            Err(suspended) => return suspended.may_be_ready,
        };
        loop {
            let found = if let Some((item, file)) = chunk.take_alone() {
                let interest = item.interest();
                let has_events = match item.kind() {
                    Kind::Epoll => interest.bits() & READABLE != 0,
                    _ => poll_item(item, &file, interest, nesting + 1) != 0,
                };
                if has_events {
                    scan.put_back(item);
                } else {
                    self.tally.spurious(1);
                }
                has_events
            } else {
                let empty = chunk.poll(&mut last);
                self.tally.spurious(empty);
                chunk.has_events()
            };
            if found {
                return true;
            }
            if !chunk.more {
                scan.finish(&chunk);
                return false;
            }
            if !task::go_on() {
                break;
            }
            scan.take(set.items(), 1, &mut chunk);
        }
        // As above.
        true
    }
}
