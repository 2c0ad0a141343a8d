// SPDX-License-Identifier: GPL-2.0

//! Notices whether something happened between the calls to two eventpolls.
//!
//! The two watch the same files, but they are called one after the other. Their answers have to
//! agree only if no file woke its wait queues between the calls: such a wake-up would be new to the
//! one and old to the other, in this answer and also in later ones, for edge-triggered items and
//! because of the order of the ready list. So it does not help to call them again.
//!
//! All wake-ups result from calls of this process, which is bound to one processor. Pipes, UNIX
//! sockets, eventfds, signals and inotify wake within the call. The process waits for timers. The
//! soft interrupt that the sender runs when it releases the network's lock delivers TCP and UDP
//! over loopback, again within the call; `TCP_QUICKACK` makes the kernel send delayed
//! acknowledgements at once. But a soft interrupt may be deferred if there is much to do, and a
//! retransmission may come at any time. That is rare, and the witness notices it. Over the wire,
//! packets take some time: the [barrier](crate::barrier) waits until they have arrived.
//!
//! The witness is a third eventpoll, of the kernel, that watches every file edge-triggered for
//! everything. It is emptied before the two calls. If it is still empty afterwards, no wake-up came
//! in between. If it is not, the sequence ends without a verdict, and is counted.
//!
//! The witness misses the wake-up of a file that has no event at all when the witness checks. Such
//! a file is neither readable nor writable, and all of these except full TCP sockets wake within
//! the call. Such a wake-up does not change the state of the file.

use crate::{
    poller::{Answer, CallForm, Engine, Event},
    world::End,
};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

/// More than the number of files.
const ROOM: usize = 128;

/// Every event that a wake-up may carry, edge-triggered.
const EVERYTHING: u32 = libc::EPOLLET as u32 | 0x07ff_ffff;

/// The third eventpoll.
pub(crate) struct Witness {
    instance: OwnedFd,
    events: [Event; ROOM],
    /// The kinds of the files; the index of each is its data.
    watched: Vec<End>,
    /// Whether a file may have been woken since the witness was emptied.
    stirred: bool,
}

impl Witness {
    pub(crate) fn new() -> Self {
        let fd = Engine::Native.create();
        assert!(fd >= 0, "epoll_create1: error {}", -fd);
        Self {
            // SAFETY: The descriptor is new.
            instance: unsafe { OwnedFd::from_raw_fd(fd) },
            events: [Event { events: 0, data: 0 }; ROOM],
            watched: Vec::new(),
            stirred: false,
        }
    }

    /// Watches a new file until it is closed. Files that cannot be polled never wake.
    pub(crate) fn watch(&mut self, fd: RawFd, end: End) {
        let mut event = Event {
            events: EVERYTHING,
            data: self.watched.len() as u64,
        };
        Engine::Native.ctl(
            CallForm::default(),
            self.instance.as_raw_fd(),
            libc::EPOLL_CTL_ADD,
            fd,
            &mut event,
        );
        self.watched.push(end);
        self.stirred = true;
    }

    /// Call this for every action on a file.
    pub(crate) fn stir(&mut self) {
        self.stirred = true;
    }

    /// Whether anything was done to a file since the files were settled.
    pub(crate) fn is_stirred(&self) -> bool {
        self.stirred
    }

    /// Discards the events of actions on files that are complete.
    pub(crate) fn settle(&mut self) {
        if self.stirred {
            self.look();
            self.stirred = false;
        }
    }

    /// The kind of one of the files that were woken since the last [`settle`](Self::settle).
    pub(crate) fn disturbance(&mut self) -> Option<End> {
        let woken = self.look();
        let first = self.events[..usize::try_from(woken).unwrap_or(0)].first()?;
        self.watched.get(first.data as usize).copied()
    }

    fn look(&mut self) -> Answer {
        let instance = self.instance.as_raw_fd();
        // SAFETY: The witness owns the events.
        unsafe {
            Engine::Native.wait(
                CallForm::default(),
                instance,
                self.events.as_mut_ptr(),
                ROOM as i32,
            )
        }
    }
}
