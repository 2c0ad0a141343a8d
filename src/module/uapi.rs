// SPDX-License-Identifier: GPL-2.0

//! The structures of `uapi/repoll.h`, read from and written to user memory.
//!
//! C header: `src/uapi/repoll.h`

use crate::{
    bindings,
    kernel_ext::user, //
};
use core::mem::{
    offset_of,
    size_of, //
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

pub(crate) use crate::kernel_ext::user::{
    read_changes,
    read_often,
    read_often_into,
    write_struct, //
};

pub(crate) use crate::bindings::{
    epoll_params as Params,
    repoll_batch as Batch,
    repoll_batch_wait as BatchWait,
    repoll_change as Change,
    repoll_change_wait as ChangeWait,
    repoll_create as Create,
    repoll_ctl as Ctl,
    repoll_features as Features,
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
    RP_IOC_FEATURES as FEATURES,
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
        REPOLL_ITEM_LATE_CLOSE as LATE_CLOSE,
        REPOLL_ITEM_LATE_POLLERS as LATE_POLLERS,
        REPOLL_ITEM_READY as READY,
        REPOLL_ITEM_ROUND_ROBIN as ROUND_ROBIN, //
    };
}

/// Numbers of features.
pub(crate) mod feature {
    pub(crate) use crate::bindings::{
        REPOLL_FEATURE_BATCH as BATCH,
        REPOLL_FEATURE_BATCH_WAIT as BATCH_WAIT,
        REPOLL_FEATURE_BUSY_POLL as BUSY_POLL,
        REPOLL_FEATURE_DIRECT as DIRECT,
        REPOLL_FEATURE_FIFO as FIFO,
        REPOLL_FEATURE_INFO as INFO,
        REPOLL_FEATURE_ITEMS as ITEMS,
        REPOLL_FEATURE_LIST as LIST,
        REPOLL_FEATURE_ROUND_ROBIN as ROUND_ROBIN, //
    };
}

/// Direct calls.
pub(crate) mod direct {
    pub(crate) use crate::bindings::{
        REPOLL_DIRECT_ADD as ADD,
        REPOLL_DIRECT_BATCH as BATCH,
        REPOLL_DIRECT_BATCH_WAIT as BATCH_WAIT,
        REPOLL_DIRECT_CHANGE_WAIT as CHANGE_WAIT,
        REPOLL_DIRECT_DEL as DELETE,
        REPOLL_DIRECT_MOD as MODIFY,
        REPOLL_DIRECT_PWAIT as PWAIT,
        REPOLL_DIRECT_WAIT as WAIT, //
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

/// Declares that structures consist of integers without padding.
macro_rules! integers {
    ($($structure:ty),*) => {
        $(
            // SAFETY: The header declares only integers, and names each gap: any bytes are valid.
            unsafe impl FromBytes for $structure {}
            // SAFETY: No byte of an integer is uninitialised, and there are no gaps.
            unsafe impl AsBytes for $structure {}
        )*
    };
}

integers!(Batch, BatchWait, ChangeWait, Create, Ctl, Features, Info, Item, Params, Query, Wait);

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

/// Stores the error of a change, which failed, at the user's address `at`. Returns whether that
/// succeeded.
pub(crate) fn write_result(at: usize, error: Error) -> bool {
    user::write_number(at + offset_of!(Change, result), -error.to_errno())
}

/// Stores how many changes of the batch at the user's address `at` were tried, and how many failed.
///
/// # Errors
///
/// `EFAULT`.
pub(crate) fn write_done(at: usize, done: u32, failed: u32) -> Result {
    user::write_pair(at + offset_of!(Batch, done), [done, failed])
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

/// A user's address from the structures, which are the same for 32-bit programs.
///
/// # Errors
///
/// `EFAULT` if a pointer has fewer bits.
pub(crate) fn address(value: u64) -> Result<usize> {
    usize::try_from(value).map_err(|_| EFAULT)
}

/// A `struct epoll_event`: 12 bytes, or 16 where the C structure is not packed.
#[derive(Clone, Copy)]
pub(crate) struct Event {
    /// The events to watch for, or those that the file has.
    pub(crate) events: u32,
    /// The user's data.
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
        let (events, data) = user::read_event(at)?;
        Ok(Self { events, data })
    }
}

impl From<bindings::epoll_event> for Event {
    fn from(bindings::epoll_event { events, data }: bindings::epoll_event) -> Self {
        Self { events, data }
    }
}

/// A `struct epoll_event` as it is in user memory.
pub(crate) type RawEvent = bindings::epoll_event;

/// These events with the user's data.
#[inline]
pub(crate) fn raw(events: u32, data: u64) -> RawEvent {
    RawEvent { events, data }
}

/// Writes events to the array, which has room for them. Returns how many were written: fewer after
/// a fault.
#[inline]
pub(crate) fn write_events(to: Buffer, events: &[RawEvent]) -> usize {
    user::write_events(to.address, events)
}

/// A user's array for events.
#[derive(Clone, Copy)]
pub(crate) struct Buffer {
    /// The user's address of it.
    pub(crate) address: usize,
    /// Its length in events.
    pub(crate) len: usize,
}

impl Buffer {
    /// The greatest number of events that one wait may ask for.
    const MAX: u32 = (i32::MAX / Event::SIZE as i32) as u32;

    /// Checks whether a wait may request this many events.
    ///
    /// # Errors
    ///
    /// `EINVAL`.
    #[inline(always)]
    pub(crate) fn check_room(maxevents: i32) -> Result {
        // For a negative number or 0, the left side is even greater.
        match (maxevents as u32).wrapping_sub(1) < Self::MAX {
            true => Ok(()),
            false => Err(EINVAL),
        }
    }

    /// The array at the user's address `address`, with room for `maxevents`.
    ///
    /// # Errors
    ///
    /// `EINVAL` if the number is not allowed, `EFAULT` if this cannot be user memory.
    #[inline(always)]
    pub(crate) fn new(address: u64, maxevents: i32) -> Result<Self> {
        Self::check_room(maxevents)?;
        let (address, len) = (self::address(address)?, maxevents as usize);
        match user::may_be(address, len * Event::SIZE) {
            true => Ok(Self { address, len }),
            false => Err(EFAULT),
        }
    }

    /// The rest of the array after `events` events. It is at least that long.
    #[inline]
    pub(crate) fn behind(self, events: usize) -> Self {
        Self {
            address: self.address.wrapping_add(events.wrapping_mul(Event::SIZE)),
            len: self.len.wrapping_sub(events),
        }
    }
}
