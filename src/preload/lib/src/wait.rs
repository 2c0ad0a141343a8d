// SPDX-License-Identifier: MIT OR Apache-2.0

//! Waiting for events.
//!
//! # Cancellation
//!
//! libc's functions that wait are cancellation points: `pthread_cancel` ends a thread that sleeps
//! in one or that comes to it. In libc, the handler of its signal does this, by checking where the
//! thread is. It does not recognise this library's code, and acts here only if the thread's
//! cancellation is asynchronous. But cancellation must not be asynchronous here: a signal handler
//! that interrupts the wait could then be cancelled anywhere, and so could all code that runs after
//! a handler leaves by `siglongjmp`.
//!
//! So cancellation stays deferred, and the signal does what any signal does: it ends the sleep with
//! `EINTR`. Then `pthread_testcancel` ends the thread. By then, the program's own handler has
//! returned, if one ran, and nothing was fetched that could be lost. If the signal comes between
//! the last check and the sleep, the thread checks again; [`crate::window`] explains how. That
//! costs no system call. [`crate::cancel`] makes sure that the signal is sent, and handled in this
//! way.
//!
//! A mask from the program is passed on unchanged: libc never puts the signal in there.

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

/// The positions of arguments, which all waits share.
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

/// A wait as the program requested it, with the corresponding system call of epoll.
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
    /// A wait with this system call of epoll.
    pub(crate) fn new(number: c_long, arguments: Arguments) -> Self {
        Self { number, arguments }
    }

    /// Waits without being a cancellation point, as `syscall` does.
    pub(crate) fn run(&self) -> Answer {
        self.wait(Open)
    }

    /// Waits as a cancellation point, as libc's functions do.
    ///
    /// A cancelled thread unwinds this function and its callers. None of them may have a frame of
    /// Rust's ABI, which must not be unwound, or a value to drop.
    pub(crate) extern "C-unwind" fn run_cancellable(&self) -> Answer {
        let answer = loop {
            let seen = Seen::now();
            // SAFETY: There is nothing to drop.
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

    /// Waits once. A separate function, so that the loop around it costs nothing.
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
        // SAFETY: It is what the program requested.
        let answer = unsafe { gate.call(self.number, &self.arguments) };
        stats::native(Kind::Wait, answer)
    }

    /// Calls repoll. Returns `None` if the answer cannot have been repoll's; then the caller calls
    /// epoll:
    ///
    /// | answer | comes from | then |
    /// |---|---|---|
    /// | a number, `EFAULT`, `EINTR` | repoll | return it |
    /// | [`NOT_MADE`] | this library: the call was not made | try again |
    /// | `EBADF` | the kernel: the descriptor is not open | epoll would have checked the mask before, so do that |
    /// | `EINVAL` | a native epoll, or repoll | call epoll; on a repoll instance it finds the same errors in the same order, and finally `EINVAL` |
    /// | anything else, such as `ENOTTY` or `ESPIPE` | any other file | call epoll |
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
                // SAFETY: It writes to where the program wants its events.
                unsafe { direct::call_or(epfd, operation, events, how, gate, ioctl) }
            }
            _ => {
                let wait = self.structure(timeout);
                let operation = uapi::REPOLL_DIRECT_PWAIT;
                // SAFETY: As before. It reads a `repoll_wait`, and checks the addresses in it.
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

    /// The wait in the form of the ioctl.
    fn structure(&self, timeout: Timeout) -> uapi::repoll_wait {
        uapi::repoll_wait {
            events: self.arguments[at::EVENTS] as u64,
            sigmask: self.arguments[at::SIGMASK] as u64,
            timeout_ns: timeout.nanoseconds(),
            maxevents: self.arguments[at::MAXEVENTS] as c_int,
            // A value that does not fit is wrong in any case.
            sigsetsize: self.arguments[at::SIGSETSIZE]
                .try_into()
                .unwrap_or(u32::MAX),
            ..Default::default()
        }
    }

    fn ioctl(&self, timeout: Timeout, gate: impl Gate) -> Answer {
        let wait = self.structure(timeout);
        let epfd = self.arguments[at::EPFD] as c_int;
        // SAFETY: It reads a `repoll_wait`, and checks the addresses in it; it writes to where the
        // program wants its events.
        unsafe { kernel::ioctl(gate, epfd, uapi::REPOLL_WAIT, &wait) }
    }

    /// The timeout, or the answer if it is invalid.
    fn timeout(&self) -> Result<Timeout, Answer> {
        let timeout = self.arguments[at::TIMEOUT];
        if self.number == libc::SYS_epoll_pwait2 {
            self.timespec(ptr::with_exposed_provenance(timeout))
        } else {
            Ok(Timeout::Milliseconds(timeout as c_int))
        }
    }

    /// A timeout from the program's memory. The address may be bad, so the kernel checks it first:
    /// it reports the missing descriptor only if it could read a valid timeout.
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

    /// epoll's answer to this wait on a descriptor that is not open: an error that has precedence,
    /// or `EBADF`.
    fn without_descriptor(&self) -> Answer {
        let mut arguments = self.arguments;
        arguments[at::EPFD] = int(-1);
        // SAFETY: It writes nothing.
        unsafe { call(self.number, &arguments) }
    }
}

/// The timeout of a wait.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Timeout {
    /// Milliseconds; a negative number means no limit.
    Milliseconds(c_int),
    /// A time that is not a number of milliseconds.
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

/// A time that is too long for 64 bits is cut to some 292 years.
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
