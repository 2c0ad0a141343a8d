// SPDX-License-Identifier: GPL-2.0

//! The memory that the operations of a thread point to, valid and invalid.

use crate::argument::Pointer;
use anyhow::{ensure, Result};
use std::{io, ptr};

/// The size of a page.
const PAGE: usize = 4096;

/// Everything contains this before the kernel writes: bytes that differ afterwards come from the
/// kernel.
pub const CANARY: u8 = 0xa5;

/// The end of user space, with four levels of page tables.
const TOP: u64 = 0x7fff_ffff_f000;

/// Addresses in the kernel's part of the address space, or in neither part.
const KERNEL: [u64; 8] = [
    0x8000_0000_0000,
    0x0100_0000_0000_0000,
    0x8000_0000_0000_0000,
    0xffff_8880_0000_0000,
    0xffff_ffff_8100_0000,
    0xffff_ffff_c000_0000,
    0xffff_ffff_ffff_f000,
    0xffff_ffff_ffff_fffc,
];

/// A part of the arena, followed by an unmapped page.
#[derive(Clone, Copy)]
pub enum Region {
    /// Arguments of ioctls.
    Argument,
    /// The event of a REPOLL_CTL.
    Event,
    /// The signal mask of a wait.
    Mask,
    /// The events of a wait.
    Events,
    /// The changes of a batch.
    Changes,
    /// The answer to a query.
    Answer,
}

impl Region {
    /// Its first page, and its number of pages.
    const fn pages(self) -> (usize, usize) {
        match self {
            Self::Argument => (0, 1),
            Self::Event => (2, 1),
            Self::Mask => (4, 1),
            Self::Events => (6, 2),
            Self::Changes => (9, 1),
            Self::Answer => (11, 2),
        }
    }
}

const READ_ONLY: usize = 14;
const HOLE: usize = 15;
const PAGES: usize = 16;

/// The place that a pointer refers to.
#[derive(Clone, Copy)]
pub struct Place {
    /// The address for the kernel.
    pub address: u64,
    /// Its offset in the region, if it is in one.
    pub offset: Option<usize>,
}

/// The memory of one thread.
pub struct Arena {
    base: *mut u8,
}

// SAFETY: The arena owns the mapping, and any thread may use it.
unsafe impl Send for Arena {}

impl Arena {
    /// Maps the arena. The read-only page begins with `read_only`.
    pub fn new(read_only: &[u8]) -> Result<Self> {
        // SAFETY: It creates a new mapping, and affects no other memory.
        let base = unsafe {
            libc::mmap(
                ptr::null_mut(),
                PAGES * PAGE,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                -1,
                0,
            )
        };
        ensure!(base != libc::MAP_FAILED, io::Error::last_os_error());
        let arena = Self { base: base.cast() };

        // SAFETY: The page is mapped, and longer than the copied bytes.
        unsafe {
            let page = arena.base.add(READ_ONLY * PAGE);
            ptr::copy_nonoverlapping(read_only.as_ptr(), page, read_only.len().min(PAGE));
        }
        arena.protect(READ_ONLY, libc::PROT_READ)?;
        for region in [
            Region::Argument,
            Region::Event,
            Region::Mask,
            Region::Events,
            Region::Changes,
            Region::Answer,
        ] {
            let (first, count) = region.pages();
            arena.protect(first + count, libc::PROT_NONE)?;
        }
        arena.protect(HOLE, libc::PROT_NONE)?;
        Ok(arena)
    }

    fn protect(&self, page: usize, protection: i32) -> Result<()> {
        // SAFETY: The page belongs to the mapping, and nothing refers to it.
        let status = unsafe { libc::mprotect(self.base.add(page * PAGE).cast(), PAGE, protection) };
        ensure!(status == 0, io::Error::last_os_error());
        Ok(())
    }

    /// The whole region.
    pub fn region(&mut self, region: Region) -> &mut [u8] {
        let (first, count) = region.pages();
        // SAFETY: These pages are mapped, readable and writable, and the slice borrows the arena.
        // The kernel writes to them only during calls that get their address.
        unsafe { std::slice::from_raw_parts_mut(self.base.add(first * PAGE), count * PAGE) }
    }

    /// The place for something of this size.
    pub fn place(&self, pointer: Pointer, region: Region, size: usize) -> Place {
        let (first, count) = region.pages();
        let start = self.base as u64 + (first * PAGE) as u64;
        let len = count * PAGE;
        let inside = |offset: usize| Place {
            address: start + offset as u64,
            offset: Some(offset),
        };
        let outside = |address| Place {
            address,
            offset: None,
        };
        match pointer {
            Pointer::Good => inside(64),
            Pointer::Unaligned(by) => inside(64 + usize::from(by)),
            Pointer::Across(by) => {
                inside((len + usize::from(by)).saturating_sub(size).min(len - 1))
            }
            Pointer::ReadOnly => outside(self.base as u64 + (READ_ONLY * PAGE) as u64),
            Pointer::Unmapped => outside(self.base as u64 + (HOLE * PAGE) as u64),
            Pointer::Null => outside(0),
            Pointer::Top(by) => outside(TOP - u64::from(by)),
            Pointer::Kernel(which) => outside(KERNEL[usize::from(which) % KERNEL.len()]),
        }
    }

    /// Puts something into its place, as far as there is memory, and returns the place.
    pub fn put(&mut self, pointer: Pointer, region: Region, bytes: &[u8]) -> Place {
        let place = self.place(pointer, region, bytes.len());
        if let Some(offset) = place.offset {
            let room = &mut self.region(region)[offset..];
            let len = bytes.len().min(room.len());
            room[..len].copy_from_slice(&bytes[..len]);
        }
        place
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        // SAFETY: The arena owns the mapping, and nothing refers to it any more.
        unsafe { libc::munmap(self.base.cast(), PAGES * PAGE) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn across_ends_in_the_page_that_is_not_there() {
        let arena = Arena::new(&[]).unwrap();
        let offset = |by, size| arena.place(Pointer::Across(by), Region::Event, size).offset;
        assert_eq!(offset(0, 12), Some(PAGE - 12));
        assert_eq!(offset(5, 12), Some(PAGE - 7));
        assert_eq!(offset(40, 12), Some(PAGE - 1));
    }

    #[test]
    fn what_does_not_fit_is_put_in_part() {
        let mut arena = Arena::new(&[]).unwrap();
        arena.put(Pointer::Across(2), Region::Mask, &[1, 2, 3, 4]);
        assert_eq!(arena.region(Region::Mask)[PAGE - 2..], [1, 2]);
    }
}
