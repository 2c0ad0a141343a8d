// SPDX-License-Identifier: GPL-2.0

//! Scans of the ready list: some items at a time are looked at, polled, and seen to.

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
    /// Starts a scan of what is ready, and takes the first items as [`Scan::take`] does. `items`
    /// shows that the caller holds the mutex. Whoever is only to `LOOK` hands nothing out.
    ///
    /// # Errors
    ///
    /// [`Suspended`] if another scan has not ended yet, though the mutex is free.
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
                // Without a scanner, that is all there can be.
                if lists.ready.is_empty() {
                    self.available.write(false);
                }
                false
            }
        };
        Ok(Scan { list: self, hides })
    }

    /// Sees to the last items of a scan, and ends it.
    #[inline(never)]
    fn settle(&self, chunk: &Chunk<'_>) {
        let mut lists = self.lock();
        lists.settle(chunk);
        lists.end_scan();
    }
}

impl Lists {
    /// What to tell who cannot scan since `scanner` does.
    #[cold]
    fn suspended(&mut self, scanner: usize) -> Suspended {
        let lists = [&self.ready, &self.batch, &self.requeued];
        let may_be_ready =
            scanner != task::current_id() || lists.iter().any(|list| !list.is_empty());
        self.denied |= !may_be_ready;
        Suspended { may_be_ready }
    }

    /// A scan has filled its first chunk, and there is something behind that. Takes that off the
    /// ready list, and returns true, if the scan goes on for certain, or is to put something behind it.
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

    /// From now on the scan takes items off the ready list. What is listed is its batch.
    fn hide(&mut self) {
        self.batch.append(&mut self.ready);
        self.denied = false;
        self.scanner = Some(task::current_id());
        self.scan_is_awake = self.awake.is_active();
        if self.scan_is_awake {
            self.awake.count(true);
        }
    }

    /// Takes what was filled into the chunk off the batch, as far as it is there, for the next scan;
    /// or else an item that has to be taken alone.
    #[inline]
    fn take_off<'b, const LOOK: bool>(&mut self, chunk: &mut Chunk<'b>, rest: Option<&'b Item>) {
        match rest {
            Some(item) if chunk.takes_alone(item) => {
                self.forget(item);
                chunk.set_alone(Alone::new(item), !self.batch.is_empty());
            }
            // It stays where it is if it is found.
            _ if LOOK => (),
            _ => {
                // SAFETY: It was found there, under the lock that is held still.
                let mut front = unsafe { self.batch.split_before(rest.map(NonNull::from)) };
                self.requeued.append(&mut front);
            }
        }
    }

    /// Sees to the items of a chunk that are not where they belong, now that it is known what became
    /// of their events.
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
                // It was taken alone.
                self.put_behind(item);
            }
        }
    }

    /// An item had no events when it was polled. What came meanwhile is for the next scan.
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

/// Why there can be no scan now: another one is suspended while it polls an epoll.
pub(crate) struct Suspended {
    /// Whether the instance is to be taken for ready: if something else is listed, or on account of
    /// that epoll; but not if it is this epoll that, in the same task, polls the instance.
    pub(crate) may_be_ready: bool,
}

/// A scan of what was ready when it began. Ends when it is dropped.
pub(crate) struct Scan<'a, const LOOK: bool> {
    list: &'a ReadyList,
    /// Whether it has taken what it did not look at yet off the ready list, and is known as its
    /// scanner.
    hides: bool,
}

impl<const LOOK: bool> Scan<'_, LOOK> {
    /// Sees to the items of the chunk, and takes the next ones into it, at most so many; or one that
    /// has to be taken alone. `items` shows that the caller holds the mutex.
    pub(crate) fn take<'b>(&mut self, items: &'b Tree<Item>, most: usize, chunk: &mut Chunk<'b>) {
        let mut locked = self.list.lock();
        let lists = &mut *locked;
        lists.settle(chunk);
        if !self.hides {
            self.hides = true;
            // All of the chunk have left the list. What is listed again is for the next scan.
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

    /// Whether somebody was told, since this was asked last, that nothing is ready.
    pub(crate) fn take_denied(&mut self) -> bool {
        core::mem::take(&mut self.list.lock().denied)
    }

    /// Puts an item back that was taken alone, as if it had not been taken.
    pub(crate) fn put_back(&mut self, item: &Item) {
        self.list.lock().put_back(item);
    }

    /// Sees to the last items, and ends the scan.
    #[inline]
    pub(crate) fn finish(self, chunk: &Chunk<'_>) {
        let (list, hides) = (self.list, self.hides);
        core::mem::forget(self);
        if hides || !chunk.is_settled() {
            list.settle(chunk);
        } else if list.awaited.read() {
            // Who slept before the scan began, which has hidden nothing. Who went to sleep since then
            // did so after the files of all that was listed were closed, or its events handed out.
            list.pass_on();
        }
        // After what could not be handed out is listed again.
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
