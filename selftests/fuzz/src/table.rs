// SPDX-License-Identifier: GPL-2.0

//! The open files of a program, shared by its threads.
//!
//! They have the low descriptor numbers, and the fuzzer's own ones high numbers: programs close and
//! copy as they please, at the same time too, and what they have left open goes in one sweep.

use crate::program::{
    Slot,
    SLOTS, //
};
use anyhow::{
    ensure,
    Context,
    Result, //
};
use std::{
    array,
    io,
    os::fd::{
        AsRawFd,
        FromRawFd,
        OwnedFd,
        RawFd, //
    },
    sync::atomic::{
        AtomicI32,
        Ordering, //
    }, //
};

/// Descriptors from here on are the fuzzer's own.
const OWN: RawFd = 900;

/// A descriptor that is never open, below [`OWN`].
pub const CLOSED: RawFd = OWN - 1;

/// Moves a descriptor of the fuzzer out of the programs' way.
pub fn keep(fd: impl AsRawFd) -> Result<OwnedFd> {
    // SAFETY: Copies a descriptor, and touches no memory.
    let copy = unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_DUPFD_CLOEXEC, OWN) };
    ensure!(copy >= 0, io::Error::last_os_error());
    // SAFETY: It is new, and nobody else's.
    Ok(unsafe { OwnedFd::from_raw_fd(copy) })
}

/// A program's open files.
pub struct Table {
    slots: [AtomicI32; SLOTS as usize],
    /// What the process had open before: the standard streams.
    first: RawFd,
}

impl Table {
    /// None is open. What the process has open now, and what it [keeps](keep), is not touched.
    pub fn new() -> Result<Self> {
        let next = std::fs::File::open("/dev/null").context("/dev/null")?;
        Ok(Self {
            slots: array::from_fn(|_| AtomicI32::new(-1)),
            first: next.as_raw_fd(),
        })
    }

    /// The descriptor in a slot; one that is not open if there is none.
    pub fn get(&self, slot: Slot) -> RawFd {
        match self.slots[slot.index()].load(Ordering::Relaxed) {
            -1 => CLOSED,
            fd => fd,
        }
    }

    /// Puts a descriptor into a slot, or none if it is negative, and closes what was there.
    pub fn put(&self, slot: Slot, fd: RawFd) {
        let old = self.slots[slot.index()].swap(fd.max(-1), Ordering::Relaxed);
        if old >= 0 {
            // SAFETY: It is one of the programs', by number only, and no Rust object has it.
            unsafe { libc::close(old) };
        }
    }

    /// Closes all that the last program has left.
    pub fn clear(&self) {
        for slot in &self.slots {
            slot.store(-1, Ordering::Relaxed);
        }
        // SAFETY: These are the programs', by number only, and no Rust object has one.
        unsafe { libc::close_range(self.first as u32, CLOSED as u32, 0) };
    }
}
