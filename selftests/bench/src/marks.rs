// SPDX-License-Identifier: GPL-2.0

//! Tells an emulator that counts instructions which of them to count, with calls into a
//! page that the emulator knows. See `qemu/plugin/profile.c`.

use anyhow::Result;
use rustix::mm::{mmap_anonymous, mprotect, MapFlags, MprotectFlags, ProtFlags};
use std::{
    ffi::c_void,
    mem::transmute,
    ptr,
    sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed},
};

/// The address of the page.
const PAGE: usize = 0x7000_0000;
const SIZE: usize = 4096;
/// The content of its functions: a return instruction.
const RETURN: u8 = 0xc3;

/// Whether the page exists.
static PREPARED: AtomicBool = AtomicBool::new(false);
/// The number of the current count; 0 for none.
static CURRENT: AtomicUsize = AtomicUsize::new(0);
/// How many operations were counted in each count.
static OPERATIONS: [AtomicU64; 2] = [const { AtomicU64::new(0) }; 2];

/// Creates the page.
///
/// # Errors
///
/// Those of `mmap`, such as `EEXIST` if there is another mapping.
pub fn prepare() -> Result<()> {
    let at = ptr::with_exposed_provenance_mut::<c_void>(PAGE);
    let protection = ProtFlags::READ | ProtFlags::WRITE;
    let flags = MapFlags::PRIVATE | MapFlags::FIXED_NOREPLACE;
    // SAFETY: Nothing is mapped there, or this fails.
    let page = unsafe { mmap_anonymous(at, SIZE, protection, flags)? };
    // SAFETY: The page is writable, and nobody else uses it yet.
    unsafe { page.cast::<u8>().write_bytes(RETURN, SIZE) };
    // SAFETY: Nobody writes to it any more.
    unsafe { mprotect(page, SIZE, MprotectFlags::READ | MprotectFlags::EXEC)? };
    PREPARED.store(true, Relaxed);
    Ok(())
}

/// From now on, the measured parts belong to this count, 1 or 2; to none, if it is 0 or
/// if the page does not exist.
pub fn select(number: usize) {
    let prepared = PREPARED.load(Relaxed);
    CURRENT.store(if prepared { number } else { 0 }, Relaxed);
}

/// How many operations were in each count.
pub fn operations() -> [u64; 2] {
    [0, 1].map(|at: usize| OPERATIONS[at].load(Relaxed))
}

fn call(number: usize) {
    let function = ptr::with_exposed_provenance::<()>(PAGE + number);
    // SAFETY: A number is selected only if the page exists; every byte of it is a
    // function that does nothing.
    let function = unsafe { transmute::<*const (), extern "C" fn()>(function) };
    function();
}

/// Starts counting.
#[inline(always)]
pub fn begin() {
    let number = CURRENT.load(Relaxed);
    if number != 0 {
        call(number);
    }
}

/// Stops counting, after this many operations.
#[inline(always)]
pub fn end(operations: u64) {
    let number = CURRENT.load(Relaxed);
    if number != 0 {
        call(0);
        OPERATIONS[number - 1].fetch_add(operations, Relaxed);
    }
}
