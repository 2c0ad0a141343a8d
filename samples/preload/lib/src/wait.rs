// SPDX-License-Identifier: GPL-2.0

//! Waiting for events.

use crate::{
    gather,
    kernel::{
        call,
        call_cancellable,
        error,
        int,
        Answer,
        Arguments, //
    },
    settings::settings,
    stats::{
        self,
        Kind, //
    },
};
use libc::{
    c_int,
    c_long,
    timespec, //
};
use repoll::uapi;
use std::ptr;

/// Where in the arguments of a wait something is; it is the same in all of them.
mod at {
    pub(super) const EPFD: usize = 0;
    pub(super) const EVENTS: usize = 1;
    pub(super) const MAXEVENTS: usize = 2;
    pub(super) const TIMEOUT: usize = 3;
    pub(super) const SIGMASK: usize = 4;
    pub(super) const SIGSETSIZE: usize = 5;
}

const NS_PER_MS: i64 = 1_000_000;
const NS_PER_S: i64 = 1_000_000_000;

/// A wait as the program has asked for it, with that system call of epoll's.
///
/// Nothing in here may want to be dropped: a cancelled thread unwinds it.
#[derive(Clone, Copy)]
pub(crate) struct Wait {
    number: c_long,
    arguments: Arguments,
}

impl Wait {
    /// A wait by that system call, which is one of epoll's.
    pub(crate) fn new(number: c_long, arguments: Arguments) -> Self {
        Self { number, arguments }
    }

    /// Waits, and is no point of cancellation: as `syscall` does.
    pub(crate) fn run(&self) -> Answer {
        self.run_by::<false>()
    }

    /// Waits, and is a point of cancellation: as libc's functions do.
    ///
    /// Inlined, as a frame of Rust's ABI is nothing to unwind.
    #[inline(always)]
    pub(crate) fn run_cancellable(&self) -> Answer {
        self.run_by::<true>()
    }

    /// repoll is asked first, and epoll only if that was not an answer of
    /// repoll's:
    ///
    /// | the ioctl's answer | by | then |
    /// |---|---|---|
    /// | a number, `EFAULT`, `EINTR` | repoll | it is the answer |
    /// | `EBADF` | the descriptor is not open | epoll would have looked at the mask before: that is made up for |
    /// | `EINVAL` | a native epoll, or repoll | epoll is asked; on a repoll instance it finds the same errors in the same order, and last of all `EINVAL` |
    /// | anything else, as `ENOTTY` | any other file | epoll is asked |
    #[inline(always)]
    fn run_by<const CANCELLABLE: bool>(&self) -> Answer {
        let timeout_ns = match self.timeout() {
            Ok(timeout) => timeout,
            Err(answer) => return answer,
        };
        let wait = uapi::repoll_wait {
            events: self.arguments[at::EVENTS] as u64,
            sigmask: self.arguments[at::SIGMASK] as u64,
            timeout_ns,
            maxevents: self.arguments[at::MAXEVENTS] as c_int,
            // What does not fit is wrong either way.
            sigsetsize: self.arguments[at::SIGSETSIZE]
                .try_into()
                .unwrap_or(u32::MAX),
            ..Default::default()
        };
        if settings().gathers() {
            // SAFETY: The changes are this library's; for the wait, as below.
            let make = |arguments: &_| unsafe { make::<CANCELLABLE>(libc::SYS_ioctl, arguments) };
            if let Some(answer) = gather::wait(self.arguments[at::EPFD] as c_int, &wait, make) {
                return stats::repoll(Kind::Wait, answer);
            }
        }
        let arguments: Arguments = [
            self.arguments[at::EPFD],
            uapi::REPOLL_WAIT as usize,
            ptr::from_ref(&wait).expose_provenance(),
            0,
            0,
            0,
        ];
        // SAFETY: It reads a `repoll_wait`, and what that names with care; it
        // writes where the program wants its events.
        let answer = unsafe { make::<CANCELLABLE>(libc::SYS_ioctl, &arguments) };
        if answer >= 0 {
            return stats::repoll(Kind::Wait, answer);
        }
        match -answer as c_int {
            libc::EFAULT | libc::EINTR => answer,
            libc::EBADF => self.without_descriptor(),
            _ => {
                // SAFETY: This is what the program has asked for.
                let answer = unsafe { make::<CANCELLABLE>(self.number, &self.arguments) };
                stats::native(Kind::Wait, answer)
            }
        }
    }

    /// The timeout as repoll wants it, or the answer if it cannot be one.
    #[inline(always)]
    fn timeout(&self) -> Result<i64, Answer> {
        let timeout = self.arguments[at::TIMEOUT];
        if self.number == libc::SYS_epoll_pwait2 {
            self.timespec(ptr::with_exposed_provenance(timeout))
        } else {
            Ok(milliseconds(timeout as c_int))
        }
    }

    /// A timeout that is in the program's memory, if the program is right. The
    /// kernel finds that out: only after it was able to read a good timeout
    /// there does it miss the descriptor.
    fn timespec(&self, timeout: *const timespec) -> Result<i64, Answer> {
        if timeout.is_null() {
            return Ok(-1);
        }
        let answer = self.without_descriptor();
        if answer != error(libc::EBADF) {
            return Err(answer);
        }
        // SAFETY: The kernel has just read it.
        Ok(nanoseconds(unsafe { timeout.read_unaligned() }))
    }

    /// What epoll answers to such a wait on a descriptor that is not open: an
    /// error that comes before that one, or `EBADF`.
    fn without_descriptor(&self) -> Answer {
        let mut arguments = self.arguments;
        arguments[at::EPFD] = int(-1);
        // SAFETY: It writes nothing.
        unsafe { call(self.number, &arguments) }
    }
}

/// # Safety
///
/// That of the system call.
#[inline(always)]
unsafe fn make<const CANCELLABLE: bool>(number: c_long, arguments: &Arguments) -> Answer {
    if CANCELLABLE {
        // SAFETY: The caller vouches for the call.
        unsafe { call_cancellable(number, arguments) }
    } else {
        // SAFETY: As above.
        unsafe { call(number, arguments) }
    }
}

/// For ever, if it is negative.
fn milliseconds(timeout: c_int) -> i64 {
    i64::from(timeout) * NS_PER_MS
}

/// What is too long for 64 bits is cut, to some 292 years.
fn nanoseconds(timeout: timespec) -> i64 {
    timeout
        .tv_sec
        .saturating_mul(NS_PER_S)
        .saturating_add(timeout.tv_nsec)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn milliseconds_keep_their_sign() {
        assert!(milliseconds(-1) < 0);
        assert!(milliseconds(c_int::MIN) < 0);
        assert_eq!(milliseconds(0), 0);
        assert_eq!(milliseconds(1), 1_000_000);
        assert_eq!(milliseconds(c_int::MAX), 2_147_483_647_000_000);
    }

    #[test]
    fn long_timeouts_are_cut_not_wrapped() {
        let of = |tv_sec, tv_nsec| nanoseconds(timespec { tv_sec, tv_nsec });
        assert_eq!(of(0, 1), 1);
        assert_eq!(of(2, 3), 2_000_000_003);
        assert_eq!(of(i64::MAX, 0), i64::MAX);
        assert_eq!(of(9_223_372_036, 999_999_999), i64::MAX);
    }
}
