// SPDX-License-Identifier: MIT OR Apache-2.0

//! Direct calls: what an instance of repoll answers to `fadvise64(2)`, at less cost
//! than to an ioctl.
//!
//! Not every module answers them, and a filter of system calls may refuse them, be
//! it one that the program installs later on. This file alone decides whether they are
//! made.
//!
//! The decision holds for the process; nothing is remembered about a descriptor. Any
//! other file answers `EINVAL` or `ESPIPE`, as it answers an ioctl with `ENOTTY`.

use crate::{
    kernel::{self, error, int, Answer, Gate, Open},
    uapi, valgrind, window,
};
use core::sync::atomic::{AtomicU8, Ordering::Relaxed};
use libc::c_int;

/// An answer, and whether it is that to a direct call.
#[derive(Clone, Copy)]
pub(crate) struct Told {
    pub(crate) answer: Answer,
    pub(crate) directly: bool,
}

/// Nobody has been asked yet.
const UNKNOWN: u8 = 0;
/// The module answers direct calls.
const ANSWERED: u8 = 1;
/// It does not.
const NOT_THERE: u8 = 2;
/// A filter refuses them, whatever the module does.
const REFUSED: u8 = 3;

static STATE: AtomicU8 = AtomicU8::new(UNKNOWN);

/// Two numbers in a word, the lower one first.
pub(crate) fn pair(low: u32, high: u32) -> usize {
    low as usize | ((high as usize) << 32)
}

/// Asks the module behind its node or an instance. A program that goes on while the
/// module is loaded anew asks again when it makes an instance.
///
/// Under valgrind none are made: memcheck would complain of the half of an event's data
/// that programs often leave unset.
#[cold]
pub(crate) fn ask(fd: c_int) {
    let mut features = uapi::repoll_features {
        word: uapi::REPOLL_FEATURE_DIRECT / u64::BITS,
        ..Default::default()
    };
    // SAFETY: It reads and writes a `repoll_features`.
    let answer = unsafe { kernel::ioctl(Open, fd, uapi::REPOLL_FEATURES, &raw mut features) };
    if answer != 0 || STATE.load(Relaxed) == REFUSED {
        return;
    }
    let has = (features.bits >> (uapi::REPOLL_FEATURE_DIRECT % u64::BITS)) & 1 != 0;
    let state = match has && !valgrind::is_running() {
        true => ANSWERED,
        false => NOT_THERE,
    };
    STATE.store(state, Relaxed);
}

/// Makes a direct call or, where that is of no use or is refused, `ioctl`, which does
/// the same.
///
/// # Safety
///
/// Every address in the words must be good for what the operation does with it.
#[inline(always)]
pub(crate) unsafe fn call_or(
    epfd: c_int,
    operation: u32,
    first: usize,
    second: usize,
    gate: impl Gate,
    ioctl: impl FnOnce() -> Answer,
) -> Told {
    let mut refusal = 0;
    if STATE.load(Relaxed) == ANSWERED {
        let arguments = [int(epfd), first, second, operation as usize, 0, 0];
        // SAFETY: The caller vouches for the words.
        let answer = unsafe { gate.call(libc::SYS_fadvise64, &arguments) };
        if is_an_answer(answer) {
            return Told {
                answer,
                directly: true,
            };
        }
        refusal = answer;
    }
    by_ioctl(epfd, refusal, ioctl)
}

/// Whether only the kernel can have said so, of an instance or of another file, or the call was
/// not made. A filter says what its maker likes, mostly `EPERM`, `EACCES` or `ENOSYS`.
#[inline(always)]
fn is_an_answer(answer: Answer) -> bool {
    answer >= 0
        || matches!(
            -answer as c_int,
            libc::EBADF
                | libc::EEXIST
                | libc::EFAULT
                | libc::EINTR
                | libc::EINVAL
                | libc::ELOOP
                | libc::ENOENT
                | libc::ENOMEM
                | libc::ENOSPC
                | libc::ESPIPE
                | window::NOT_MADE
        )
}

/// Makes the ioctl: there is no direct call for it, or `refusal` was the answer to that.
///
/// repoll itself says `EPERM` of a file that cannot be polled, by either way. Otherwise
/// somebody has refused the direct call, and will again.
#[cold]
pub(crate) fn by_ioctl(epfd: c_int, refusal: Answer, ioctl: impl FnOnce() -> Answer) -> Told {
    let answer = ioctl();
    let says_so = refusal == error(libc::EPERM) && answer == refusal;
    if refusal != 0 && !says_so {
        STATE.store(REFUSED, Relaxed);
    } else if answer >= 0 && STATE.load(Relaxed) == UNKNOWN {
        // An instance of repoll that this process has not made.
        ask(epfd);
    }
    Told {
        answer,
        directly: false,
    }
}

/// Makes a call that takes the address of a structure, which is at hand in both ways.
///
/// # Safety
///
/// The operation and the ioctl must take what is there, and every address in it must be
/// good for what they do with it.
#[inline(always)]
pub(crate) unsafe fn structure<T>(
    epfd: c_int,
    operation: u32,
    command: u32,
    argument: *const T,
    gate: impl Gate,
) -> Told {
    let address = argument.expose_provenance();
    // SAFETY: The caller vouches for the argument.
    unsafe {
        call_or(epfd, operation, address, 0, gate, || {
            kernel::ioctl(gate, epfd, command, argument)
        })
    }
}
