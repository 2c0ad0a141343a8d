// SPDX-License-Identifier: GPL-2.0

//! Waits until all workers sleep.

use anyhow::{ensure, Context, Result};
use std::{ffi::c_long, fs::File, os::unix::fs::FileExt, thread, time::Instant};

/// The system calls in which a worker waits.
const WAITS: [c_long; 5] = [
    libc::SYS_epoll_wait,
    libc::SYS_epoll_pwait,
    libc::SYS_epoll_pwait2,
    libc::SYS_fadvise64,
    libc::SYS_ioctl,
];

/// Threads of this process that will sleep in a wait.
pub struct Sleepers {
    /// Files of `/proc`: each holds the system call of a thread, if it sleeps
    /// in one.
    calls: Vec<File>,
    deadline: Instant,
}

impl Sleepers {
    /// The threads with these IDs.
    pub fn new(threads: &[i32], deadline: Instant) -> Result<Self> {
        let open = |tid| {
            let path = format!("/proc/self/task/{tid}/syscall");
            File::open(&path).context(path)
        };
        let calls = threads.iter().map(open).collect::<Result<_>>()?;
        Ok(Self { calls, deadline })
    }

    /// Returns when all of them sleep in a wait.
    pub fn wait(&self) -> Result<()> {
        for call in &self.calls {
            while !is_wait(call)? {
                ensure!(
                    Instant::now() < self.deadline,
                    "a worker has not gone back to its wait"
                );
                thread::yield_now();
            }
        }
        Ok(())
    }
}

fn is_wait(call: &File) -> Result<bool> {
    let mut text = [0; 256];
    let len = call
        .read_at(&mut text, 0)
        .context("cannot read the state of a worker")?;
    Ok(number(&text[..len]).is_some_and(|number| WAITS.contains(&number)))
}

/// The number of the system call, or none if the thread runs.
fn number(text: &[u8]) -> Option<c_long> {
    let text = std::str::from_utf8(text).ok()?;
    text.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_runs_is_in_no_call() {
        assert_eq!(number(b"running\n"), None);
        assert_eq!(number(b""), None);
        assert_eq!(number(b"16 0x5 0x4028e902 0x7ffe\n"), Some(16));
        // The thread is blocked, but not in a system call.
        assert_eq!(number(b"-1 0x7ffe 0x7f00\n"), Some(-1));
    }

    #[test]
    fn a_thread_that_does_not_sleep_is_not_waited_for_for_ever() {
        let me = rustix::thread::gettid().as_raw_nonzero().get();
        let sleepers = Sleepers::new(&[me], Instant::now()).unwrap();
        assert!(sleepers.wait().is_err());
    }
}
