// SPDX-License-Identifier: MIT OR Apache-2.0

//! Waiting for events.
//!
//! # Cancellation
//!
//! libc's functions that wait are points of cancellation: `pthread_cancel` ends the
//! thread if it sleeps in one or comes to it. In libc the handler of its signal does
//! that, by a look at where the thread is. It does not recognise this library's code, and
//! acts here only if the thread's cancellation is asynchronous. That it must not be: a
//! signal handler that interrupts the wait could be cut off anywhere, and so could all
//! that comes after one that leaves by `siglongjmp`.
//!
//! So cancellation stays deferred, and the signal does what any signal does: it ends the
//! sleep with `EINTR`. Then `pthread_testcancel` ends the thread. By then the program's own
//! handlers have returned, if one ran, and nothing was fetched that could be lost. A signal that
//! comes between the last look and the sleep has the thread look again; [`crate::window`] tells
//! how. That costs no system call. [`crate::cancel`] sees to it that the signal is sent, and
//! handled so.
//!
//! A mask that the program gives is passed on as it is: libc never puts the signal in there.

use crate::{
    direct::{self, pair, Told},
    gather,
    kernel::{self, call, error, int, Answer, Arguments, Gate, Open},
    settings::settings,
    stats::{self, Kind},
    uapi,
    window::{Seen, NOT_MADE},
};
use core::ptr;
use libc::{c_int, c_long, timespec};

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
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct Wait {
    number: c_long,
    arguments: Arguments,
}

extern "C-unwind" {
    fn pthread_testcancel();
}

impl Wait {
    /// A wait by that system call, which is one of epoll's.
    pub(crate) fn new(number: c_long, arguments: Arguments) -> Self {
        Self { number, arguments }
    }

    /// Waits, and is no point of cancellation: as `syscall` does.
    pub(crate) fn run(&self) -> Answer {
        self.wait(Open)
    }

    /// Waits, and is a point of cancellation: as libc's functions do.
    ///
    /// A cancelled thread unwinds this and its callers. None of them may have a frame of
    /// Rust's ABI, which is nothing to unwind, nor something that wants to be dropped.
    pub(crate) extern "C-unwind" fn run_cancellable(&self) -> Answer {
        let answer = loop {
            let seen = Seen::now();
            // SAFETY: Nothing is to be dropped.
            unsafe { pthread_testcancel() };
            let answer = self.wait_after(seen);
            if answer != error(NOT_MADE) {
                break answer;
            }
        };
        if answer == error(libc::EINTR) {
            // SAFETY: As before.
            unsafe { pthread_testcancel() };
        }
        answer
    }

    /// Waits once. It is a function of its own so that the loop around it costs nothing.
    #[inline(never)]
    fn wait_after(&self, seen: Seen) -> Answer {
        self.wait(seen)
    }

    /// Waits on an instance of either kind.
    #[inline(always)]
    fn wait(&self, gate: impl Gate) -> Answer {
        let timeout = match self.timeout() {
            Ok(timeout) => timeout,
            Err(answer) => return answer,
        };
        if let Some(told) = self.ask_repoll(timeout, gate) {
            return stats::repoll(Kind::Wait, told);
        }
        // SAFETY: This is what the program has asked for.
        let answer = unsafe { gate.call(self.number, &self.arguments) };
        stats::native(Kind::Wait, answer)
    }

    /// repoll is asked first, and epoll only if that was not an answer of
    /// repoll's, which is `None`:
    ///
    /// | repoll's answer | by | then |
    /// |---|---|---|
    /// | a number, `EFAULT`, `EINTR` | repoll | it is the answer |
    /// | [`NOT_MADE`] | nobody | it has to be asked again |
    /// | `EBADF` | the descriptor is not open | epoll would have looked at the mask before: that is made up for |
    /// | `EINVAL` | a native epoll, or repoll | epoll is asked; on a repoll instance it finds the same errors in the same order, and last of all `EINVAL` |
    /// | anything else, as `ENOTTY` or `ESPIPE` | any other file | epoll is asked |
    #[inline(always)]
    fn ask_repoll(&self, timeout: Timeout, gate: impl Gate) -> Option<Told> {
        let epfd = self.arguments[at::EPFD] as c_int;
        if settings().gathers() {
            let told = gather::wait(epfd, &self.structure(timeout), gate);
            if told.is_some() {
                return told;
            }
        }
        let told = match timeout {
            Timeout::Milliseconds(timeout_ms) if self.arguments[at::SIGMASK] == 0 => {
                let events = self.arguments[at::EVENTS];
                let how = pair(self.arguments[at::MAXEVENTS] as u32, timeout_ms as u32);
                let operation = uapi::REPOLL_DIRECT_WAIT;
                let ioctl = move || self.ioctl(timeout, gate);
                // SAFETY: It writes where the program wants its events.
                unsafe { direct::call_or(epfd, operation, events, how, gate, ioctl) }
            }
            _ => {
                let wait = self.structure(timeout);
                let operation = uapi::REPOLL_DIRECT_PWAIT;
                // SAFETY: As before. It reads a `repoll_wait`, and what that names with care.
                unsafe { direct::structure(epfd, operation, uapi::REPOLL_WAIT, &wait, gate) }
            }
        };
        if told.answer >= 0 {
            return Some(told);
        }
        match -told.answer as c_int {
            libc::EFAULT | libc::EINTR | NOT_MADE => Some(told),
            libc::EBADF => Some(Told {
                answer: self.without_descriptor(),
                ..told
            }),
            _ => None,
        }
    }

    /// The wait as the ioctl takes it.
    fn structure(&self, timeout: Timeout) -> uapi::repoll_wait {
        uapi::repoll_wait {
            events: self.arguments[at::EVENTS] as u64,
            sigmask: self.arguments[at::SIGMASK] as u64,
            timeout_ns: timeout.nanoseconds(),
            maxevents: self.arguments[at::MAXEVENTS] as c_int,
            // What does not fit is wrong either way.
            sigsetsize: self.arguments[at::SIGSETSIZE]
                .try_into()
                .unwrap_or(u32::MAX),
            ..Default::default()
        }
    }

    fn ioctl(&self, timeout: Timeout, gate: impl Gate) -> Answer {
        let wait = self.structure(timeout);
        let epfd = self.arguments[at::EPFD] as c_int;
        // SAFETY: It reads a `repoll_wait`, and what that names with care; it
        // writes where the program wants its events.
        unsafe { kernel::ioctl(gate, epfd, uapi::REPOLL_WAIT, &wait) }
    }

    /// How long it lasts, or the answer if it cannot be so long.
    fn timeout(&self) -> Result<Timeout, Answer> {
        let timeout = self.arguments[at::TIMEOUT];
        if self.number == libc::SYS_epoll_pwait2 {
            self.timespec(ptr::with_exposed_provenance(timeout))
        } else {
            Ok(Timeout::Milliseconds(timeout as c_int))
        }
    }

    /// A timeout that is in the program's memory, if the program is right. The
    /// kernel finds that out: only after it was able to read a good timeout
    /// there does it miss the descriptor.
    fn timespec(&self, timeout: *const timespec) -> Result<Timeout, Answer> {
        if timeout.is_null() {
            return Ok(Timeout::Milliseconds(-1));
        }
        let answer = self.without_descriptor();
        if answer != error(libc::EBADF) {
            return Err(answer);
        }
        // SAFETY: The kernel has just read it.
        Ok(Timeout::from(unsafe { timeout.read_unaligned() }))
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

/// How long a wait lasts.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Timeout {
    /// For ever, if it is negative.
    Milliseconds(c_int),
    /// What is no number of those.
    Nanoseconds(i64),
}

impl Timeout {
    fn nanoseconds(self) -> i64 {
        match self {
            Self::Milliseconds(timeout) => i64::from(timeout) * NS_PER_MS,
            Self::Nanoseconds(timeout) => timeout,
        }
    }
}

/// What is too long for 64 bits is cut, to some 292 years.
impl From<timespec> for Timeout {
    fn from(timeout: timespec) -> Self {
        let nanoseconds = timeout
            .tv_sec
            .saturating_mul(NS_PER_S)
            .saturating_add(timeout.tv_nsec);
        match c_int::try_from(nanoseconds / NS_PER_MS) {
            Ok(milliseconds) if nanoseconds % NS_PER_MS == 0 => Self::Milliseconds(milliseconds),
            _ => Self::Nanoseconds(nanoseconds),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn milliseconds_keep_their_sign() {
        let of = |timeout| Timeout::Milliseconds(timeout).nanoseconds();
        assert!(of(-1) < 0);
        assert!(of(c_int::MIN) < 0);
        assert_eq!(of(0), 0);
        assert_eq!(of(1), 1_000_000);
        assert_eq!(of(c_int::MAX), 2_147_483_647_000_000);
    }

    #[test]
    fn long_timeouts_are_cut_not_wrapped() {
        let of = |tv_sec, tv_nsec| Timeout::from(timespec { tv_sec, tv_nsec }).nanoseconds();
        assert_eq!(of(0, 1), 1);
        assert_eq!(of(2, 3), 2_000_000_003);
        assert_eq!(of(i64::MAX, 0), i64::MAX);
        assert_eq!(of(9_223_372_036, 999_999_999), i64::MAX);
    }

    #[test]
    fn whole_milliseconds_are_found() {
        let of = |tv_sec, tv_nsec| Timeout::from(timespec { tv_sec, tv_nsec });
        assert_eq!(of(0, 0), Timeout::Milliseconds(0));
        assert_eq!(of(0, 1), Timeout::Nanoseconds(1));
        assert_eq!(of(2, 3_000_000), Timeout::Milliseconds(2003));
        assert_eq!(of(2, 3_000_001), Timeout::Nanoseconds(2_003_000_001));
        let longest = of(2_147_483, 647_000_000);
        assert_eq!(longest, Timeout::Milliseconds(c_int::MAX));
        let longer = of(2_147_483, 648_000_000);
        assert_eq!(longer, Timeout::Nanoseconds(2_147_483_648_000_000));
    }
}
