// SPDX-License-Identifier: GPL-2.0

//! User memory, where [`kernel::uaccess`] has more to set up than there is to do, or no word for
//! it. All of these check the addresses, which may be anything.
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
    // SAFETY: It was filled in.
    Ok(unsafe { room.assume_init() })
}

/// The same, to where there is room: it need not be moved then.
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
        // SAFETY: All bytes are filled in, and any make a `T`.
        Ok(unsafe { room.assume_init_mut() })
    } else {
        Err(EFAULT)
    }
}

/// Reads `count` changes from the array at the user's address `at`, and stores there that each has
/// succeeded; fewer if there is a fault.
#[inline]
pub(crate) fn read_changes<const N: usize>(
    to: &mut Array<bindings::repoll_change, N>,
    at: usize,
    count: usize,
) {
    // SAFETY: The helper writes as many as it says, at most `count.min(N)`.
    unsafe {
        to.fill_with(count, |room, count| {
            bindings::rp_read_changes(room, at, count)
        })
    };
}

/// Stores a number at the user's address `at`. Returns whether that could be done.
pub(crate) fn write_number(at: usize, number: i32) -> bool {
    // SAFETY: The address is the helper's to check.
    unsafe { bindings::rp_write_result(at, number) }
}

/// Stores two numbers, one behind the other, at the user's address `at`.
///
/// # Errors
///
/// `EFAULT`.
pub(crate) fn write_pair(at: usize, [first, second]: [u32; 2]) -> Result {
    // SAFETY: The address is the helper's to check.
    let written = unsafe { bindings::rp_write_done(at, first, second) };
    written.then_some(()).ok_or(EFAULT)
}

/// Stores as much of a structure as there is room for in `room` bytes at the user's address `at`,
/// and zeros behind it.
///
/// # Errors
///
/// `EFAULT`.
pub(crate) fn write_struct<T: AsBytes>(at: usize, room: usize, value: &T) -> Result {
    let from = ptr::from_ref(value).cast();
    // SAFETY: So many bytes are there, and initialised.
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

/// Writes events to the array at the user's address `to`. Returns how many: fewer than there are
/// after a fault.
#[inline]
pub(crate) fn write_events(to: usize, events: &[bindings::epoll_event]) -> usize {
    // SAFETY: So many events are there.
    unsafe { bindings::rp_write_events(to, events.as_ptr(), events.len()) }
}

/// Whether `size` bytes at the user's address `at` may be user memory at all.
pub(crate) fn may_be(at: usize, size: usize) -> bool {
    // SAFETY: No requirements.
    unsafe { bindings::rp_access_ok(at, size) }
}
