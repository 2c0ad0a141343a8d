// SPDX-License-Identifier: GPL-2.0

//! Waiting for events and delivering them.

use crate::{
    eventpoll::{
        poll_item,
        Eventpoll,
        LockedSet,
        Outer, //
    },
    kernel_ext::{
        poll,
        poll_file::LastRefs,
        task::{
            self,
            Deadline, //
        }, //
    },
    key::ItemKey,
    kind::Kind,
    ready::{
        Chunk,
        Pinned,
        Scan,
        CHUNK, //
    },
    trace,
    uapi::Buffer,
    watch, //
};
use kernel::prelude::*;

impl Eventpoll {
    /// Delivers the events of ready items. Sleeps until there are some, a signal comes or `timeout`
    /// nanoseconds have passed, if it is not negative. Returns the number of events: 0 after the
    /// timeout.
    ///
    /// # Errors
    ///
    /// `EINTR` after a signal, `EFAULT` if nothing could be written.
    #[inline(never)]
    pub(crate) fn wait(&self, buffer: Buffer, timeout: i64) -> Result<u32> {
        self.wait_here(buffer, timeout)
    }

    /// As [`Eventpoll::wait`], inlined into the most frequent call.
    #[inline(always)]
    pub(crate) fn wait_here(&self, buffer: Buffer, timeout: i64) -> Result<u32> {
        let deadline = Deadline::after(timeout);
        let available = match deadline.is_now() {
            true => self.ready.is_available_at_once(),
            false => self.ready.is_available(),
        };
        if available {
            let delivered = self.deliver(buffer)?;
            if delivered != 0 {
                return Ok(delivered);
            }
        } else if deadline.is_now() {
            return Ok(0);
        }
        self.wait_long(buffer, deadline)
    }

    /// Sleeps until something can be delivered, or the deadline passes, as [`Eventpoll::wait`].
    #[inline(never)]
    fn wait_long(&self, buffer: Buffer, deadline: Deadline) -> Result<u32> {
        let mut expired = deadline.is_now();
        while !expired {
            let available;
            (available, expired) = self.sleep(deadline)?;
            if task::fatal_signal_pending() {
                self.ready.pass_on();
                return Err(EINTR);
            }
            if available {
                let delivered = self.deliver_after_sleep(buffer)?;
                if delivered > 0 {
                    return Ok(delivered);
                }
            }
        }
        Ok(0)
    }

    /// Sleeps until something may be ready, a signal comes or the deadline passes. Returns whether
    /// something may be ready, and whether the deadline has passed.
    ///
    /// # Errors
    ///
    /// `EINTR` after a signal.
    fn sleep(&self, deadline: Deadline) -> Result<(bool, bool)> {
        if self.busy_poll.spin(|| self.ready.is_available()) {
            return Ok((true, false));
        }
        if task::signal_pending() {
            return Err(EINTR);
        }
        let woken = self.ready.sleep(deadline, self.policy);
        // A waiter that was chosen scans, even after its deadline: no other waiter knows of the
        // event. So does a waiter that left the queue just when a waker saw it there. With the lock
        // held, either it sees the waker's item, or the waker has seen nobody.
        let look = woken.chosen || !woken.expired || self.ready.lock().has_listed();
        Ok((look, woken.expired))
    }

    /// Delivers what is ready now.
    ///
    /// # Errors
    ///
    /// `EINTR` if the task is being killed, `EFAULT` if nothing could be written.
    #[inline(always)]
    fn deliver(&self, buffer: Buffer) -> Result<u32> {
        loop {
            let mut last = LastRefs::new();
            let delivered = self.deliver_until(buffer, &mut last);
            if last.is_empty() {
                return delivered;
            }
            // These files were closed meanwhile. Their release was left to this task, which may be
            // about to sleep.
            last.release();
            if delivered != Ok(0) {
                return delivered;
            }
        }
    }

    /// As [`Eventpoll::deliver`], out of line.
    #[inline(never)]
    fn deliver_after_sleep(&self, buffer: Buffer) -> Result<u32> {
        self.deliver(buffer)
    }

    /// Delivers what is ready now or, if a file is closed while the scan checks it, what was found
    /// so far. `last` receives the reference to that file, which must be released without locks.
    ///
    /// # Errors
    ///
    /// Those of [`Eventpoll::deliver`].
    #[inline(always)]
    fn deliver_until(&self, buffer: Buffer, last: &mut LastRefs<CHUNK>) -> Result<u32> {
        match self.enter_plain().inspect_err(|_| self.ready.pass_on())? {
            Some(set) => self.scan_all(None, set, buffer, last),
            None => self.deliver_from_epolls(buffer, last),
        }
    }

    /// The same for an instance that watches an epoll.
    #[cold]
    fn deliver_from_epolls(&self, buffer: Buffer, last: &mut LastRefs<CHUNK>) -> Result<u32> {
        let (outer, set) = self.enter_both().inspect_err(|_| self.ready.pass_on())?;
        self.scan_all(Some(outer), set, buffer, last)
    }

    /// The same with the mutexes held.
    #[inline(always)]
    fn scan_all<'a>(
        &'a self,
        outer: Option<Outer<'a>>,
        mut set: LockedSet<'a>,
        buffer: Buffer,
        last: &mut LastRefs<CHUNK>,
    ) -> Result<u32> {
        let mut chunk = Chunk::new();
        let Ok(mut scan) = self
            .ready
            .scan::<false>(set.items(), buffer.len, &mut chunk)
        else {
            // A suspended scan holds the outer mutex.
            return Ok(0);
        };
        let mut rest = buffer;
        loop {
            if let Some((item, file)) = chunk.take_alone() {
                let key = item.key();
                let more = chunk.more;
                let events;
                (set, events) = self.poll_alone(set, outer.as_ref(), &mut scan, &key, &file)?;
                if let Pinned::Open(file) = file {
                    last.put(file);
                }
                chunk = Chunk::new();
                chunk.more = more;
                // It exists, because a deletion needs the outer mutex.
                let Some(item) = set.items().find(&key) else {
                    break;
                };
                // If a killed task polls an instance, that does not check for long, but claims to
                // have events. The item may concern other tasks as well.
                if task::fatal_signal_pending() {
                    scan.put_back(item);
                    break;
                }
                if events != 0 {
                    chunk.push(item, events);
                }
                self.tally.spurious(usize::from(events == 0));
            } else {
                let empty = chunk.poll(last);
                self.tally.spurious(empty);
            }
            let all;
            (rest, all) = chunk.hand_out(rest);
            let written = chunk.handed_out();
            trace::deliver(
                move || self.ready.id,
                written.map(|(item, event)| (item.key().fd(), event)),
            );
            if !all && rest.len == buffer.len {
                scan.finish(&chunk);
                return Err(EFAULT);
            }
            // A task that is being killed needs no more events.
            let enough = !chunk.more || !all || rest.len == 0;
            if enough || !last.is_empty() || !task::go_on() {
                break;
            }
            scan.take(set.items(), rest.len, &mut chunk);
        }
        let delivered = buffer.len.wrapping_sub(rest.len);
        self.tally.wait(delivered);
        scan.finish(&chunk);
        // At most as many as fit into an `int`.
        Ok(delivered as u32)
    }

    /// The events of an item that a scan had to take separately. An epoll is polled without the
    /// mutex.
    ///
    /// # Errors
    ///
    /// `EINTR` if the task is being killed. The item is put back then.
    #[cold]
    fn poll_alone<'a>(
        &'a self,
        set: LockedSet<'a>,
        outer: Option<&Outer<'_>>,
        scan: &mut Scan<'_, false>,
        key: &ItemKey,
        file: &Pinned,
    ) -> Result<(LockedSet<'a>, u32)> {
        let Some(item) = set.items().find(key) else {
            return Ok((set, 0));
        };
        let interest = item.interest();
        if item.kind() != Kind::Epoll {
            watch::end_turn(item);
            let events = poll_item(item, file, interest, 1);
            return Ok((set, events));
        }
        let Some(item) = outer.and_then(|outer| outer.keep(&set, file, key.fd())) else {
            return Ok((set, 0));
        };
        drop(set);
        let events = poll::poll(file, interest.bits());
        let relocked = self.lock().inspect_err(|_| scan.put_back(item));
        if scan.take_denied() && events != 0 {
            // A poll in between has answered that nothing is ready. The pollers have to poll again.
            self.wake_pollers(0, None);
        }
        Ok((relocked?, events))
    }
}
