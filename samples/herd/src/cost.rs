// SPDX-License-Identifier: GPL-2.0

//! What a thread has consumed.

use rustix::time::{clock_gettime, ClockId};
use std::{io, mem::MaybeUninit, ops::Sub};

/// What the calling thread has consumed since it started.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Cost {
    /// Processor time.
    pub cpu_ns: u64,
    /// How often it left the processor, voluntarily or not.
    pub switches: u64,
}

impl Cost {
    /// The values now.
    pub fn now() -> io::Result<Self> {
        let mut usage = MaybeUninit::uninit();
        // SAFETY: It writes one rusage, which fits.
        if unsafe { libc::getrusage(libc::RUSAGE_THREAD, usage.as_mut_ptr()) } != 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: The call succeeded, so it has been written.
        let usage = unsafe { usage.assume_init() };
        let time = clock_gettime(ClockId::ThreadCPUTime);
        Ok(Self {
            cpu_ns: time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64,
            switches: (usage.ru_nvcsw + usage.ru_nivcsw) as u64,
        })
    }
}

impl Sub for Cost {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self {
            cpu_ns: self.cpu_ns - earlier.cpu_ns,
            switches: self.switches - earlier.switches,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_costs_processor_time() {
        let before = Cost::now().unwrap();
        while (Cost::now().unwrap() - before).cpu_ns < 1_000_000 {}
    }
}
