// SPDX-License-Identifier: GPL-2.0

//! Makes system calls fail on purpose.
//!
//! The kernel's fault injection, if it has one, makes allocations and copies fail; see
//! `Documentation/fault-injection/fault-injection.rst`.

use crate::{program::Fault, table};
use anyhow::{Context, Result};
use std::{
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind},
    os::unix::fs::FileExt,
    ptr,
};

const WATCHES: &str = "/proc/sys/fs/repoll/max_user_watches";

/// Allocations that may sleep also fail; nothing is logged.
const SETTINGS: [(&str, &str); 6] = [
    ("failslab/ignore-gfp-wait", "N"),
    ("failslab/verbose", "0"),
    ("fail_page_alloc/ignore-gfp-wait", "N"),
    ("fail_page_alloc/min-order", "0"),
    ("fail_page_alloc/verbose", "0"),
    ("fail_usercopy/verbose", "0"),
];

/// The last call that may fail within a system call.
const FAULTS: u8 = 32;

/// Makes the calling thread's system calls fail.
pub struct FaultInjector {
    /// The thread's `fail-nth`, if the kernel has it.
    nth: Option<File>,
    watches: File,
    /// Its usual content.
    limit: String,
}

impl FaultInjector {
    /// A fault injector for the calling thread.
    pub fn new() -> Result<Self> {
        let nth = match OpenOptions::new()
            .write(true)
            .open("/proc/thread-self/fail-nth")
        {
            Ok(file) => Some(table::keep(file)?.into()),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(error).context("fail-nth"),
        };
        if nth.is_some() {
            for (name, value) in SETTINGS {
                let path = format!("/sys/kernel/debug/{name}");
                fs::write(&path, value).context(path)?;
            }
        }
        let watches = OpenOptions::new()
            .write(true)
            .open(WATCHES)
            .context(WATCHES)?;
        Ok(Self {
            nth,
            watches: table::keep(watches)?.into(),
            limit: fs::read_to_string(WATCHES)?,
        })
    }

    /// Makes the next system call fail, perhaps. Does nothing if the kernel does not support this.
    pub fn inject(&self, fault: Fault) {
        let _: io::Result<()> = match fault {
            Fault::Nth(skipped) => self.fail(skipped % FAULTS + 1),
            Fault::Descriptors => limit_descriptors(0),
            Fault::Watches => self.limit_watches("0"),
        };
    }

    /// Undoes what [`inject`](Self::inject) did.
    pub fn undo(&self, fault: Fault) {
        let undone = match fault {
            // If this fails, the fault has struck here, and none is left.
            Fault::Nth(_) => self.fail(0).or(Ok(())),
            Fault::Descriptors => limit_descriptors(DESCRIPTORS),
            Fault::Watches => self.limit_watches(&self.limit),
        };
        undone.expect("what could be set can be reset");
    }

    fn fail(&self, nth: u8) -> io::Result<()> {
        match &self.nth {
            Some(file) => file.write_all_at(nth.to_string().as_bytes(), 0),
            None => Ok(()),
        }
    }

    fn limit_watches(&self, limit: &str) -> io::Result<()> {
        self.watches.write_all_at(limit.as_bytes(), 0)
    }
}

/// The usual limit on descriptors, including the process's own.
const DESCRIPTORS: u64 = 1024;

fn limit_descriptors(limit: u64) -> io::Result<()> {
    let limits = libc::rlimit {
        rlim_cur: limit,
        rlim_max: DESCRIPTORS,
    };
    // SAFETY: It reads one structure.
    match unsafe { libc::prlimit(0, libc::RLIMIT_NOFILE, &limits, ptr::null_mut()) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
