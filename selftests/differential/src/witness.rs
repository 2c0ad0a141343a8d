// SPDX-License-Identifier: GPL-2.0

//! Who notices that something happened while two eventpolls were being asked in turn.
//!
//! The two see the same files, but one is asked after the other. Their answers have to agree only
//! if no file woke its wait queues between the two: that wake-up would be news to the one and
//! old to the other, in this answer and, for edge-triggered items and in the order of the ready
//! list, in later ones. It is no use to ask again, therefore.
//!
//! All wake-ups have their cause in calls of this one process, which is bound to one processor.
//! Pipes, UNIX sockets, eventfds, signals and inotify wake within the call. A timer is waited for.
//! TCP and UDP over loopback are delivered by the soft interrupt that the sender runs into when it
//! leaves the network's lock, again within the call; delayed acknowledgements are sent at once by
//! setting `TCP_QUICKACK`. But a soft interrupt may be put off when there is much to do, and a
//! retransmission may come at any time. That is rare, and the witness tells. Over the wire packets
//! take their time: the [barrier](crate::barrier) waits until they have arrived.
//!
//! It is a third eventpoll, the kernel's, that watches every file edge-triggered for everything,
//! and is emptied before the two are asked. If it is empty still afterwards, no wake-up came
//! between. If it is not, the sequence ends there, unjudged, and is counted.
//!
//! What it cannot see is a wake-up of a file that has no event at all when the witness looks. Those
//! are files that are neither readable nor writable, and all of them but full TCP sockets wake
//! within the call. Such a wake-up leaves the state of the file alone.

use crate::{
    poller::{Answer, CallForm, Engine, Event},
    world::End,
};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

/// More than there are files.
const ROOM: usize = 128;

/// Every event that a wake-up may name, edge-triggered.
const EVERYTHING: u32 = libc::EPOLLET as u32 | 0x07ff_ffff;

/// The witness.
pub(crate) struct Witness {
    instance: OwnedFd,
    events: [Event; ROOM],
    /// What the files are for; the index of each is its data.
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

    /// Watches a new file, until it is closed. Files that cannot be polled never wake.
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

    /// To be called for everything that is done to a file.
    pub(crate) fn stir(&mut self) {
        self.stirred = true;
    }

    /// Whether anything was done to a file since the files were settled.
    pub(crate) fn is_stirred(&self) -> bool {
        self.stirred
    }

    /// Forgets what was done to the files, which is complete.
    pub(crate) fn settle(&mut self) {
        if self.stirred {
            self.look();
            self.stirred = false;
        }
    }

    /// What one of the files that were woken since the files were settled was made for.
    pub(crate) fn disturbance(&mut self) -> Option<End> {
        let woken = self.look();
        let first = self.events[..usize::try_from(woken).unwrap_or(0)].first()?;
        self.watched.get(first.data as usize).copied()
    }

    fn look(&mut self) -> Answer {
        let instance = self.instance.as_raw_fd();
        // SAFETY: The events are the witness's own.
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
