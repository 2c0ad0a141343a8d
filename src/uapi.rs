// SPDX-License-Identifier: GPL-2.0

//! The structures of `uapi/repoll.h`, read from and written to user memory.
//!
//! C header: `src/uapi/repoll.h`

use crate::{
    bindings,
    kernel_ext::array::Array, //
};
use core::mem::{
    offset_of,
    size_of,
    MaybeUninit, //
};
use kernel::{
    prelude::*,
    transmute::{
        AsBytes,
        FromBytes, //
    },
    uaccess::{
        UserPtr,
        UserSlice, //
    }, //
};

pub(crate) use crate::bindings::{
    epoll_params as Params,
    repoll_batch as Batch,
    repoll_batch_wait as BatchWait,
    repoll_change as Change,
    repoll_create as Create,
    repoll_ctl as Ctl,
    repoll_info as Info,
    repoll_item as Item,
    repoll_query as Query,
    repoll_wait as Wait,
    REPOLL_ALL as ALL,
    REPOLL_CLOEXEC as CLOEXEC,
    REPOLL_FIFO as FIFO,
    REPOLL_INFO_SIZE_1 as INFO_SIZE_1,
    REPOLL_ITEM_SIZE_1 as ITEM_SIZE_1,
    REPOLL_MAX_CHANGES as MAX_CHANGES,
    REPOLL_MAX_COUNT as MAX_COUNT,
    REPOLL_ROUND_ROBIN as ROUND_ROBIN,
    REPOLL_WATCHED as WATCHED,
    REPOLL_WATCHES_EPOLL as WATCHES_EPOLL,
    RP_IOC_BATCH as BATCH,
    RP_IOC_BATCH_WAIT as BATCH_WAIT,
    RP_IOC_CREATE as CREATE,
    RP_IOC_CTL as CTL,
    RP_IOC_GET_PARAMS as GET_PARAMS,
    RP_IOC_INFO as INFO,
    RP_IOC_ITEMS as ITEMS,
    RP_IOC_LIST as LIST,
    RP_IOC_SET_PARAMS as SET_PARAMS,
    RP_IOC_WAIT as WAIT, //
};

/// Kinds of an [`Item`]'s file.
pub(crate) mod kind {
    pub(crate) use crate::bindings::{
        REPOLL_KIND_EPOLL as EPOLL,
        REPOLL_KIND_FILE as FILE,
        REPOLL_KIND_REPOLL as REPOLL, //
    };
}

/// States of an [`Item`].
pub(crate) mod state {
    pub(crate) use crate::bindings::{
        REPOLL_ITEM_CROWDED as CROWDED,
        REPOLL_ITEM_HELD as HELD,
        REPOLL_ITEM_READY as READY,
        REPOLL_ITEM_ROUND_ROBIN as ROUND_ROBIN, //
    };
}

/// Operations of [`Ctl`].
pub(crate) mod op {
    use kernel::bindings;

    /// Add an item.
    pub(crate) const ADD: i32 = bindings::EPOLL_CTL_ADD as i32;
    /// Delete an item.
    pub(crate) const DELETE: i32 = bindings::EPOLL_CTL_DEL as i32;
    /// Change an item.
    pub(crate) const MODIFY: i32 = bindings::EPOLL_CTL_MOD as i32;
}

// SAFETY: Integers without padding: any bytes will do.
unsafe impl FromBytes for Create {}
// SAFETY: As above.
unsafe impl FromBytes for Params {}
// SAFETY: As above.
unsafe impl FromBytes for Query {}

// SAFETY: Integers without padding: all bytes are initialised.
unsafe impl AsBytes for Params {}
// SAFETY: As above.
unsafe impl AsBytes for Query {}
// SAFETY: As above.
unsafe impl AsBytes for Info {}
// SAFETY: As above.
unsafe impl AsBytes for Item {}

/// Reads the structure at the user's address `arg`.
///
/// # Errors
///
/// `EFAULT`.
pub(crate) fn read<T: FromBytes>(arg: usize) -> Result<T> {
    UserSlice::new(UserPtr::from_addr(arg), size_of::<T>())
        .reader()
        .read()
}

impl Copy for Change {}

impl Clone for Change {
    fn clone(&self) -> Self {
        *self
    }
}

impl Copy for Item {}

impl Clone for Item {
    fn clone(&self) -> Self {
        *self
    }
}

/// An argument that is read often.
pub(crate) trait Argument: Sized {
    /// What reads it.
    const READ: unsafe extern "C" fn(*mut Self, usize) -> bool;

    /// Reads it from the user's address `arg`.
    ///
    /// # Errors
    ///
    /// `EFAULT`.
    #[inline]
    fn read(arg: usize) -> Result<Self> {
        let mut value = MaybeUninit::<Self>::uninit();
        Self::read_into(&mut value, arg)?;
        // SAFETY: It was filled in.
        Ok(unsafe { value.assume_init() })
    }

    /// The same, to where there is room: it need not be moved then.
    ///
    /// # Errors
    ///
    /// `EFAULT`.
    #[inline]
    fn read_into(room: &mut MaybeUninit<Self>, arg: usize) -> Result<&mut Self> {
        // SAFETY: There is room; the helper checks the address.
        if unsafe { Self::READ(room.as_mut_ptr(), arg) } {
            // SAFETY: The helper has filled it in.
            Ok(unsafe { room.assume_init_mut() })
        } else {
            Err(EFAULT)
        }
    }
}

impl Argument for Ctl {
    const READ: unsafe extern "C" fn(*mut Self, usize) -> bool = bindings::rp_read_ctl;
}

impl Argument for Wait {
    const READ: unsafe extern "C" fn(*mut Self, usize) -> bool = bindings::rp_read_wait;
}

impl Argument for Batch {
    const READ: unsafe extern "C" fn(*mut Self, usize) -> bool = bindings::rp_read_batch;
}

impl Argument for BatchWait {
    const READ: unsafe extern "C" fn(*mut Self, usize) -> bool = bindings::rp_read_batch_wait;
}

/// Reads `count` changes from the array at the user's address `at`, and stores there that each has
/// succeeded; fewer if there is a fault.
#[inline]
pub(crate) fn read_changes<const N: usize>(to: &mut Array<Change, N>, at: usize, count: usize) {
    // SAFETY: The helper writes as many as it says, at most `count.min(N)`, and checks the address.
    unsafe {
        to.fill_with(count, |room, count| {
            bindings::rp_read_changes(room, at, count)
        })
    };
}

/// Stores the result of the change at the user's address `at`, which has failed. Returns whether
/// that could be done.
pub(crate) fn write_result(at: usize, error: Error) -> bool {
    // SAFETY: The helper checks the address.
    unsafe { bindings::rp_write_result(at + offset_of!(Change, result), -error.to_errno()) }
}

/// Stores how many changes of the batch at the user's address `at` were tried, and how many failed.
///
/// # Errors
///
/// `EFAULT`.
pub(crate) fn write_done(at: usize, done: u32, failed: u32) -> Result {
    // SAFETY: The helper checks the address.
    let written = unsafe { bindings::rp_write_done(at + offset_of!(Batch, done), done, failed) };
    written.then_some(()).ok_or(EFAULT)
}

/// Writes the structure to the user's address `arg`.
///
/// # Errors
///
/// `EFAULT`.
pub(crate) fn write<T: AsBytes>(arg: usize, value: &T) -> Result {
    UserSlice::new(UserPtr::from_addr(arg), size_of::<T>())
        .writer()
        .write(value)
}

/// Writes as much of the structure as `len` bytes to the user's address `at`.
///
/// # Errors
///
/// `EFAULT`.
pub(crate) fn write_part<T: AsBytes>(at: usize, value: &T, len: usize) -> Result {
    let bytes = value.as_bytes();
    let part = bytes.get(..len).unwrap_or(bytes);
    UserSlice::new(UserPtr::from_addr(at), part.len())
        .writer()
        .write_slice(part)
}

/// A user's address from the structures, which are the same for 32-bit programs.
///
/// # Errors
///
/// `EFAULT` if no pointer has so many bits.
pub(crate) fn address(value: u64) -> Result<usize> {
    usize::try_from(value).map_err(|_| EFAULT)
}

/// A `struct epoll_event`: 12 bytes, or 16 where the C structure is not packed.
#[derive(Clone, Copy)]
pub(crate) struct Event {
    /// What to watch for, or what there is.
    pub(crate) events: u32,
    /// The user's.
    pub(crate) data: u64,
}

impl Event {
    /// Bytes in user memory.
    pub(crate) const SIZE: usize = size_of::<kernel::bindings::epoll_event>();

    /// Reads the event at the user's address `at`.
    ///
    /// # Errors
    ///
    /// `EFAULT`.
    pub(crate) fn read(at: usize) -> Result<Self> {
        let mut event = bindings::epoll_event { events: 0, data: 0 };
        // SAFETY: There is room; the helper checks the address.
        let read = unsafe { bindings::rp_read_event(&mut event, at) };
        let (events, data) = (event.events, event.data);
        read.then_some(Self { events, data }).ok_or(EFAULT)
    }
}

/// An event that is to be written, and what it is about.
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct Pending<T> {
    event: bindings::epoll_event,
    /// What it is about.
    pub(crate) what: T,
}

impl<T> Pending<T> {
    /// No event yet.
    #[inline]
    pub(crate) fn new(what: T) -> Self {
        let event = bindings::epoll_event { events: 0, data: 0 };
        Self { event, what }
    }

    /// Whether there are events.
    pub(crate) fn has_events(&self) -> bool {
        self.event.events != 0
    }

    /// Says which events there are.
    #[inline]
    pub(crate) fn set(&mut self, events: u32, data: u64) {
        self.event = bindings::epoll_event { events, data };
    }

    /// The event.
    pub(crate) fn event(&self) -> Event {
        let bindings::epoll_event { events, data } = self.event;
        Event { events, data }
    }

    /// Writes events to the array at the user's address `to`. Returns how many: fewer than there
    /// are after a fault.
    #[inline]
    pub(crate) fn write_all(pending: &[Self], to: usize) -> usize {
        let first = pending.as_ptr().cast();
        // SAFETY: The structures begin with an event each. The helper checks the address.
        unsafe { bindings::rp_write_events(to, first, size_of::<Self>(), pending.len()) }
    }
}

/// Whether an array of `len` events at the user's address `at` may be user memory at all.
pub(crate) fn may_be_events(at: usize, len: usize) -> bool {
    // SAFETY: No requirements.
    unsafe { bindings::rp_access_ok(at, len * Event::SIZE) }
}

/// The greatest number of events that one wait may ask for.
pub(crate) const MAX_EVENTS: i32 = i32::MAX / Event::SIZE as i32;
