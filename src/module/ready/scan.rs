// SPDX-License-Identifier: GPL-2.0

//! Scans of the ready list. A scan takes some items at a time, polls them, and settles them.

use super::{
    chunk::{
        Chunk,
        CHUNK, //
    },
    lists::{
        link,
        link_at,
        unlink,
        Lists, //
    },
    pinned::Alone,
    LockedLists,
    ReadyList, //
};
use crate::{
    item::Item,
    kernel_ext::{
        list::List,
        rbtree::Tree,
        task,
        waiters::WakeFlags, //
    },
    place::Place, //
};
use core::ptr::NonNull;

impl ReadyList {
    /// Starts a scan of the ready items, and takes the first items as [`Scan::take`] does. `items`
    /// shows that the caller holds the mutex. A caller that only wants to `LOOK` delivers nothing.
    ///
    /// # Errors
    ///
    /// [`Suspended`] if another scan has not ended yet, although the mutex is free.
    #[inline(always)]
    pub(crate) fn scan<'b, const LOOK: bool>(
        &self,
        items: &'b Tree<Item>,
        most: usize,
        chunk: &mut Chunk<'b>,
    ) -> Result<Scan<'_, LOOK>, Suspended> {
        let mut lists = self.lock_as_is();
        if let Some(scanner) = lists.scanner {
            return Err(lists.suspended(scanner));
        }
        self.scanning.write(true);
        let lists = &mut *lists;
        let rest = chunk.fill::<LOOK>(&mut lists.ready, &mut lists.counters, items, most);
        let hides = match rest {
            Some(rest) => lists.hides_rest::<LOOK>(chunk, rest, most),
            None => {
                // Without a scanner, the other lists are empty, too.
                if lists.ready.is_empty() {
                    self.available.write(false);
                }
                false
            }
        };
        Ok(Scan { list: self, hides })
    }

    /// Settles the last items of a scan, and ends it.
    #[inline(never)]
    fn settle(&self, chunk: &Chunk<'_>) {
        let mut lists = self.lock();
        lists.settle(chunk);
        lists.end_scan();
    }
}

impl Lists {
    /// The error of a scan that cannot begin because `scanner` scans.
    #[cold]
    fn suspended(&mut self, scanner: usize) -> Suspended {
        let lists = [&self.ready, &self.batch, &self.requeued];
        let may_be_ready =
            scanner != task::current_id() || lists.iter().any(|list| !list.is_empty());
        self.denied |= !may_be_ready;
        Suspended { may_be_ready }
    }

    /// A scan has filled its first chunk, and `rest` is the next item of the ready list. If the
    /// scan certainly continues, or has to put items of the chunk behind the rest, this takes all
    /// items off the ready list and returns true.
    #[inline(never)]
    fn hides_rest<'b, const LOOK: bool>(
        &mut self,
        chunk: &mut Chunk<'b>,
        rest: &'b Item,
        most: usize,
    ) -> bool {
        let is_next = self.ready.first() == Some(NonNull::from(rest));
        let hides = chunk.takes_alone(rest) || !LOOK && (most > CHUNK || !is_next);
        if hides {
            self.hide();
            self.take_off::<LOOK>(chunk, Some(rest));
        }
        hides
    }

    /// From now on the scan hides items: the current ready list becomes its batch.
    fn hide(&mut self) {
        self.batch.append(&mut self.ready);
        self.denied = false;
        self.scanner = Some(task::current_id());
        self.scan_is_awake = self.awake.is_active();
        if self.scan_is_awake {
            self.awake.count(true);
        }
    }

    /// Moves the items of the chunk, if they are still in the batch, to the list for the next scan;
    /// or takes an item out that must be taken separately.
    #[inline]
    fn take_off<'b, const LOOK: bool>(&mut self, chunk: &mut Chunk<'b>, rest: Option<&'b Item>) {
        match rest {
            Some(item) if chunk.takes_alone(item) => {
                self.forget(item);
                chunk.set_alone(Alone::new(item), !self.batch.is_empty());
            }
            // An item with events stays where it is.
            _ if LOOK => (),
            _ => {
                // SAFETY: It was found there, under the lock that is still held.
                let mut front = unsafe { self.batch.split_before(rest.map(NonNull::from)) };
                self.requeued.append(&mut front);
            }
        }
    }

    /// Puts the items of a chunk where they belong, according to what happened to their events.
    fn settle(&mut self, chunk: &Chunk<'_>) {
        if !chunk.is_settled() {
            self.settle_all(chunk);
        }
    }

    #[inline(never)]
    fn settle_all(&mut self, chunk: &Chunk<'_>) {
        // Before all others, in their order.
        for item in chunk.unreached().iter().rev() {
            self.put_back(item);
        }
        for (item, event) in chunk.reached() {
            if event.events == 0 {
                self.settle_empty(item);
            } else if item.place() == Place::Idle && item.interest().is_level_triggered() {
                // It was taken separately.
                self.put_behind(item);
            }
        }
    }

    /// An item had no events when it was polled. Events that came since are for the next scan.
    #[inline(always)]
    fn settle_empty(&mut self, item: &Item) {
        match item.place() {
            Place::Seen if item.leave_seen() => {
                self.counters.leave();
                let list = match self.scanner {
                    None => &mut self.ready,
                    Some(_) => self.list_of(item),
                };
                unlink(list, item);
            }
            Place::Seen | Place::Listed => {
                self.forget(item);
                self.put_behind(item);
            }
            Place::Idle | Place::Dead => (),
        }
    }

    /// Lists an item, which is in no list, behind all others.
    fn put_behind(&mut self, item: &Item) {
        self.set_place(item, Place::Listed);
        link(&mut self.requeued, item);
    }

    /// Puts an item back as if it had not been taken.
    fn put_back(&mut self, item: &Item) {
        if !item.is_dead() {
            self.forget(item);
            self.set_place(item, Place::Listed);
            link_at(&mut self.batch, item, List::push_front);
        }
    }
}

impl LockedLists<'_> {
    /// Joins the lists of a scan.
    #[inline]
    fn end_scan(&mut self) {
        let lists = &mut *self.lists;
        if !lists.batch.is_empty() || !lists.requeued.is_empty() {
            lists.batch.append(&mut lists.ready);
            lists.batch.append(&mut lists.requeued);
            lists.ready.append(&mut lists.batch);
        }
        lists.scanner = None;
        if core::mem::take(&mut lists.scan_is_awake) {
            lists.awake.count(false);
        }
        if !lists.ready.is_empty() {
            self.wake_waiter(WakeFlags::NONE);
        }
    }
}

/// Why a scan is not possible now: another one is suspended while it polls an epoll.
pub(crate) struct Suspended {
    /// Whether the instance counts as ready. It does if something else is listed; or because of
    /// that epoll, unless it is this epoll that polls the instance in the same task.
    pub(crate) may_be_ready: bool,
}

/// A scan of the items that were ready when it began. Ends when it is dropped.
pub(crate) struct Scan<'a, const LOOK: bool> {
    list: &'a ReadyList,
    /// Whether it has taken the items that it has not reached off the ready list. Then it is
    /// registered as the scanner.
    hides: bool,
}

impl<const LOOK: bool> Scan<'_, LOOK> {
    /// Settles the items of the chunk, and takes the next ones into it, at most so many; or one
    /// that must be taken separately. `items` shows that the caller holds the mutex.
    pub(crate) fn take<'b>(&mut self, items: &'b Tree<Item>, most: usize, chunk: &mut Chunk<'b>) {
        let mut locked = self.list.lock();
        let lists = &mut *locked;
        lists.settle(chunk);
        if !self.hides {
            self.hides = true;
            // All items of the chunk have left the list. Items that are listed again are for the
            // next scan.
            if !LOOK {
                for (item, _) in chunk.reached() {
                    if item.place() == Place::Listed {
                        lists.forget(item);
                        lists.put_behind(item);
                    }
                }
            }
            lists.hide();
        }
        chunk.clear();
        let rest = chunk.fill::<LOOK>(&mut lists.batch, &mut lists.counters, items, most);
        lists.take_off::<LOOK>(chunk, rest);
    }

    /// Whether a poll has answered, since the last call, that nothing is ready.
    pub(crate) fn take_denied(&mut self) -> bool {
        core::mem::take(&mut self.list.lock().denied)
    }

    /// Puts back an item that was taken separately, as if it had not been taken.
    pub(crate) fn put_back(&mut self, item: &Item) {
        self.list.lock().put_back(item);
    }

    /// Settles the last items, and ends the scan.
    #[inline]
    pub(crate) fn finish(self, chunk: &Chunk<'_>) {
        let (list, hides) = (self.list, self.hides);
        core::mem::forget(self);
        if hides || !chunk.is_settled() {
            list.settle(chunk);
        } else if list.awaited.read() {
            // This is for waiters that slept before the scan began, which has hidden nothing.
            // Waiters that have gone to sleep since did so after the files of all listed items were
            // closed, or their events delivered.
            list.pass_on();
        }
        // After the events that could not be delivered are listed again.
        list.scanning.write(false);
    }
}

impl<const LOOK: bool> Drop for Scan<'_, LOOK> {
    fn drop(&mut self) {
        self.list.scanning.write(false);
        if self.hides {
            self.list.lock().end_scan();
        }
    }
}
