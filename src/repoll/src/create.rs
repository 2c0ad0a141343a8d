// SPDX-License-Identifier: MIT OR Apache-2.0

//! The creation of instances.

use crate::{command::Command, info::Control, uapi, Unavailable};
use std::os::fd::{FromRawFd, OwnedFd};

bitflags::bitflags! {
    /// Options of a new instance. Without any, it is created as epoll creates
    /// its own.
    ///
    /// No flag concerns the descriptor. It is closed when the process executes
    /// another program, like the descriptors of the standard library. To let it
    /// be inherited, clear `FD_CLOEXEC` with `fcntl`.
    #[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
    pub struct CreateFlags: u32 {
        /// Of several threads that sleep in
        /// [`Poller::wait`](crate::Poller::wait), wake the one that came first.
        /// Otherwise, as with epoll, the one that came last is woken, whose
        /// data is likely to be in the processor's cache.
        const FIFO = uapi::REPOLL_FIFO;
    }
}

/// Creates an instance.
pub(crate) fn create(flags: CreateFlags) -> Result<OwnedFd, Unavailable> {
    let control = Control::open()?;
    let mut create = uapi::repoll_create {
        flags: uapi::REPOLL_CLOEXEC | flags.bits(),
        ..Default::default()
    };
    // SAFETY: REPOLL_CREATE reads a `repoll_create` and writes nothing.
    let fd = unsafe { Command::<{ uapi::REPOLL_CREATE }, _>::new(&mut create).run(&control) }
        .map_err(|errno| Unavailable::Other(errno.into()))?;
    // SAFETY: REPOLL_CREATE returned a new descriptor, which nothing else owns.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}
