// SPDX-License-Identifier: GPL-2.0

//! The kernel's counters of the threads of this process.
//!
//! For each thread in `/proc/self/task`, `status` holds the context switches, `schedstat`
//! the time on a processor, and `sched` the wake-ups, which are counted only if
//! `kernel.sched_schedstats` is 1.

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::{
    fs,
    ops::{AddAssign, Sub},
    path::Path,
    thread,
};

/// The counts of all threads together, since they started.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Counts {
    /// How often a thread left its processor to sleep.
    pub voluntary: u64,
    /// How often a thread was preempted.
    pub involuntary: u64,
    /// How often a thread was woken.
    pub wakeups: u64,
    /// Time on a processor.
    pub cpu_ns: u64,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.voluntary += other.voluntary;
        self.involuntary += other.involuntary;
        self.wakeups += other.wakeups;
        self.cpu_ns += other.cpu_ns;
    }
}

impl Sub for Counts {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self {
            voluntary: self.voluntary - earlier.voluntary,
            involuntary: self.involuntary - earlier.involuntary,
            wakeups: self.wakeups - earlier.wakeups,
            cpu_ns: self.cpu_ns - earlier.cpu_ns,
        }
    }
}

impl Counts {
    /// The counts of all threads except the caller, each read once the thread sleeps, so
    /// that all work that it has begun is included.
    pub fn of_others_asleep() -> Result<Self> {
        let caller = rustix::thread::gettid().as_raw_nonzero().to_string();
        let mut all = Self::default();
        for entry in fs::read_dir("/proc/self/task").context("/proc/self/task")? {
            let entry = entry.context("/proc/self/task")?;
            if entry.file_name() != *caller {
                all += Self::asleep(&entry.path())?;
            }
        }
        Ok(all)
    }

    fn asleep(task: &Path) -> Result<Self> {
        let read = |name: &str| {
            let path = task.join(name);
            fs::read_to_string(&path).with_context(|| path.display().to_string())
        };
        loop {
            // This file reads "running" until the thread has left its processor, which is
            // when the switch is counted; the state changes earlier.
            let running = read("syscall")?.starts_with("running");
            let status = read("status")?;
            if running || !field(&status, "State").is_some_and(|state| state.starts_with('S')) {
                thread::yield_now();
                continue;
            }
            let number = |text: &str, name| {
                let value = field(text, name).and_then(|value| value.parse().ok());
                value.with_context(|| format!("{}: no {name}", task.display()))
            };
            let time = read("schedstat")?;
            let time = time.split_ascii_whitespace().next();
            let wakeups = number(&read("sched")?, "nr_wakeups").unwrap_or(0);
            return Ok(Self {
                voluntary: number(&status, "voluntary_ctxt_switches")?,
                involuntary: number(&status, "nonvoluntary_ctxt_switches")?,
                wakeups,
                cpu_ns: time
                    .and_then(|time| time.parse().ok())
                    .context("no time in schedstat")?,
            });
        }
    }
}

/// The value after a name and a colon.
fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| {
        let (field, value) = line.split_once(':')?;
        (field.trim() == name).then_some(value.trim())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    #[test]
    fn fields_are_found_by_their_whole_name() {
        let text = "State:\tS (sleeping)\nnonvoluntary_ctxt_switches:\t7\n\
                    voluntary_ctxt_switches:\t3\nnr_wakeups          :      12\n";
        assert_eq!(field(text, "State"), Some("S (sleeping)"));
        assert_eq!(field(text, "voluntary_ctxt_switches"), Some("3"));
        assert_eq!(field(text, "nr_wakeups"), Some("12"));
        assert_eq!(field(text, "switches"), None);
    }

    #[test]
    fn a_thread_that_slept_has_switched() {
        let path = |tid: i32| format!("/proc/self/task/{tid}");
        let (news, numbers) = channel();
        let (go, wait) = channel::<()>();
        let sleeper = thread::spawn(move || {
            let me = rustix::thread::gettid().as_raw_nonzero().get();
            news.send(me).unwrap();
            while wait.recv().is_ok() {}
        });
        let path = path(numbers.recv().unwrap());
        let before = Counts::asleep(Path::new(&path)).unwrap();
        for _ in 0..5 {
            go.send(()).unwrap();
            Counts::asleep(Path::new(&path)).unwrap();
        }
        let after = Counts::asleep(Path::new(&path)).unwrap();
        drop(go);
        sleeper.join().unwrap();
        assert!((after - before).voluntary >= 1);
    }
}
