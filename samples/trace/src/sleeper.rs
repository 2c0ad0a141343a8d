// SPDX-License-Identifier: GPL-2.0

//! A thread that sleeps in a system call until it is woken.

use anyhow::{anyhow, bail, Context, Result};
use rustix::thread::gettid;
use std::{
    ffi::c_long,
    fs,
    sync::mpsc,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// How long to wait for what has to happen. Only a failure takes so long.
const SOON: Duration = Duration::from_secs(60);

/// The thread.
pub struct Sleeper {
    /// Its number.
    pub thread: i32,
    handle: JoinHandle<Result<()>>,
}

impl Sleeper {
    /// Starts a thread that does `call`, and returns when it sleeps in one of those system calls.
    pub fn start(
        numbers: &[c_long],
        call: impl FnOnce() -> Result<()> + Send + 'static,
    ) -> Result<Self> {
        let (tell, told) = mpsc::channel();
        let handle = thread::Builder::new()
            .name("waiter".into())
            .spawn(move || {
                tell.send(gettid().as_raw_nonzero().get())?;
                call()
            })
            .context("cannot start a thread")?;
        let sleeper = Self {
            thread: told.recv()?,
            handle,
        };
        let deadline = Instant::now() + SOON;
        let file = format!("/proc/self/task/{}/syscall", sleeper.thread);
        while !is_in(
            &fs::read_to_string(&file).context("the waiter does not wait")?,
            numbers,
        ) {
            if Instant::now() > deadline {
                bail!("the waiter does not sleep");
            }
            thread::yield_now();
        }
        Ok(sleeper)
    }

    /// Waits for its end.
    pub fn join(self) -> Result<()> {
        self.handle
            .join()
            .map_err(|_| anyhow!("the waiter has panicked"))?
    }
}

/// Whether a thread, by its file in /proc, sleeps in one of those calls. One that runs is in none.
fn is_in(text: &str, numbers: &[c_long]) -> bool {
    let number = text.split(' ').next().and_then(|first| first.parse().ok());
    number.is_some_and(|number| numbers.contains(&number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_sleeping_thread_is_in_a_call() {
        assert!(is_in("16 0x5 0x4028e902 0x7ffe\n", &[221, 16]));
        assert!(!is_in("16 0x5 0x4028e902 0x7ffe\n", &[221]));
        assert!(!is_in("running\n", &[16]));
        assert!(!is_in("-1 0x7ffe 0x7f00\n", &[16]));
    }
}
