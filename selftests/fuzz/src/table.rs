// SPDX-License-Identifier: GPL-2.0

//! The open files of a program, shared by its threads.
//!
//! They have the low descriptor numbers, and the fuzzer's own ones high numbers: programs close and
//! copy as they please, at the same time too, and what they have left open goes in one sweep.

use crate::program::{Slot, SLOTS};
use anyhow::{ensure, Result};
use std::{
    array, io,
    os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd},
    sync::atomic::{AtomicI32, Ordering},
};

/// Descriptors from here on are the fuzzer's own.
const OWN: RawFd = 900;

/// A descriptor that is never open, below `OWN`.
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
    /// The first descriptor that a program can have.
    first: AtomicI32,
}

impl Default for Table {
    /// None is open.
    fn default() -> Self {
        Self {
            slots: array::from_fn(|_| AtomicI32::new(-1)),
            first: AtomicI32::new(OWN),
        }
    }
}

impl Table {
    /// A program begins. What the process has open now is not the program's.
    pub fn begin(&self) -> Result<()> {
        let next = io::stderr().as_fd().try_clone_to_owned()?;
        self.first.store(next.as_raw_fd(), Ordering::Relaxed);
        Ok(())
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

    /// Closes all that the program has left.
    pub fn clear(&self) {
        let first = self.first.load(Ordering::Relaxed);
        for slot in &self.slots {
            slot.store(-1, Ordering::Relaxed);
        }
        // SAFETY: These are the programs', by number only, and no Rust object has one.
        unsafe { libc::close_range(first as u32, CLOSED as u32, 0) };
    }
}
