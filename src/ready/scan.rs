// SPDX-License-Identifier: GPL-2.0

//! Scans of the ready list: some items at a time are taken off it, polled, and seen to.

use super::{
    Lists,
    Locked,
    Place,
    ReadyList, //
};
use crate::{
    item::Item,
    kernel_ext::{
        array::Array,
        hook,
        poll_file::{
            self,
            FileRef, //
        },
        rbtree::Tree,
        task, //
    },
    uapi::Pending,
};

/// How many items a scan takes at once. It bounds how long their lock is held for that.
const CHUNK: usize = 16;

impl ReadyList {
    /// Starts a scan of what is ready, and takes the first items as [`Scan::take`] does. `items`
    /// shows that the caller holds the mutex.
    ///
    /// # Errors
    ///
    /// [`Suspended`] if another scan has not ended yet, though the mutex is free.
    pub(crate) fn scan<'b>(
        &self,
        items: &'b Tree<Item>,
        most: usize,
        chunk: &mut Chunk<'b>,
    ) -> Result<(Scan<'_>, Option<Taken<'b>>), Suspended> {
        let mut guard = self.lock();
        let lists = &mut *guard;
        let me = task::current_id();
        if let Some(scanner) = lists.scanner {
            let lists = [&lists.ready, &lists.batch, &lists.requeued];
            let may_be_ready = scanner != me || lists.iter().any(|list| !list.is_empty());
            guard.denied |= !may_be_ready;
            return Err(Suspended { may_be_ready });
        }
        lists.batch.append(&mut lists.ready);
        lists.denied = false;
        lists.scanner = Some(me);
        lists.scan_is_awake = lists.awake.is_active();
        if lists.scan_is_awake {
            lists.awake.count(true);
        }
        let alone = chunk.fill(lists, items, most);
        Ok((Scan(self), alone))
    }
}

impl Lists {
    /// Does with items, whose events were just handed out, what their interest wants: disarms them,
    /// or puts them back, to be looked at again in the next scan, after all others.
    fn settle(&mut self, handed_out: &[Pending<&Item>]) {
        for Pending { what: item, .. } in handed_out {
            let interest = item.interest();
            if !interest.is_simple() {
                if interest.is_oneshot() {
                    item.set_interest(interest.disarmed());
                    continue;
                }
                if !interest.is_level_triggered() {
                    continue;
                }
                if item.place.get() == Place::Idle {
                    self.awake.count(true);
                }
            }
            if item.place.get() == Place::Idle {
                item.place.set(Place::Listed);
                // SAFETY: The item is in no list, and in the tree.
                unsafe { self.requeued.push_back(item) };
            }
        }
    }
}

impl Locked<'_> {
    /// Joins the lists of a scan.
    #[inline]
    fn end_scan(&mut self) {
        let lists = &mut *self.lists;
        lists.batch.append(&mut lists.ready);
        lists.batch.append(&mut lists.requeued);
        lists.ready.append(&mut lists.batch);
        lists.scanner = None;
        if core::mem::take(&mut lists.scan_is_awake) {
            lists.awake.count(false);
        }
        if !lists.ready.is_empty() {
            self.wake_waiter(false);
        }
    }
}

/// Why there can be no scan now: another one is suspended while it polls an epoll.
pub(crate) struct Suspended {
    /// Whether the instance is to be taken for ready: if something else is listed, or on account of
    /// that epoll; but not if it is this epoll that, in the same task, polls the instance.
    pub(crate) may_be_ready: bool,
}

/// An item that a scan has taken off all lists, with a reference to its file.
pub(crate) type Taken<'b> = (&'b Item, FileRef);

/// Some items that a scan has taken, none of which needs to be taken alone; later, what was found of
/// them.
///
/// # Invariants
///
/// Until they are `polled` there is a reference to the file of each.
pub(crate) struct Chunk<'b> {
    items: Array<Pending<&'b Item>, CHUNK>,
    polled: bool,
    /// Whether the scan may find more.
    pub(crate) more: bool,
}

impl<'b> Chunk<'b> {
    /// Nothing.
    #[inline]
    pub(crate) const fn new() -> Self {
        Self {
            items: Array::new(),
            polled: true,
            more: true,
        }
    }

    /// Polls the files. Items without events are dropped: a wake-up will bring them back.
    #[inline]
    pub(crate) fn poll(&mut self) {
        if !self.polled {
            self.polled = true;
            self.items.change_all(|Pending { what: item, .. }| {
                // SAFETY: By the type invariant. This happens once.
                let file = unsafe { poll_file::assume_got(item.file()) };
                let events = hook::poll(&file, item.interest().bits());
                (events != 0).then(|| Pending::new(events, item.data(), item))
            });
        }
    }

    /// Puts the item, which was taken alone and polled, in.
    pub(crate) fn push(&mut self, item: &'b Item, events: u32) {
        self.items.push(Pending::new(events, item.data(), item));
    }

    /// The items that have events.
    #[inline]
    pub(crate) fn found(&self) -> &[Pending<&'b Item>] {
        self.items.as_slice()
    }

    /// Leaves so many of these.
    pub(crate) fn truncate(&mut self, len: usize) {
        self.items.truncate(len);
    }

    /// Takes the next items of the batch, at most so many. One that has to be taken alone is
    /// returned.
    #[inline]
    fn fill(
        &mut self,
        lists: &mut Lists,
        _items: &'b Tree<Item>,
        most: usize,
    ) -> Option<Taken<'b>> {
        let taken = &mut self.items;
        taken.truncate(0);
        self.polled = false;
        let mut alone = None;
        lists.batch.take_front(most.min(CHUNK), |item| {
            // SAFETY: The item is in the tree, and items leave it under the mutex, which is held
            // for `'b`.
            let item: &'b Item = unsafe { item.as_ref() };
            if item.is_special() {
                alone = Some(item);
                return false;
            }
            item.place.set(Place::Idle);
            // If there is no more, the file is being closed, and the item about to be buried.
            // SAFETY: The item was not buried, which happens under the lock before the file is
            // freed.
            if unsafe { poll_file::get_raw(item.file()) } {
                // SAFETY: No more are taken than there is room for.
                unsafe { taken.push_unchecked(Pending::bare(item)) };
            }
            true
        });
        let alone = alone.filter(|_| taken.as_slice().is_empty());
        let taken = alone.and_then(|item| {
            lists.forget(item);
            // SAFETY: As above.
            Some((item, unsafe { poll_file::try_get(item.file()) }?))
        });
        self.more = !lists.batch.is_empty();
        taken
    }
}

impl Drop for Chunk<'_> {
    #[inline]
    fn drop(&mut self) {
        self.poll();
    }
}

/// A scan of what was ready when it began. Ends when it is dropped.
pub(crate) struct Scan<'a>(&'a ReadyList);

impl Scan<'_> {
    /// Sees to the items of the chunk, whose events were handed out, and takes the next ones into
    /// it, at most so many; or one that has to be taken alone, which is returned. `items` shows that
    /// the caller holds the mutex.
    pub(crate) fn take<'b>(
        &mut self,
        items: &'b Tree<Item>,
        most: usize,
        chunk: &mut Chunk<'b>,
    ) -> Option<Taken<'b>> {
        let mut lists = self.0.lock();
        lists.settle(chunk.found());
        chunk.fill(&mut lists, items, most)
    }

    /// Whether somebody was told, since this was asked last, that nothing is ready.
    pub(crate) fn take_denied(&mut self) -> bool {
        core::mem::take(&mut self.0.lock().denied)
    }

    /// Puts an item back as if it had not been taken.
    pub(crate) fn put_back(&mut self, item: &Item) {
        let mut lists = self.0.lock();
        if item.place.get() == Place::Dead {
            return;
        }
        lists.forget(item);
        lists.set_place(item, Place::Listed);
        // SAFETY: The item is in no list now, and in the tree.
        unsafe { lists.batch.push_front(item) };
    }

    /// Sees to the last items, whose events were handed out, and ends the scan.
    pub(crate) fn finish(self, chunk: &Chunk<'_>) {
        let list = self.0;
        core::mem::forget(self);
        let mut lists = list.lock();
        lists.settle(chunk.found());
        lists.end_scan();
    }
}

impl Drop for Scan<'_> {
    fn drop(&mut self) {
        self.0.lock().end_scan();
    }
}
