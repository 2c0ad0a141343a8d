// SPDX-License-Identifier: GPL-2.0

//! Waiting for events and handing them out.

use crate::{
    eventpoll::Eventpoll,
    kernel_ext::{
        hook,
        task::{
            self,
            Deadline, //
        },
    },
    nesting::Kind,
    uapi::Event,
};
use kernel::{
    prelude::*,
    uaccess::{
        UserPtr,
        UserSlice, //
    },
};

/// Where a waiter wants its events.
#[derive(Clone, Copy)]
pub(crate) struct Buffer {
    /// The user's address of an array of events.
    pub(crate) address: usize,
    /// Its length in events, at least 1.
    pub(crate) len: usize,
}

impl Eventpoll {
    /// Hands out what is ready; sleeps until something is, a signal comes or the deadline passes.
    /// Returns the number of events: 0 after the deadline.
    ///
    /// # Errors
    ///
    /// `EINTR` after a signal, `EFAULT` if nothing could be written.
    pub(crate) fn wait(&self, buffer: Buffer, deadline: &Deadline) -> Result<usize> {
        let mut available = self.ready.is_available();
        let mut expired = deadline.is_now();
        loop {
            if available {
                let delivered = self.deliver(buffer)?;
                if delivered > 0 {
                    return Ok(delivered);
                }
            }
            if expired {
                return Ok(0);
            }
            if self.busy_poll.spin(|| self.ready.is_available()) {
                available = true;
                continue;
            }
            if task::signal_pending() {
                return Err(EINTR);
            }
            let woken = self.ready.waiters.sleep(deadline, |join| {
                // Held until the queue is joined: a wake-up in between would find nobody.
                let ready = self.ready.lock();
                if !ready.is_available() {
                    join();
                }
            });
            // Who was chosen looks, even if late: the event was announced to nobody else.
            available = woken.chosen || !woken.expired;
            expired = woken.expired;
        }
    }

    /// Hands out what is ready now.
    ///
    /// # Errors
    ///
    /// `EINTR` if the task is about to be killed, `EFAULT` if nothing could be written.
    fn deliver(&self, buffer: Buffer) -> Result<usize> {
        if task::fatal_signal_pending() {
            self.ready.pass_on();
            return Err(EINTR);
        }
        let bytes = buffer.len * Event::SIZE;
        let mut writer = UserSlice::new(UserPtr::from_addr(buffer.address), bytes).writer();
        let mut delivered = 0;

        let (_outer, mut set) = self.enter(Kind::Plain);
        let Ok(mut scan) = self.ready.scan(set.items()) else {
            // Who could have suspended one has the outer mutex.
            return Ok(0);
        };
        // Who is being killed needs no more events.
        while delivered < buffer.len && task::go_on() {
            let Some((mut item, file)) = scan.next(set.items()) else {
                break;
            };
            let interest = item.interest();
            let events = if item.kind() == Kind::Epoll {
                let key = item.key();
                drop(set);
                let events = hook::poll(&file, interest.bits());
                set = self.lock();
                match set.items().find(&key) {
                    Some(found) => item = found,
                    // It is there: who could have deleted it has the outer mutex.
                    None => continue,
                }
                if scan.take_denied() && events != 0 {
                    // Now it is known: who polled the instance in between has to do so again.
                    self.wake_pollers(0, None);
                }
                events
            } else {
                item.poll(&file, 1)
            };
            if task::fatal_signal_pending() {
                // An instance that is asked by who is being killed does not look for long, but says
                // that it has events. The item may be others' as well.
                scan.put_back(item);
                break;
            }
            if events == 0 {
                // A wake-up will bring the item back.
                continue;
            }
            let data = item.data();
            if let Err(error) = (Event { events, data }).write(&mut writer) {
                scan.put_back(item);
                if delivered == 0 {
                    return Err(error);
                }
                break;
            }
            delivered += 1;
            if interest.is_oneshot() {
                item.set_interest(interest.disarmed());
            } else if interest.is_level_triggered() {
                scan.requeue(item);
            }
        }
        Ok(delivered)
    }
}
