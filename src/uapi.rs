// SPDX-License-Identifier: GPL-2.0

//! The structures of `uapi/repoll.h`, read from and written to user memory.
//!
//! C header: `src/uapi/repoll.h`

use crate::bindings;
use core::mem::size_of;
use kernel::{
    prelude::*,
    transmute::{
        AsBytes,
        FromBytes, //
    },
    uaccess::{
        UserPtr,
        UserSlice,
        UserSliceWriter, //
    }, //
};

pub(crate) use crate::bindings::{
    epoll_params as Params,
    repoll_create as Create,
    repoll_ctl as Ctl,
    repoll_wait as Wait,
    REPOLL_CLOEXEC as CLOEXEC,
    RP_IOC_CREATE as CREATE,
    RP_IOC_CTL as CTL,
    RP_IOC_GET_PARAMS as GET_PARAMS,
    RP_IOC_SET_PARAMS as SET_PARAMS,
    RP_IOC_WAIT as WAIT, //
};

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
unsafe impl FromBytes for Ctl {}
// SAFETY: As above.
unsafe impl FromBytes for Params {}
// SAFETY: As above.
unsafe impl FromBytes for Wait {}

// SAFETY: Integers without padding: all bytes are initialised.
unsafe impl AsBytes for Params {}

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
    const DATA: usize = Self::SIZE - size_of::<u64>();

    /// Reads the event at the user's address `at`.
    ///
    /// # Errors
    ///
    /// `EFAULT`.
    pub(crate) fn read(at: usize) -> Result<Self> {
        let mut reader = UserSlice::new(UserPtr::from_addr(at), Self::SIZE).reader();
        let events = reader.read()?;
        reader.skip(Self::DATA - size_of::<u32>())?;
        let data = reader.read()?;
        Ok(Self { events, data })
    }

    /// Writes the event as the next one of an array.
    ///
    /// # Errors
    ///
    /// `EFAULT`.
    pub(crate) fn write(self, to: &mut UserSliceWriter) -> Result {
        let mut bytes = [0; Self::SIZE];
        bytes[..size_of::<u32>()].copy_from_slice(&self.events.to_ne_bytes());
        bytes[Self::DATA..].copy_from_slice(&self.data.to_ne_bytes());
        to.write_slice(&bytes)
    }
}

/// Whether an array of `len` events at the user's address `at` may be user memory at all.
pub(crate) fn may_be_events(at: usize, len: usize) -> bool {
    // SAFETY: No requirements.
    unsafe { bindings::rp_access_ok(at, len * Event::SIZE) }
}

/// The greatest number of events that one wait may ask for.
pub(crate) const MAX_EVENTS: i32 = i32::MAX / Event::SIZE as i32;
