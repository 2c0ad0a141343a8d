// SPDX-License-Identifier: GPL-2.0

//! The two kinds of eventpolls as raw system calls, which also accept wrong arguments.
//!
//! `samples/backend` cannot be used here: its types exclude what this program tries, such as
//! unknown operations, closed descriptors and missing events, and the crate chooses the form of the
//! calls on repoll.

use repoll::uapi;
use std::{
    ffi::c_int,
    os::fd::{AsRawFd, OwnedFd, RawFd},
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
    /// The kernel's own epoll.
    Native,
    /// repoll: the open control node.
    Repoll(OwnedFd),
    /// The kernel's own epoll with a fault: one-shot items are not disarmed.
    #[cfg(test)]
    Faulty,
}

/// The form of a call on repoll: several calls do the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct CallForm {
    /// Use direct calls instead of ioctls.
    pub(crate) directly: bool,
    /// If there are two calls, use the one that takes a structure and can do more.
    pub(crate) by_structure: bool,
}

/// The result of a call, or the negated errno.
pub(crate) type Answer = i32;

/// The result of a system call, or the negated errno.
pub(crate) fn answer(result: i64) -> Answer {
    if result < 0 {
        -errno()
    } else {
        result as Answer
    }
}

/// The errno of the last call that failed.
pub(crate) fn errno() -> i32 {
    // SAFETY: The location belongs to this thread.
    unsafe { *libc::__errno_location() }
}

impl Engine {
    /// Creates an instance.
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

    /// Changes what an instance watches. `event` is the address of an event, or null.
    pub(crate) fn ctl(
        &self,
        form: CallForm,
        poller: RawFd,
        op: c_int,
        fd: RawFd,
        event: *mut Event,
    ) -> Answer {
        let result = match self {
            #[cfg(test)]
            Self::Faulty => {
                // SAFETY: Tests pass events or null.
                let event = unsafe { event.as_ref() }.map(|&Event { events, data }| Event {
                    events: events & !(libc::EPOLLONESHOT as u32),
                    data,
                });
                let event = event.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
                return Self::Native.ctl(form, poller, op, fd, event.cast_mut());
            }
            // SAFETY: The kernel checks the address, which it only reads.
            Self::Native => unsafe { libc::epoll_ctl(poller, op, fd, event.cast()) },
            Self::Repoll(_) => {
                // SAFETY: Callers that pass an address have an event there.
                match (unsafe { event.as_ref() }, direct_operation(op)) {
                    (Some(event), _) if form.by_structure => {
                        let mut change = uapi::repoll_change {
                            op,
                            fd,
                            events: event.events,
                            data: event.data,
                            ..Default::default()
                        };
                        return change_by_batch(form, poller, &mut change);
                    }
                    (Some(event), Some(operation)) if form.directly => {
                        let (data, what) = match op {
                            libc::EPOLL_CTL_DEL => (0, pair(fd, 0)),
                            _ => (event.data, pair(fd, event.events as i32)),
                        };
                        // SAFETY: These take no address.
                        unsafe { direct(poller, data, what, operation) }
                    }
                    _ => {
                        let mut ctl = uapi::repoll_ctl {
                            op,
                            fd,
                            event: event.addr() as u64,
                            ..Default::default()
                        };
                        // SAFETY: REPOLL_CTL takes this structure; for the event, as above.
                        unsafe { ioctl(poller, uapi::REPOLL_CTL, &mut ctl) }
                    }
                }
            }
        };
        answer(result.into())
    }

    /// Changes what an instance watches and then, if that succeeded, fetches the events that are
    /// ready.
    ///
    /// # Safety
    ///
    /// Those of [`Engine::wait`].
    pub(crate) unsafe fn change_and_wait(
        &self,
        form: CallForm,
        poller: RawFd,
        (op, fd, event): (c_int, RawFd, &mut Event),
        events: *mut Event,
        maxevents: c_int,
    ) -> Answer {
        if matches!(self, Self::Repoll(_)) && form.directly {
            let mut change = uapi::repoll_change_wait {
                op,
                fd,
                events: event.events,
                data: event.data,
                to: events.expose_provenance() as u64,
                ..Default::default()
            };
            let at = std::ptr::from_mut(&mut change).expose_provenance() as u64;
            // SAFETY: The operation takes this structure; for the events, by the requirements.
            let result = unsafe {
                direct(
                    poller,
                    at,
                    pair(maxevents, 0),
                    uapi::REPOLL_DIRECT_CHANGE_WAIT,
                )
            };
            return answer(result.into());
        }
        match self.ctl(form, poller, op, fd, event) {
            // SAFETY: By the requirements.
            0 => unsafe { self.wait(form, poller, events, maxevents) },
            error => error,
        }
    }

    /// Fetches the events that are ready now.
    ///
    /// # Safety
    ///
    /// The memory at `events`, for up to `maxevents` of them, is not used by anyone else, or is not
    /// writable.
    pub(crate) unsafe fn wait(
        &self,
        form: CallForm,
        poller: RawFd,
        events: *mut Event,
        maxevents: c_int,
    ) -> Answer {
        let result = match self {
            #[cfg(test)]
            // SAFETY: By the requirements.
            Self::Faulty => return unsafe { Self::Native.wait(form, poller, events, maxevents) },
            // SAFETY: By the requirements.
            Self::Native => unsafe { libc::epoll_wait(poller, events.cast(), maxevents, 0) },
            Self::Repoll(_) if form.directly && !form.by_structure => {
                let events = events.expose_provenance() as u64;
                // SAFETY: For the events by the requirements.
                unsafe { direct(poller, events, pair(maxevents, 0), uapi::REPOLL_DIRECT_WAIT) }
            }
            Self::Repoll(_) => {
                let mut wait = uapi::repoll_wait {
                    events: events.expose_provenance() as u64,
                    maxevents,
                    ..Default::default()
                };
                let calls = (uapi::REPOLL_WAIT, uapi::REPOLL_DIRECT_PWAIT);
                // SAFETY: Both take this structure; for the events, by the requirements.
                unsafe { call_with(form, poller, calls, &mut wait) }
            }
        };
        answer(result.into())
    }
}

/// The direct call for this operation.
fn direct_operation(op: c_int) -> Option<u32> {
    match op {
        libc::EPOLL_CTL_ADD => Some(uapi::REPOLL_DIRECT_ADD),
        libc::EPOLL_CTL_MOD => Some(uapi::REPOLL_DIRECT_MOD),
        libc::EPOLL_CTL_DEL => Some(uapi::REPOLL_DIRECT_DEL),
        _ => None,
    }
}

/// Makes one change as a batch.
fn change_by_batch(form: CallForm, poller: RawFd, change: &mut uapi::repoll_change) -> Answer {
    let mut batch = uapi::repoll_batch {
        changes: std::ptr::from_mut(change).expose_provenance() as u64,
        count: 1,
        ..Default::default()
    };
    let calls = (uapi::REPOLL_BATCH, uapi::REPOLL_DIRECT_BATCH);
    // SAFETY: Both take this structure, and this many changes at that address.
    match unsafe { call_with(form, poller, calls, &mut batch) } {
        1 => -change.result,
        result => answer(result.into()),
    }
}

/// Two numbers in a word.
fn pair(low: i32, high: i32) -> u64 {
    u64::from(low as u32) | (u64::from(high as u32) << 32)
}

/// A direct call.
///
/// # Safety
///
/// The addresses in the words are valid for the operation.
unsafe fn direct(fd: RawFd, first: u64, second: u64, operation: u32) -> c_int {
    // SAFETY: By the requirements.
    unsafe { libc::syscall(libc::SYS_fadvise64, fd, first, second, operation) as c_int }
}

/// Makes the ioctl, or the direct call, that takes a structure.
///
/// # Safety
///
/// Both take a `T`, and the addresses in it are valid for what they do with them.
unsafe fn call_with<T>(
    form: CallForm,
    fd: RawFd,
    (command, operation): (u32, u32),
    argument: &mut T,
) -> c_int {
    if form.directly {
        let at = std::ptr::from_mut(argument).expose_provenance() as u64;
        // SAFETY: By the requirements.
        return unsafe { direct(fd, at, 0, operation) };
    }
    // SAFETY: By the requirements.
    unsafe { ioctl(fd, command, argument) }
}

/// # Safety
///
/// `command` takes a `T`, and the addresses in it are valid for what it does with them.
unsafe fn ioctl<T>(fd: RawFd, command: u32, argument: &mut T) -> c_int {
    // SAFETY: By the requirements.
    unsafe { libc::ioctl(fd, command.into(), std::ptr::from_mut(argument)) }
}
