// SPDX-License-Identifier: GPL-2.0

//! Calls on repoll by ioctls; the crate makes no ioctl where a direct call does the same. Nothing
//! is allocated, and no thread-local variable is used.

use repoll::{uapi, Events};
use rustix::{
    event::epoll::{Event, EventData, EventFlags},
    ioctl::{ioctl, Ioctl, IoctlOutput, Opcode},
};
use std::{
    ffi::{c_int, c_void},
    io,
    os::fd::{AsRawFd, BorrowedFd},
    ptr,
    time::Duration,
};

/// An ioctl with this number, whose argument is a `T`. The result is the kernel's.
struct Command<const OPCODE: Opcode, T>(T);

// SAFETY: The kernel reads the structure at this address, and at most writes to it.
unsafe impl<const OPCODE: Opcode, T> Ioctl for Command<OPCODE, T> {
    type Output = IoctlOutput;

    const IS_MUTATING: bool = true;

    fn opcode(&self) -> Opcode {
        OPCODE
    }

    fn as_ptr(&mut self) -> *mut c_void {
        ptr::from_mut(&mut self.0).cast()
    }

    unsafe fn output_from_ptr(
        output: IoctlOutput,
        _: *mut c_void,
    ) -> rustix::io::Result<IoctlOutput> {
        Ok(output)
    }
}

/// Waits for events.
pub(crate) fn wait(
    instance: BorrowedFd<'_>,
    events: &mut Events,
    timeout: Option<Duration>,
) -> io::Result<()> {
    let events = events.as_mut_vec();
    events.clear();
    let timeout_ns = timeout.map_or(-1, |timeout| {
        i64::try_from(timeout.as_nanos()).unwrap_or(i64::MAX)
    });
    let wait = Command::<{ uapi::REPOLL_WAIT }, _>(uapi::repoll_wait {
        events: events.as_mut_ptr().expose_provenance() as u64,
        timeout_ns,
        maxevents: events.capacity() as c_int,
        ..Default::default()
    });
    // SAFETY: REPOLL_WAIT takes this structure, and writes no more events than there is room for.
    let count = unsafe { ioctl(instance, wait)? };
    // SAFETY: This many were written.
    unsafe { events.set_len(count as usize) };
    Ok(())
}

/// Changes what an instance watches.
pub(crate) fn control(
    instance: BorrowedFd<'_>,
    op: c_int,
    fd: BorrowedFd<'_>,
    flags: EventFlags,
    data: u64,
) -> io::Result<()> {
    let event = Event {
        flags,
        data: EventData::new_u64(data),
    };
    let ctl = Command::<{ uapi::REPOLL_CTL }, _>(uapi::repoll_ctl {
        op,
        fd: fd.as_raw_fd(),
        event: ptr::from_ref(&event).expose_provenance() as u64,
        ..Default::default()
    });
    // SAFETY: REPOLL_CTL takes this structure, and reads the event.
    unsafe { ioctl(instance, ctl)? };
    Ok(())
}
