// SPDX-License-Identifier: GPL-2.0

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
//! handlers have returned, if one ran, and nothing was fetched that could be lost.
//!
//! The signal must not come between the last look and the sleep, where it would have no
//! effect. So it is blocked first, then `pthread_testcancel` looks, then the sleep lets the
//! signal through by its mask, which the kernel changes in one step. A mask that the
//! program gives is passed on as it is: libc never puts the signal in there. That the signal is
//! sent at all is [`crate::cancel`]'s to see to.
//!
//! Blocking takes two system calls. A thread that finds events at once, does not want
//! to sleep or is the only one does without.
//!
//! A signal handler in those instants finds one more signal blocked, which it does not
//! know of. If it leaves by a `longjmp` that restores no mask, that remains so until the
//! thread's next wait.

use crate::{
    gather,
    kernel::{
        call,
        error,
        int,
        Answer,
        Arguments, //
    },
    settings::settings,
    signals::{
        self,
        SET_SIZE, //
    },
    stats::{
        self,
        Kind, //
    },
    threads,
    uapi, //
};
use core::ptr;
use libc::{
    c_int,
    c_long,
    timespec, //
};

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
        match self.timeout() {
            Ok(timeout_ns) => self.wait(timeout_ns),
            Err(answer) => answer,
        }
    }

    /// Waits, and is a point of cancellation: as libc's functions do.
    ///
    /// A cancelled thread unwinds this and its callers. None of them may have a frame of
    /// Rust's ABI, which is nothing to unwind, nor something that wants to be dropped.
    pub(crate) extern "C-unwind" fn run_cancellable(&self) -> Answer {
        // SAFETY: Nothing is to be dropped.
        unsafe { pthread_testcancel() };
        let answer = match self.timeout() {
            Ok(timeout_ns) if timeout_ns == 0 || threads::is_alone() => self.wait(timeout_ns),
            Ok(timeout_ns) => match self.ask_repoll(0) {
                Some(0) | None => {
                    let cancel = threads::cancel_signal();
                    let mask = signals::block(cancel) & !cancel;
                    // SAFETY: As before.
                    unsafe { pthread_testcancel() };
                    let answer = self.masked(&mask).wait(timeout_ns);
                    signals::unblock(cancel);
                    answer
                }
                Some(answer) => stats::repoll(Kind::Wait, answer),
            },
            Err(answer) => answer,
        };
        if answer == error(libc::EINTR) {
            // SAFETY: As before.
            unsafe { pthread_testcancel() };
        }
        answer
    }

    /// The same with this mask, if the program has asked for none.
    fn masked(&self, mask: &u64) -> Self {
        let mut masked = *self;
        if self.number == libc::SYS_epoll_wait {
            masked.number = libc::SYS_epoll_pwait;
        }
        if masked.arguments[at::SIGMASK] == 0 {
            masked.arguments[at::SIGMASK] = ptr::from_ref(mask).expose_provenance();
            masked.arguments[at::SIGSETSIZE] = SET_SIZE;
        }
        masked
    }

    /// Waits on an instance of either kind.
    #[inline(always)]
    fn wait(&self, timeout_ns: i64) -> Answer {
        if let Some(answer) = self.ask_repoll(timeout_ns) {
            return stats::repoll(Kind::Wait, answer);
        }
        // SAFETY: This is what the program has asked for.
        let answer = unsafe { call(self.number, &self.arguments) };
        stats::native(Kind::Wait, answer)
    }

    /// repoll is asked first, and epoll only if that was not an answer of
    /// repoll's, which is `None`:
    ///
    /// | the ioctl's answer | by | then |
    /// |---|---|---|
    /// | a number, `EFAULT`, `EINTR` | repoll | it is the answer |
    /// | `EBADF` | the descriptor is not open | epoll would have looked at the mask before: that is made up for |
    /// | `EINVAL` | a native epoll, or repoll | epoll is asked; on a repoll instance it finds the same errors in the same order, and last of all `EINVAL` |
    /// | anything else, as `ENOTTY` | any other file | epoll is asked |
    #[inline(always)]
    fn ask_repoll(&self, timeout_ns: i64) -> Option<Answer> {
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
            let answer = gather::wait(self.arguments[at::EPFD] as c_int, &wait);
            if answer.is_some() {
                return answer;
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
        let answer = unsafe { call(libc::SYS_ioctl, &arguments) };
        if answer >= 0 {
            return Some(answer);
        }
        match -answer as c_int {
            libc::EFAULT | libc::EINTR => Some(answer),
            libc::EBADF => Some(self.without_descriptor()),
            _ => None,
        }
    }

    /// The timeout as repoll wants it, or the answer if it cannot be one.
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
