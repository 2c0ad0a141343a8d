// SPDX-License-Identifier: GPL-2.0

//! The two kinds of eventpolls as raw system calls: wrong arguments get through, too.

use repoll::uapi;
use std::{
    ffi::c_int,
    os::fd::{
        AsRawFd,
        OwnedFd,
        RawFd, //
    },
};

/// An event as the kernel stores it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(target_arch = "x86_64", repr(C, packed))]
#[cfg_attr(not(target_arch = "x86_64"), repr(C))]
pub(crate) struct Event {
    pub(crate) events: u32,
    pub(crate) data: u64,
}

/// A kind of eventpoll.
#[derive(Debug)]
pub(crate) enum Engine {
    /// The kernel's own.
    Native,
    /// This module's: the open control node.
    Repoll(OwnedFd),
    /// The kernel's own, with a fault: one-shot items are not disarmed.
    #[cfg(test)]
    Faulty,
}

/// What a call came to: its result, or the negative error.
pub(crate) type Answer = i32;

/// The result of a system call, or the negative error.
pub(crate) fn answer(result: i64) -> Answer {
    if result < 0 {
        -errno()
    } else {
        result as Answer
    }
}

/// The error of the last call that failed.
pub(crate) fn errno() -> i32 {
    // SAFETY: The location is this thread's.
    unsafe { *libc::__errno_location() }
}

impl Engine {
    /// Makes an instance.
    pub(crate) fn create(&self) -> Answer {
        let result = match self {
            // SAFETY: No memory is passed.
            Self::Native => unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) },
            #[cfg(test)]
            Self::Faulty => return Self::Native.create(),
            Self::Repoll(control) => {
                let mut create = uapi::repoll_create {
                    flags: uapi::REPOLL_CLOEXEC,
                    ..Default::default()
                };
                // SAFETY: REPOLL_CREATE takes this structure.
                unsafe { ioctl(control.as_raw_fd(), uapi::REPOLL_CREATE, &mut create) }
            }
        };
        answer(result.into())
    }

    /// Changes the interest list. `event` is the address of an event, or null.
    pub(crate) fn ctl(&self, poller: RawFd, op: c_int, fd: RawFd, event: *mut Event) -> Answer {
        let result = match self {
            #[cfg(test)]
            Self::Faulty => {
                // SAFETY: Tests pass events or null.
                let event = unsafe { event.as_ref() }.map(|&Event { events, data }| Event {
                    events: events & !(libc::EPOLLONESHOT as u32),
                    data,
                });
                let event = event.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
                return Self::Native.ctl(poller, op, fd, event.cast_mut());
            }
            // SAFETY: The kernel checks the address, which it only reads.
            Self::Native => unsafe { libc::epoll_ctl(poller, op, fd, event.cast()) },
            // Every other descriptor's by the other way in.
            Self::Repoll(_) if fd % 2 == 1 && (!event.is_null() || op == libc::EPOLL_CTL_DEL) => {
                // SAFETY: Who passes an address has an event there.
                let event = unsafe { event.as_ref() };
                let mut change = uapi::repoll_change {
                    op,
                    fd,
                    events: event.map_or(0, |event| event.events),
                    data: event.map_or(0, |event| event.data),
                    ..Default::default()
                };
                return change_by_batch(poller, &mut change);
            }
            Self::Repoll(_) => {
                let mut ctl = uapi::repoll_ctl {
                    op,
                    fd,
                    event: event.addr() as u64,
                    ..Default::default()
                };
                // SAFETY: REPOLL_CTL takes this structure; for the event as above.
                unsafe { ioctl(poller, uapi::REPOLL_CTL, &mut ctl) }
            }
        };
        answer(result.into())
    }

    /// Fetches what is ready now.
    ///
    /// # Safety
    ///
    /// What lies at `events`, up to `maxevents` of them, is memory that nobody else uses, or none
    /// that can be written to.
    pub(crate) unsafe fn wait(
        &self,
        poller: RawFd,
        events: *mut Event,
        maxevents: c_int,
    ) -> Answer {
        let result = match self {
            #[cfg(test)]
            // SAFETY: By the requirements.
            Self::Faulty => return unsafe { Self::Native.wait(poller, events, maxevents) },
            // SAFETY: By the requirements.
            Self::Native => unsafe { libc::epoll_wait(poller, events.cast(), maxevents, 0) },
            Self::Repoll(_) => {
                let mut wait = uapi::repoll_wait {
                    events: events.expose_provenance() as u64,
                    maxevents,
                    ..Default::default()
                };
                // SAFETY: REPOLL_WAIT takes this structure; for the events by the requirements.
                unsafe { ioctl(poller, uapi::REPOLL_WAIT, &mut wait) }
            }
        };
        answer(result.into())
    }
}

/// Makes one change as a batch.
fn change_by_batch(poller: RawFd, change: &mut uapi::repoll_change) -> Answer {
    let mut batch = uapi::repoll_batch {
        changes: std::ptr::from_mut(change).expose_provenance() as u64,
        count: 1,
        ..Default::default()
    };
    // SAFETY: REPOLL_BATCH takes this structure, and so many changes at that address.
    match unsafe { ioctl(poller, uapi::REPOLL_BATCH, &mut batch) } {
        1 => -change.result,
        result => answer(result.into()),
    }
}

/// # Safety
///
/// `command` takes a `T`, and the addresses in it are good for what it does with them.
unsafe fn ioctl<T>(fd: RawFd, command: u32, argument: &mut T) -> c_int {
    // SAFETY: By the requirements.
    unsafe { libc::ioctl(fd, command.into(), std::ptr::from_mut(argument)) }
}
