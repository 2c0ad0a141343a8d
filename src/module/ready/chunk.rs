// SPDX-License-Identifier: GPL-2.0

//! Chunks of items that a scan looks at together, and the events that it finds.

use super::{
    lists::listed,
    pinned::{
        unburied,
        Alone,
        Pinned, //
    },
    scan_may_poll,
    Counters, //
};
use crate::{
    event::Interest,
    item::{
        Handling,
        Item, //
    },
    kernel_ext::{
        array::{
            Array,
            Filler, //
        },
        hint,
        list::List,
        poll::Look,
        poll_file::{
            self,
            LastRefs, //
        },
        rbtree::Tree, //
    },
    place::Place,
    uapi::{
        self,
        Buffer,
        Event,
        RawEvent, //
    }, //
};

/// How many items a scan checks together. This bounds how long it holds their lock.
pub(crate) const CHUNK: usize = 16;

/// An item that a scan has taken off all lists, with its file.
type Taken<'b> = (&'b Item, Pinned);

/// Some items that a scan checks, later with their events; or one item that was taken separately,
/// off all lists.
///
/// After a chunk was filled, it must be polled: until then, there is a reference to the file of
/// each item.
///
/// # Invariants
///
/// Once it has been polled, there are as many events as items.
pub(crate) struct Chunk<'b> {
    items: Array<&'b Item, CHUNK>,
    /// Their events: 0 for items whose files have none.
    events: Array<RawEvent, CHUNK>,
    /// An item that was taken separately instead, and has not been polled.
    alone: Option<Alone<'b>>,
    /// How many have no events.
    empty: usize,
    /// How many items, from the first one on, had their events delivered, or had none. Only valid
    /// in an unsettled chunk.
    reached: usize,
    /// Whether one of them is one-shot.
    oneshot: bool,
    /// Whether an item may not be where it belongs.
    unsettled: bool,
    /// Whether the scan may find more.
    pub(crate) more: bool,
}

impl<'b> Chunk<'b> {
    /// An empty chunk.
    #[inline]
    pub(crate) const fn new() -> Self {
        Self {
            items: Array::new(),
            events: Array::new(),
            alone: None,
            empty: 0,
            reached: 0,
            oneshot: false,
            unsettled: false,
            more: true,
        }
    }

    /// Empties the chunk.
    pub(super) fn clear(&mut self) {
        *self = Self::new();
    }

    /// Takes the next items of the list into the chunk, at most so many. Level-triggered items stay
    /// on the list; others leave it, unless the caller only wants to `LOOK`. Items whose file is
    /// being closed, which are about to be buried, also leave it. Returns the next item.
    #[inline(always)]
    pub(super) fn fill<const LOOK: bool>(
        &mut self,
        list: &mut List<Item, 0>,
        counters: &mut Counters,
        _items: &'b Tree<Item>,
        most: usize,
    ) -> Option<&'b Item> {
        let mut items = self.items.filler();
        let mut room = most.min(CHUNK);
        // The tree shows that the mutex is held during `'b`.
        let after = |item: &Item| List::after(item).map(listed);
        let mut next: Option<&'b Item> = list.first().map(listed);
        // The last item that stays.
        let mut kept: Option<&'b Item> = None;
        // SAFETY: The callers have checked that there is room.
        let push = |items: &mut Filler<'_, _, CHUNK>, item| unsafe { items.push_unchecked(item) };
        while let Some(first) = next.filter(|_| items.len() < room) {
            let handling = first.handling();
            if handling == Handling::Alone {
                break;
            }
            if handling == Handling::Stays || LOOK {
                next = after(first);
                if unburied(first).get() {
                    first.set_place(Place::Seen);
                    kept = Some(first);
                    push(&mut items, first);
                    continue;
                }
                room -= 1;
                first.set_place(Place::Idle);
                counters.leave();
            } else {
                // All following items of this kind.
                let mut item = first;
                loop {
                    next = after(item);
                    if unburied(item).get() {
                        push(&mut items, item);
                    } else {
                        room -= 1;
                    }
                    item.set_place(Place::Idle);
                    counters.leave();
                    match next {
                        Some(next) if items.len() < room && next.handling() == handling => {
                            item = next;
                        }
                        _ => break,
                    }
                }
            }
            // SAFETY: Both are in the list, and the items between them were just marked as being in
            // none.
            unsafe { list.cut(kept, next) };
        }
        drop(items);
        self.more = next.is_some();
        next
    }

    /// Stores an item that was taken separately, and whether the scan may find more.
    pub(super) fn set_alone(&mut self, alone: Alone<'b>, more: bool) {
        self.alone = Some(alone);
        self.more = more;
    }

    /// The item that was taken separately, with its file, unless that is closed.
    #[inline]
    pub(crate) fn take_alone(&mut self) -> Option<Taken<'b>> {
        let alone = self.alone.take()?;
        scan_may_poll();
        let item = alone.item;
        Some((item, alone.pin()?))
    }

    /// Stores the item, which was taken separately and polled, with its events.
    pub(crate) fn push(&mut self, item: &'b Item, events: u32) {
        self.items.push(item);
        self.events.push(uapi::raw(events, item.data()));
        self.oneshot = item.interest().is_oneshot();
        self.unsettled = true;
    }

    /// Whether the item, at which [`Chunk::fill`] has stopped, must be taken separately now.
    #[inline]
    pub(super) fn takes_alone(&self, rest: &Item) -> bool {
        self.items.as_slice().is_empty() && rest.handling() == Handling::Alone
    }

    /// Polls the files, and drops the references to them. `last` keeps those that are the last
    /// ones. Returns how many files have no events.
    #[inline(always)]
    pub(crate) fn poll(&mut self, last: &mut LastRefs<CHUNK>) -> usize {
        let mut all = Interest::NOTHING;
        let mut empty = 0usize;
        let mut look = Look::new();
        scan_may_poll();
        let mut found = self.events.filler();
        for item in self.items.as_slice() {
            // SAFETY: `fill` took it, and this is done once.
            let file = unsafe { poll_file::assume_got(item.file()) };
            let interest = item.interest();
            all = all.with(interest);
            let events = look.poll(&file, interest.bits());
            if events == 0 {
                hint::cold_path();
                empty = empty.wrapping_add(1);
            }
            // SAFETY: There are no more items than there is room for.
            unsafe { found.push_unchecked(uapi::raw(events, item.data())) };
            last.put(file);
        }
        drop(found);
        self.oneshot = all.is_oneshot();
        if empty != 0 {
            self.empty = empty;
            self.reached = self.items.as_slice().len();
            self.unsettled = true;
        }
        empty
    }

    /// Whether any has events.
    #[inline]
    pub(crate) fn has_events(&self) -> bool {
        self.empty != self.items.as_slice().len()
    }

    /// Delivers the events to the array, which has room for them. Returns the rest of the array,
    /// and whether all events were delivered, which is the case unless there was a fault.
    #[inline(always)]
    pub(crate) fn hand_out(&mut self, to: Buffer) -> (Buffer, bool) {
        let events = self.events.as_slice();
        let handed_out = match self.empty {
            0 => uapi::write_events(to, events),
            all if all == events.len() => return (to, true),
            _ => self.hand_out_some(to),
        };
        let all = handed_out == events.len().wrapping_sub(self.empty);
        if !all || self.unsettled {
            self.note_reached(handed_out, all);
        }
        if self.oneshot {
            self.disarm();
        }
        (to.behind(handed_out), all)
    }

    /// Delivers the events of the items that have any.
    #[cold]
    fn hand_out_some(&self, mut to: Buffer) -> usize {
        let mut handed_out = 0;
        for event in self.events.as_slice() {
            if event.events != 0 {
                if uapi::write_events(to, core::slice::from_ref(event)) == 0 {
                    break;
                }
                to = to.behind(1);
                handed_out += 1;
            }
        }
        handed_out
    }

    /// Records how far the scan got, after `handed_out` events were delivered.
    #[cold]
    fn note_reached(&mut self, handed_out: usize, all: bool) {
        self.unsettled = true;
        self.reached = match all {
            true => self.events.as_slice().len(),
            // Up to the item whose events could not be delivered.
            false => self
                .events
                .as_slice()
                .iter()
                .enumerate()
                .filter(|(_, event)| event.events != 0)
                .nth(handed_out)
                .map_or(0, |(at, _)| at),
        };
    }

    /// Disarms the one-shot items whose events were delivered. If a wake-up in between has listed
    /// one for the next scan, that scan finds nothing.
    #[inline(never)]
    fn disarm(&self) {
        for (item, _) in self.handed_out() {
            let interest = item.interest();
            if interest.is_oneshot() {
                item.set_interest(interest.disarmed());
            }
        }
    }

    /// How many items had their events delivered, or had none.
    #[inline]
    fn count_reached(&self) -> usize {
        match self.unsettled {
            true => self.reached,
            false => self.items.as_slice().len(),
        }
    }

    /// The items whose events were delivered, or that had none, with their events.
    #[inline]
    pub(super) fn reached(&self) -> impl Iterator<Item = (&'b Item, Event)> + use<'_, 'b> {
        let both = self.items.as_slice().iter().zip(self.events.as_slice());
        let reached = both.take(self.count_reached());
        reached.map(|(item, event)| (*item, Event::from(*event)))
    }

    /// The items whose events were delivered.
    #[inline]
    pub(crate) fn handed_out(&self) -> impl Iterator<Item = (&'b Item, Event)> + use<'_, 'b> {
        self.reached().filter(|(_, event)| event.events != 0)
    }

    /// The items that are not among [`Chunk::reached`].
    #[inline]
    pub(super) fn unreached(&self) -> &[&'b Item] {
        let items = self.items.as_slice();
        items.get(self.count_reached()..).unwrap_or_default()
    }

    /// Whether all items are where they belong.
    #[inline]
    pub(super) fn is_settled(&self) -> bool {
        !self.unsettled
    }
}
