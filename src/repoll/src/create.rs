// SPDX-License-Identifier: MIT OR Apache-2.0

//! How an instance comes to be.

use crate::{command::Command, info::Control, uapi, Unavailable};
use std::os::fd::{FromRawFd, OwnedFd};

bitflags::bitflags! {
    /// How an instance is made; with none of them, as epoll makes its own.
    ///
    /// There is none for the descriptor, which is closed when the process
    /// executes another program, as those of the standard library are. One that
    /// is to be inherited has that taken back, by `fcntl`.
    #[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
    pub struct CreateFlags: u32 {
        /// Of several threads that sleep in
        /// [`Poller::wait`](crate::Poller::wait), the one that came first is
        /// woken first. Otherwise, as with epoll, the one that came last is,
        /// whose data is likely to be in the processor's cache.
        const FIFO = uapi::REPOLL_FIFO;
    }
}

/// Makes an instance.
pub(crate) fn create(flags: CreateFlags) -> Result<OwnedFd, Unavailable> {
    let control = Control::open()?;
    let mut create = uapi::repoll_create {
        flags: uapi::REPOLL_CLOEXEC | flags.bits(),
        ..Default::default()
    };
    // SAFETY: REPOLL_CREATE reads a `repoll_create` and writes nothing.
    let fd = unsafe { Command::<{ uapi::REPOLL_CREATE }, _>::new(&mut create).run(&control) }
        .map_err(|errno| Unavailable::Other(errno.into()))?;
    // SAFETY: REPOLL_CREATE returned a new descriptor, which is ours alone.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}
