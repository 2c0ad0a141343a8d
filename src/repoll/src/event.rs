// SPDX-License-Identifier: MIT OR Apache-2.0

//! Events, which waits return.

use rustix::event::epoll::{self, EventFlags};
use std::{fmt, iter::FusedIterator, slice};

/// A file is ready.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct Event {
    data: u64,
    flags: EventFlags,
}

impl Event {
    /// The data that the file was added or modified with, such as an index of
    /// the caller.
    #[inline]
    pub fn data(&self) -> u64 {
        self.data
    }

    /// There is something to read or to accept, or the end has been reached
    /// (`EPOLLIN`).
    #[inline]
    pub fn is_readable(&self) -> bool {
        self.flags.contains(EventFlags::IN)
    }

    /// There is room to write, or an attempt to connect has ended (`EPOLLOUT`).
    #[inline]
    pub fn is_writable(&self) -> bool {
        self.flags.contains(EventFlags::OUT)
    }

    /// There is an exceptional condition, such as urgent data (`EPOLLPRI`).
    #[inline]
    pub fn is_priority(&self) -> bool {
        self.flags.contains(EventFlags::PRI)
    }

    /// The peer will send no more. Data that it sent before may still be there
    /// to read.
    ///
    /// Either the peer has announced this, which is reported only with
    /// [`READ_CLOSED`](crate::Interest::READ_CLOSED), or the file has [hung
    /// up](Self::is_hang_up).
    #[inline]
    pub fn is_read_closed(&self) -> bool {
        self.flags.intersects(EventFlags::RDHUP | EventFlags::HUP)
    }

    /// Both directions are closed, or the other end of a pipe or terminal is
    /// (`EPOLLHUP`). Every item watches for this.
    #[inline]
    pub fn is_hang_up(&self) -> bool {
        self.flags.contains(EventFlags::HUP)
    }

    /// There is an error to fetch, or nobody reads from a pipe any more
    /// (`EPOLLERR`). Every item watches for this.
    #[inline]
    pub fn is_error(&self) -> bool {
        self.flags.contains(EventFlags::ERR)
    }

    /// All bits, as in `struct epoll_event`.
    #[inline]
    pub fn flags(&self) -> u32 {
        self.flags.bits()
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event")
            .field("data", &self.data)
            .field("flags", &self.flags)
            .finish()
    }
}

impl From<epoll::Event> for Event {
    #[inline]
    fn from(event: epoll::Event) -> Self {
        Self {
            data: event.data.u64(),
            flags: event.flags,
        }
    }
}

/// Room for the events of a wait, which fetches no more than there is room for.
///
/// The memory is allocated once. Each wait replaces the events of the previous
/// one, and neither allocates nor clears memory.
///
/// ```no_run
/// # use repoll::{Events, Poller};
/// # fn main() -> std::io::Result<()> {
/// # let poller = Poller::new()?;
/// let mut events = Events::with_capacity(256);
/// poller.wait(&mut events, None)?;
/// for event in &events {
///     println!("{}: {event:?}", event.data());
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Default)]
pub struct Events(Vec<epoll::Event>);

impl Events {
    /// Room for this many events, without any event yet.
    ///
    /// A wait requires room for at least one event.
    #[inline]
    pub fn with_capacity(capacity: usize) -> Self {
        Self(Vec::with_capacity(capacity))
    }

    /// How many events there is room for.
    #[inline]
    pub fn capacity(&self) -> usize {
        self.0.capacity()
    }

    /// The number of events.
    #[inline]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no events.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Removes all events.
    #[inline]
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// The event with this index, in the kernel's order.
    #[inline]
    pub fn get(&self, index: usize) -> Option<Event> {
        self.0.get(index).copied().map(Event::from)
    }

    /// All events, in the kernel's order.
    #[inline]
    pub fn iter(&self) -> Iter<'_> {
        Iter(self.0.iter())
    }

    /// The buffer, so that a wait on the kernel's epoll can store its events
    /// there. A program that falls back to epoll can then share all other code.
    ///
    /// ```
    /// use repoll::Events;
    /// use rustix::{buffer::spare_capacity, event::epoll};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// # let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    /// # let now = rustix::event::Timespec::default();
    /// # let timeout = Some(&now);
    /// let mut events = Events::with_capacity(64);
    /// events.clear();
    /// epoll::wait(&epoll, spare_capacity(events.as_mut_vec()), timeout)?;
    /// # Ok(())
    /// # }
    /// ```
    #[inline]
    pub fn as_mut_vec(&mut self) -> &mut Vec<epoll::Event> {
        &mut self.0
    }
}

// SAFETY: Events are numbers and bits, of which all values are valid. They are
// not `Send` automatically, because the number can also be read as a pointer;
// but any use of that pointer requires `unsafe`, with an argument of its own.
unsafe impl Send for Events {}
// SAFETY: As above; nothing is modified through a shared reference.
unsafe impl Sync for Events {}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self).finish()
    }
}

impl<'a> IntoIterator for &'a Events {
    type Item = Event;
    type IntoIter = Iter<'a>;

    #[inline]
    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

/// Iterates over [`Events`].
#[derive(Clone)]
pub struct Iter<'a>(slice::Iter<'a, epoll::Event>);

impl fmt::Debug for Iter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}

impl Iterator for Iter<'_> {
    type Item = Event;

    #[inline]
    fn next(&mut self) -> Option<Event> {
        self.0.next().copied().map(Event::from)
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl DoubleEndedIterator for Iter<'_> {
    #[inline]
    fn next_back(&mut self) -> Option<Event> {
        self.0.next_back().copied().map(Event::from)
    }
}

impl ExactSizeIterator for Iter<'_> {}
impl FusedIterator for Iter<'_> {}

#[cfg(test)]
mod tests {
    use super::*;
    use epoll::EventData;

    fn event(flags: EventFlags, data: u64) -> Event {
        let data = EventData::new_u64(data);
        epoll::Event { flags, data }.into()
    }

    #[test]
    fn an_event_tells_what_its_bits_mean() {
        type Question = fn(&Event) -> bool;
        let questions: [Question; 6] = [
            Event::is_readable,
            Event::is_writable,
            Event::is_priority,
            Event::is_read_closed,
            Event::is_hang_up,
            Event::is_error,
        ];
        let answers = [
            (EventFlags::IN, [1, 0, 0, 0, 0, 0]),
            (EventFlags::OUT, [0, 1, 0, 0, 0, 0]),
            (EventFlags::PRI, [0, 0, 1, 0, 0, 0]),
            (EventFlags::RDHUP, [0, 0, 0, 1, 0, 0]),
            (EventFlags::HUP, [0, 0, 0, 1, 1, 0]),
            (EventFlags::ERR, [0, 0, 0, 0, 0, 1]),
        ];
        for (flags, expected) in answers {
            let event = event(flags, 0);
            let told = questions.map(|question| question(&event) as i32);
            assert_eq!(told, expected, "{event:?}");
        }
    }

    #[test]
    fn events_are_given_in_their_order() {
        let mut events = Events::with_capacity(8);
        assert!(events.is_empty() && events.capacity() >= 8);
        for data in [u64::MAX, 2, 3] {
            events.as_mut_vec().push(epoll::Event {
                flags: EventFlags::IN,
                data: EventData::new_u64(data),
            });
        }
        let order: Vec<_> = events.iter().map(|event| event.data()).collect();
        assert_eq!(order, [u64::MAX, 2, 3]);
        let back: Vec<_> = events.iter().rev().map(|event| event.data()).collect();
        assert_eq!(back, [3, 2, u64::MAX]);
        assert_eq!((events.len(), events.iter().len()), (3, 3));
        assert_eq!(events.get(1), Some(event(EventFlags::IN, 2)));
        assert_eq!(events.get(3), None);
        events.clear();
        assert_eq!(events.iter().next(), None);
    }

    #[test]
    fn events_may_go_to_other_threads() {
        fn check<T: Send + Sync>() {}
        check::<Event>();
        check::<Events>();
    }

    #[test]
    fn an_event_is_shown_by_name() {
        let shown = format!("{:?}", event(EventFlags::IN | EventFlags::HUP, 7));
        assert!(shown.contains("IN | HUP") && shown.contains('7'), "{shown}");
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn events_are_packed_as_in_c() {
        assert_eq!(size_of::<epoll::Event>(), 12);
        assert_eq!(std::mem::offset_of!(epoll::Event, data), 4);
    }
}
