// SPDX-License-Identifier: GPL-2.0

//! Processes that are killed while they wait.

use crate::poller::Poller;
use rustix::process::{
    kill_process,
    waitpid,
    Pid,
    Signal,
    WaitOptions, //
};
use std::{
    fs,
    io, //
};

/// A child that waits on an instance of this process. It does nothing with an event.
pub(crate) struct Victim(Pid);

impl Victim {
    /// Starts it.
    pub(crate) fn new(poller: &Poller) -> io::Result<Self> {
        let mut events = Vec::with_capacity(1);
        // SAFETY: What the child, which has this thread alone, does until it ends allocates nothing
        // and takes no locks.
        match unsafe { libc::fork() } {
            ..0 => Err(io::Error::last_os_error()),
            0 => {
                let _ = poller.wait(&mut events, None);
                // SAFETY: It never returns.
                unsafe { libc::_exit(0) }
            }
            pid => Ok(Self(
                Pid::from_raw(pid).expect("a process has a positive number"),
            )),
        }
    }

    /// Waits until the child waits, or has had an event.
    pub(crate) fn wait_until_asleep(&mut self) {
        let path = format!("/proc/{}/stat", self.0.as_raw_nonzero());
        let runs = || fs::read(&path).is_ok_and(|stat| stat.windows(3).any(|word| word == b") R"));
        while runs() {
            std::thread::yield_now();
        }
    }

    /// Kills the child, and waits for its end.
    pub(crate) fn kill(self) -> io::Result<()> {
        kill_process(self.0, Signal::KILL)?;
        waitpid(Some(self.0), WaitOptions::empty())?;
        Ok(())
    }
}
