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
    item::{
        Handling,
        Item, //
    },
    kernel_ext::{
        array::Array,
        hint,
        hook::Look,
        list::List,
        poll_file::{
            self,
            FileRef,
            LastRefs, //
        },
        rbtree::Tree,
        task, //
    },
    uapi::{
        Event,
        Pending, //
    },
};
use core::ptr::NonNull;

/// How many items a scan looks at at once. It bounds how long their lock is held for that.
pub(crate) const CHUNK: usize = 16;

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
        let mut locked = self.lock();
        if let Some(scanner) = locked.scanner {
            return Err(locked.suspended(scanner));
        }
        let lists = &mut *locked;
        self.scanning.write(true);
        let rest = chunk.fill::<LOOK>(&mut lists.ready, &mut lists.counters, items, most);
        let hides = rest.is_some_and(|rest| lists.hides_rest::<LOOK>(chunk, rest, most));
        drop(locked);
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
        let is_alone = chunk.is_empty() && rest.handling() == Handling::Alone;
        let hides = is_alone || !LOOK && (most > CHUNK || !is_next);
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
            Some(item) if chunk.is_empty() && item.handling() == Handling::Alone => {
                self.forget(item);
                chunk.alone = Some(Alone::new(item));
                chunk.more = !self.batch.is_empty();
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
        let items = chunk.items.as_slice();
        let (reached, unreached) = items.split_at(chunk.reached.min(items.len()));
        // Before all others, in their order.
        for pending in unreached.iter().rev() {
            self.put_back(pending.what);
        }
        for pending in reached {
            let item = pending.what;
            let place = item.place();
            let stays = match pending.has_events() {
                // One that was taken alone.
                true if place == Place::Idle => item.interest().is_level_triggered(),
                true => continue,
                // What came meanwhile is for the next scan.
                false => place == Place::Listed,
            };
            if place == Place::Dead {
                continue;
            }
            self.forget(item);
            if stays {
                self.set_place(item, Place::Listed);
                link(&mut self.requeued, item);
            }
        }
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
/// Until they are `polled` there is a reference to the file of each.
pub(crate) struct Chunk<'b> {
    items: Array<Pending<&'b Item>, CHUNK>,
    polled: bool,
    /// Whether one of them is a one-shot one.
    oneshot: bool,
    /// How many have no events.
    empty: usize,
    /// How many, from the first one on, were handed out, or had nothing to be.
    reached: usize,
    /// An item that was taken off all lists instead, alone.
    alone: Option<Alone<'b>>,
    /// Whether the item is such a one, which was polled.
    is_alone: bool,
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
            oneshot: false,
            empty: 0,
            reached: 0,
            alone: None,
            is_alone: false,
            more: true,
        }
    }

    /// Looks at the next items of the list, at most so many. Those that are level-triggered stay there;
    /// others leave it, unless this is only to `LOOK`. Returns the item behind them.
    #[inline(always)]
    fn fill<const LOOK: bool>(
        &mut self,
        list: &mut List<Item, 0>,
        counters: &mut Counters,
        _items: &'b Tree<Item>,
        most: usize,
    ) -> Option<&'b Item> {
        let mut items = self.items.filler();
        let mut room = most.min(CHUNK);
        // The mutex is held during `'b`, as the tree shows.
        let mut next: Option<&'b Item> = list.first().map(listed);
        while let Some(item) = next.filter(|_| items.len() < room) {
            let stays = match item.handling() {
                Handling::Alone => break,
                Handling::Stays => true,
                Handling::Leaves => LOOK,
            };
            next = list.after(item).map(listed);
            let got = unburied(item).get();
            if got && stays {
                item.set_place(Place::Seen);
            } else {
                counters.leave();
                item.set_place(Place::Idle);
                unlink(list, item);
            }
            if got {
                // SAFETY: There is room for them.
                unsafe { items.push_unchecked(Pending::new(item)) };
            } else {
                // The file is being closed, and the item about to be buried.
                room -= 1;
            }
        }
        drop(items);
        self.polled = false;
        self.more = next.is_some();
        next
    }

    /// The item that was taken off all lists, with its file, unless that is closed.
    #[inline]
    pub(crate) fn take_alone(&mut self) -> Option<Taken<'b>> {
        taken(self.alone.take()?)
    }

    /// Whether there are no items.
    #[inline]
    fn is_empty(&self) -> bool {
        self.items().is_empty()
    }

    /// Polls the files, and gives the references to them back. `last` keeps those that turn out to be
    /// the last ones.
    #[inline(always)]
    pub(crate) fn poll(&mut self, last: &mut LastRefs<CHUNK>) {
        self.polled = true;
        let mut all = Interest::NOTHING;
        let mut empty = 0;
        let mut look = Look::new();
        for pending in self.items.as_mut_slice() {
            let item = pending.what;
            let file = assume_got(item);
            let interest = item.interest();
            all = all.with(interest);
            let events = look.poll(&file, interest.bits());
            pending.set(events, item.data());
            if events == 0 {
                hint::cold_path();
                empty += 1;
            }
            last.put(file);
        }
        self.oneshot = all.is_oneshot();
        self.empty = empty;
        self.reached = self.items().len();
        self.is_alone = false;
    }

    /// Puts the item, which was taken alone and polled, in.
    pub(crate) fn push(&mut self, item: &'b Item, events: u32) {
        let mut pending = Pending::new(item);
        pending.set(events, item.data());
        self.is_alone = true;
        self.oneshot = item.interest().is_oneshot();
        self.items.push(pending);
    }

    /// The items.
    #[inline]
    fn items(&self) -> &[Pending<&'b Item>] {
        self.items.as_slice()
    }

    /// How many have no events.
    #[inline]
    pub(crate) fn empty(&self) -> usize {
        self.empty
    }

    /// Whether any has events.
    #[inline]
    pub(crate) fn has_events(&self) -> bool {
        self.empty != self.items().len()
    }

    /// Hands the events out to the array at the user's address `to`, which has room for them. Returns
    /// how many: fewer than there are after a fault.
    #[inline(always)]
    pub(crate) fn hand_out(&mut self, to: usize) -> usize {
        let handed_out = match self.empty {
            0 => {
                self.reached = Pending::write_all(self.items(), to);
                self.reached
            }
            _ => self.hand_out_some(to),
        };
        if self.oneshot {
            self.disarm();
        }
        handed_out
    }

    #[cold]
    fn hand_out_some(&mut self, to: usize) -> usize {
        let mut handed_out = 0;
        self.reached = 0;
        for pending in self.items.as_slice() {
            if pending.has_events() {
                let at = to + handed_out * Event::SIZE;
                if Pending::write_all(core::slice::from_ref(pending), at) == 0 {
                    break;
                }
                handed_out += 1;
            }
            self.reached += 1;
        }
        handed_out
    }

    /// Disarms the one-shot items whose events were handed out. A wake-up that came in between has
    /// listed them for the next scan, which finds nothing.
    #[inline(never)]
    fn disarm(&self) {
        for pending in self.reached() {
            let interest = pending.what.interest();
            if interest.is_oneshot() && pending.has_events() {
                pending.what.set_interest(interest.disarmed());
            }
        }
    }

    /// Those that were handed out, or had nothing to be.
    #[inline]
    pub(crate) fn reached(&self) -> &[Pending<&'b Item>] {
        self.items().get(..self.reached).unwrap_or_default()
    }

    /// Whether all that was found was handed out.
    #[inline]
    pub(crate) fn is_handed_out(&self) -> bool {
        self.reached == self.items().len()
    }

    /// Whether all items are where they belong.
    #[inline]
    fn is_settled(&self) -> bool {
        self.empty == 0 && !self.is_alone && self.is_handed_out()
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
            lists.hide();
        }
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
        list.scanning.write(false);
        if hides || !chunk.is_settled() {
            list.settle(chunk);
        } else if list.waiters.is_active() {
            // Who slept before the scan began, which has hidden nothing. Who went to sleep since then
            // did so after the files of all that was listed were closed, or its events handed out.
            list.pass_on();
        }
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
