// SPDX-License-Identifier: GPL-2.0

//! Scans of the ready list: some items at a time are looked at, polled, and seen to.

use super::{
    link,
    link_at,
    listed,
    unburied,
    unlink,
    Alone,
    Counters,
    Lists,
    Locked,
    Pinned,
    Place,
    ReadyList, //
};
use crate::{
    event::Interest,
    item::Item,
    kernel_ext::{
        array::Array,
        hook,
        list::List,
        poll_file::{
            self,
            FileRef,
            LastRefs, //
        },
        rbtree::Tree,
        task, //
    },
    uapi::Pending,
};

/// How many items a scan looks at at once. It bounds how long their lock is held for that.
pub(crate) const CHUNK: usize = 16;

impl ReadyList {
    /// Starts a scan of what is ready, and takes the first items as [`Scan::take`] does. `items`
    /// shows that the caller holds the mutex.
    ///
    /// # Errors
    ///
    /// [`Suspended`] if another scan has not ended yet, though the mutex is free.
    #[inline(always)]
    pub(crate) fn scan<'b>(
        &self,
        items: &'b Tree<Item>,
        most: usize,
        chunk: &mut Chunk<'b>,
    ) -> Result<(Scan<'_>, Option<Taken<'b>>), Suspended> {
        let mut locked = self.lock();
        if let Some(scanner) = locked.scanner {
            return Err(locked.suspended(scanner));
        }
        let lists = &mut *locked;
        self.scanning.write(true);
        let special = chunk.fill(&mut lists.ready, &mut lists.counters, items, most);
        let scan = Scan {
            list: self,
            hides: special.is_some(),
        };
        let alone = special.map(|item| lists.hide_for_one(chunk, item));
        drop(locked);
        Ok((scan, alone.and_then(taken)))
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

    #[cold]
    fn hide_for_one<'b>(&mut self, chunk: &mut Chunk<'b>, item: &'b Item) -> Alone<'b> {
        self.hide(task::current_id());
        chunk.take_alone(self, item)
    }

    /// From now on the scan takes items off the ready list. What is listed is its batch.
    fn hide(&mut self, scanner: usize) {
        self.batch.append(&mut self.ready);
        self.denied = false;
        self.scanner = Some(scanner);
        self.scan_is_awake = self.awake.is_active();
        if self.scan_is_awake {
            self.awake.count(true);
        }
    }

    /// Does with the items of a chunk what their interest and their events want: disarms them, puts
    /// them off the lists, or behind all others, to be looked at again in the next scan.
    fn settle(&mut self, chunk: &Chunk<'_>) {
        match chunk.last {
            Some(last) if chunk.is_handed_out() && chunk.burials == self.counters.closed => {
                let list = match self.scanner {
                    None => &mut self.ready,
                    Some(_) => &mut self.batch,
                };
                // SAFETY: The chunk is the front of the list, up to `last`: nothing has left it, as
                // no item was buried.
                let mut front = unsafe { list.split_front(last) };
                if chunk.all_stay() {
                    self.requeued.append(&mut front);
                    return;
                }
                let (found, empty) = chunk.split();
                let mut gone = 0u32;
                let mut settle = |item: &Item, stays: bool| {
                    if stays {
                        item.set_place(Place::Listed);
                        link(&mut self.requeued, item);
                    } else {
                        item.set_place(Place::Idle);
                        gone = gone.wrapping_add(1);
                    }
                };
                for Pending { what: item, .. } in found {
                    settle(item, stays(item, true));
                }
                for Pending { what: item, .. } in empty {
                    settle(item, stays(item, false));
                }
                self.counters.leave(gone);
            }
            _ => {
                for (at, pending) in chunk.items.as_slice().iter().enumerate() {
                    let handed_out = at < chunk.handed_out;
                    let reached = handed_out || chunk.is_passed_over(at, pending);
                    self.settle_one(pending.what, handed_out, reached);
                }
            }
        }
    }

    /// Does the same with one item, wherever that may be by now; if it was not `reached`, as an event
    /// before it could not be handed out, it is where it was.
    #[cold]
    fn settle_one(&mut self, item: &Item, handed_out: bool, reached: bool) {
        if item.is_dead() {
            return;
        }
        if !reached {
            // What was polled in place has not left it.
            if item.place() == Place::Idle {
                self.put_back(item);
            }
            return;
        }
        let stays = stays(item, handed_out);
        self.forget(item);
        if stays {
            self.set_place(item, Place::Listed);
            link(&mut self.requeued, item);
        }
    }

    /// Puts an item that was taken alone back as if it had not been taken.
    fn put_back(&mut self, item: &Item) {
        if !item.is_dead() {
            self.forget(item);
            self.set_place(item, Place::Listed);
            link_at(&mut self.batch, item, List::push_front);
        }
    }
}

/// Whether an item, whose events if any were `handed_out`, is to be looked at by the next scan. If it
/// is a one-shot one it is disarmed.
#[inline(always)]
fn stays(item: &Item, handed_out: bool) -> bool {
    // What came meanwhile is for the next scan.
    let woken = item.place() == Place::Listed;
    if !handed_out {
        return woken;
    }
    let interest = item.interest();
    if interest.is_oneshot() {
        disarm(item, interest);
        return woken;
    }
    woken || interest.is_level_triggered()
}

#[cold]
fn disarm(item: &Item, interest: Interest) {
    item.set_interest(interest.disarmed());
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

/// An item that a scan has taken off all lists, with its file.
pub(crate) type Taken<'b> = (&'b Item, Pinned);

fn taken(alone: Alone<'_>) -> Option<Taken<'_>> {
    let item = alone.item;
    Some((item, alone.pin()?))
}

/// Some items that a scan looks at, none of which needs to be taken alone; later, what was found of
/// them.
///
/// # Invariants
///
/// Until they are `polled` there is a reference to the file of each. `handed_out` is at most
/// `found`, and that at most the number of items.
pub(crate) struct Chunk<'b> {
    items: Array<Pending<&'b Item>, CHUNK>,
    polled: bool,
    /// Of all items: whether what they want is no more than to stay listed while they have events.
    simple: bool,
    /// How many, from the first one on, have events.
    found: usize,
    /// How many of these were handed out.
    handed_out: usize,
    /// The last one on the list, if the items are there.
    last: Option<&'b Item>,
    /// How many items had been buried when it was filled.
    burials: u64,
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
            simple: true,
            found: 0,
            handed_out: 0,
            last: None,
            burials: 0,
            more: true,
        }
    }

    /// Polls the files, and gives the references to them back. `last` keeps those that turn out to be
    /// the last ones.
    #[inline(always)]
    pub(crate) fn poll(&mut self, last: &mut LastRefs<CHUNK>) {
        if self.polled {
            return;
        }
        self.polled = true;
        let mut all = Interest::NOTHING;
        let mut found = 0;
        for pending in self.items.as_mut_slice() {
            let item = pending.what;
            let file = assume_got(item);
            let interest = item.interest();
            all = all.with(interest);
            let events = hook::poll(&file, interest.bits());
            pending.set(events, item.data());
            found += usize::from(events != 0);
            last.put(file);
        }
        self.simple = all.is_simple();
        self.found = found;
        if found != self.len() {
            self.sort_by_events();
        }
    }

    /// Puts the items that have events before the others. For each of the others it notes how many
    /// items with events were before it.
    #[cold]
    fn sort_by_events(&mut self) {
        let items = self.items.as_mut_slice();
        let mut front = 0;
        for at in 0..items.len() {
            if items[at].has_events() {
                items.swap(front, at);
                front += 1;
            } else {
                items[at].set(0, front as u64);
            }
        }
    }

    /// Puts the item, which was taken alone and polled, in.
    pub(crate) fn push(&mut self, item: &'b Item, events: u32) {
        let mut pending = Pending::new(item);
        pending.set(events, item.data());
        self.simple = false;
        if self.items.push(pending) {
            self.found += 1;
        }
    }

    /// The items that have events.
    #[inline]
    pub(crate) fn found(&self) -> &[Pending<&'b Item>] {
        self.split().0
    }

    /// How many have none.
    #[inline]
    pub(crate) fn empty(&self) -> usize {
        self.len().wrapping_sub(self.found)
    }

    /// Notes how many of these were handed out.
    #[inline]
    pub(crate) fn set_handed_out(&mut self, count: usize) {
        self.handed_out = count.min(self.found);
    }

    /// Whether the item with that index has no events, and all that were before it were handed out.
    fn is_passed_over(&self, at: usize, pending: &Pending<&Item>) -> bool {
        at >= self.found && pending.event().data <= self.handed_out as u64
    }

    /// Those that have events, and those that have none.
    #[inline]
    fn split(&self) -> (&[Pending<&'b Item>], &[Pending<&'b Item>]) {
        let all = self.items.as_slice();
        all.split_at(self.found.min(all.len()))
    }

    #[inline]
    fn len(&self) -> usize {
        self.items.as_slice().len()
    }

    /// Whether all that was found was handed out.
    #[inline]
    fn is_handed_out(&self) -> bool {
        self.handed_out == self.found
    }

    /// Whether all items, once they are seen to, are on the list as before.
    #[inline]
    fn all_stay(&self) -> bool {
        self.simple && self.handed_out == self.len()
    }

    /// Looks at the next items of the list, at most so many. One that has to be taken alone, and is
    /// the first, is returned.
    #[inline(always)]
    fn fill(
        &mut self,
        list: &mut List<Item, 0>,
        counters: &mut Counters,
        _items: &'b Tree<Item>,
        most: usize,
    ) -> Option<&'b Item> {
        self.items.clear();
        (self.found, self.handed_out) = (0, 0);
        self.last = None;
        self.burials = counters.closed;
        self.polled = false;
        let mut next = list.first();
        for _ in 0..most.min(CHUNK) {
            let Some(item) = next else {
                break;
            };
            // The mutex is held during `'b`, as the tree shows.
            let item: &'b Item = listed(item);
            if item.is_special() {
                if self.items.as_slice().is_empty() {
                    return Some(item);
                }
                break;
            }
            next = list.after(item);
            if unburied(item).get() {
                item.set_place(Place::Seen);
                self.last = Some(item);
                // SAFETY: No more are taken than there is room for.
                unsafe { self.items.push_unchecked(Pending::new(item)) };
            } else {
                // The file is being closed, and the item about to be buried.
                counters.moved(item.place(), Place::Idle);
                item.set_place(Place::Idle);
                unlink(list, item);
            }
        }
        self.more = next.is_some();
        None
    }

    /// Takes an item off the list alone.
    #[cold]
    fn take_alone(&mut self, lists: &mut Lists, item: &'b Item) -> Alone<'b> {
        lists.forget(item);
        self.more = !lists.batch.is_empty();
        Alone::new(item)
    }
}

/// The reference to the file of an item that [`Chunk::fill`] has got, and nobody has given back.
#[inline]
fn assume_got(item: &Item) -> FileRef {
    // SAFETY: The callers go through the items of a chunk once.
    unsafe { poll_file::assume_got(item.file()) }
}

impl Drop for Chunk<'_> {
    #[inline]
    fn drop(&mut self) {
        #[cold]
        fn give_back(chunk: &Chunk<'_>) {
            for pending in chunk.items.as_slice() {
                drop(assume_got(pending.what));
            }
        }
        if !self.polled {
            give_back(self);
        }
    }
}

/// A scan of what was ready when it began. Ends when it is dropped.
pub(crate) struct Scan<'a> {
    list: &'a ReadyList,
    /// Whether it has taken items off the ready list, and is known as its scanner.
    hides: bool,
}

impl Scan<'_> {
    /// Sees to the items of the chunk, and takes the next ones into it, at most so many; or one that
    /// has to be taken alone, which is returned. `items` shows that the caller holds the mutex.
    pub(crate) fn take<'b>(
        &mut self,
        items: &'b Tree<Item>,
        most: usize,
        chunk: &mut Chunk<'b>,
    ) -> Option<Taken<'b>> {
        let mut locked = self.list.lock();
        let lists = &mut *locked;
        lists.settle(chunk);
        if !self.hides {
            self.hides = true;
            lists.hide(task::current_id());
        }
        let special = chunk.fill(&mut lists.batch, &mut lists.counters, items, most);
        let alone = special.map(|item| chunk.take_alone(lists, item));
        drop(locked);
        alone.and_then(taken)
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
        list.scanning.write(false);
        if hides || chunk.more || !chunk.all_stay() {
            list.settle(chunk);
        } else if list.waiters.is_active() {
            // Who slept before the scan began, which has hidden nothing. Who went to sleep since then
            // did so after the files of all that was listed were closed.
            list.pass_on();
        }
    }
}

impl Drop for Scan<'_> {
    fn drop(&mut self) {
        self.list.scanning.write(false);
        if self.hides {
            self.list.lock().end_scan();
        }
    }
}
