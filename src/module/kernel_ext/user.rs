// SPDX-License-Identifier: GPL-2.0

//! Accesses to user memory for which [`kernel::uaccess`] costs too much, or which it does not
//! offer. All of them check the addresses, which may be arbitrary.
//!
//! C header: [`include/linux/uaccess.h`](srctree/include/linux/uaccess.h)

use super::array::Array;
use crate::bindings;
use core::{
    mem::{
        size_of,
        MaybeUninit, //
    },
    ptr, //
};
use kernel::{
    prelude::*,
    transmute::{
        AsBytes,
        FromBytes, //
    },
};

/// Reads a structure of 24, 32, 40 or 64 bytes at the user's address `at`.
///
/// # Errors
///
/// `EFAULT`.
#[inline]
pub(crate) fn read_often<T: FromBytes>(at: usize) -> Result<T> {
    let mut room = MaybeUninit::uninit();
    read_often_into(&mut room, at)?;
    // SAFETY: All bytes were filled in.
    Ok(unsafe { room.assume_init() })
}

/// The same, into existing room, so that the value need not be moved.
///
/// # Errors
///
/// `EFAULT`.
#[inline]
pub(crate) fn read_often_into<T: FromBytes>(
    room: &mut MaybeUninit<T>,
    at: usize,
) -> Result<&mut T> {
    let read = const {
        match size_of::<T>() {
            24 => bindings::rp_read_24,
            32 => bindings::rp_read_32,
            40 => bindings::rp_read_40,
            64 => bindings::rp_read_64,
            _ => panic!("no structure of this size is read so"),
        }
    };
    // SAFETY: The function writes as many bytes as `room` has.
    if unsafe { read(room.as_mut_ptr().cast(), at) } {
        // SAFETY: All bytes are filled in, and any bytes are a valid `T`.
        Ok(unsafe { room.assume_init_mut() })
    } else {
        Err(EFAULT)
    }
}

/// Reads `count` changes from the array at the user's address `at`, and stores there that each was
/// successful. Returns how many: fewer after a fault.
#[inline]
pub(crate) fn read_changes<const N: usize>(
    to: &mut Array<bindings::repoll_change, N>,
    at: usize,
    count: usize,
) {
    // SAFETY: The helper writes as many as it returns, at most `count.min(N)`.
    unsafe {
        to.fill_with(count, |room, count| {
            bindings::rp_read_changes(room, at, count)
        })
    };
}

/// Stores a number at the user's address `at`. Returns whether that succeeded.
pub(crate) fn write_number(at: usize, number: i32) -> bool {
    // SAFETY: The helper checks the address.
    unsafe { bindings::rp_write_result(at, number) }
}

/// Stores two adjacent numbers at the user's address `at`.
///
/// # Errors
///
/// `EFAULT`.
pub(crate) fn write_pair(at: usize, [first, second]: [u32; 2]) -> Result {
    // SAFETY: The helper checks the address.
    let written = unsafe { bindings::rp_write_done(at, first, second) };
    written.then_some(()).ok_or(EFAULT)
}

/// Stores as much of a structure as fits into `room` bytes at the user's address `at`, followed by
/// zeros.
///
/// # Errors
///
/// `EFAULT`.
pub(crate) fn write_struct<T: AsBytes>(at: usize, room: usize, value: &T) -> Result {
    let from = ptr::from_ref(value).cast();
    // SAFETY: This many bytes exist, and are initialised.
    let written = unsafe { bindings::rp_write_struct(at, room, from, size_of::<T>()) };
    written.then_some(()).ok_or(EFAULT)
}

/// Reads a `struct epoll_event` at the user's address `at`: its events and its data.
///
/// # Errors
///
/// `EFAULT`.
#[inline]
pub(crate) fn read_event(at: usize) -> Result<(u32, u64)> {
    let mut event = bindings::epoll_event { events: 0, data: 0 };
    // SAFETY: There is room for an event.
    let read = unsafe { bindings::rp_read_event(&mut event, at) };
    read.then_some((event.events, event.data)).ok_or(EFAULT)
}

/// Writes events to the array at the user's address `to`. Returns how many were written: fewer
/// after a fault.
#[inline]
pub(crate) fn write_events(to: usize, events: &[bindings::epoll_event]) -> usize {
    // SAFETY: This many events exist.
    unsafe { bindings::rp_write_events(to, events.as_ptr(), events.len()) }
}

/// Whether `size` bytes at the user's address `at` can be user memory.
pub(crate) fn may_be(at: usize, size: usize) -> bool {
    // SAFETY: No requirements.
    unsafe { bindings::rp_access_ok(at, size) }
}
