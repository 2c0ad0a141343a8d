// SPDX-License-Identifier: GPL-2.0

//! The open files of a program, which its threads share.
//!
//! They have low descriptor numbers, and those of the fuzzer itself have high numbers. Programs
//! close and copy descriptors at will, also at the same time, and one call closes everything that
//! they leave open.

use crate::program::{Slot, SLOTS};
use anyhow::{ensure, Result};
use std::{
    array, io,
    os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd},
    sync::atomic::{AtomicI32, Ordering},
};

/// Descriptors from here on belong to the fuzzer.
const OWN: RawFd = 900;

/// A descriptor that is never open, below `OWN`.
pub const CLOSED: RawFd = OWN - 1;

/// Moves a descriptor of the fuzzer to the high numbers.
pub fn keep(fd: impl AsRawFd) -> Result<OwnedFd> {
    // SAFETY: It copies a descriptor, and accesses no memory.
    let copy = unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_DUPFD_CLOEXEC, OWN) };
    ensure!(copy >= 0, io::Error::last_os_error());
    // SAFETY: It is new, and nobody else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(copy) })
}

/// A program's open files.
pub struct Table {
    slots: [AtomicI32; SLOTS as usize],
    /// The first descriptor that a program can have.
    first: AtomicI32,
}

impl Default for Table {
    /// No file is open.
    fn default() -> Self {
        Self {
            slots: array::from_fn(|_| AtomicI32::new(-1)),
            first: AtomicI32::new(OWN),
        }
    }
}

impl Table {
    /// Starts a program. The files that the process has open now do not belong to it.
    pub fn begin(&self) -> Result<()> {
        let next = io::stderr().as_fd().try_clone_to_owned()?;
        self.first.store(next.as_raw_fd(), Ordering::Relaxed);
        Ok(())
    }

    /// The descriptor in a slot; a closed one if the slot is empty.
    pub fn get(&self, slot: Slot) -> RawFd {
        match self.slots[slot.index()].load(Ordering::Relaxed) {
            -1 => CLOSED,
            fd => fd,
        }
    }

    /// Puts a descriptor into a slot, or empties the slot if it is negative, and closes the
    /// previous one.
    pub fn put(&self, slot: Slot, fd: RawFd) {
        let old = self.slots[slot.index()].swap(fd.max(-1), Ordering::Relaxed);
        if old >= 0 {
            // SAFETY: It belongs to the programs, only as a number, and no Rust object owns it.
            unsafe { libc::close(old) };
        }
    }

    /// Closes everything that the program has left open.
    pub fn clear(&self) {
        let first = self.first.load(Ordering::Relaxed);
        for slot in &self.slots {
            slot.store(-1, Ordering::Relaxed);
        }
        // SAFETY: These belong to the programs, only as numbers, and no Rust object owns them.
        unsafe { libc::close_range(first as u32, CLOSED as u32, 0) };
    }
}
