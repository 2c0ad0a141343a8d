// SPDX-License-Identifier: GPL-2.0

//! The signals that end the server, as a file to read.

use nix::sys::{
    signal::{SigSet, Signal},
    signalfd::{SfdFlags, SignalFd},
};
use std::{
    io,
    os::fd::{AsFd, BorrowedFd},
};

/// `SIGTERM` and `SIGINT`.
#[derive(Debug)]
pub struct Signals(SignalFd);

impl Signals {
    /// From now on, the signals interrupt neither this thread nor the threads
    /// that it creates.
    pub fn block() -> io::Result<Self> {
        let mut set = SigSet::empty();
        set.add(Signal::SIGTERM);
        set.add(Signal::SIGINT);
        set.thread_block()?;
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        Ok(Self(SignalFd::with_flags(&set, flags)?))
    }

    /// Whether a signal has come, which is then consumed.
    pub fn take(&self) -> io::Result<bool> {
        Ok(self.0.read_signal()?.is_some())
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
