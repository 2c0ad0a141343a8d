// SPDX-License-Identifier: MIT OR Apache-2.0

//! Direct calls: an instance answers `fadvise64(2)`, which costs less than an ioctl.
//!
//! Not every module answers them, and a system call filter may refuse them, even one that the
//! program installs later. Only this file decides whether to make them.
//!
//! The decision holds for the process; nothing is remembered about descriptors. Other files answer
//! with `EINVAL` or `ESPIPE`, as they answer an ioctl with `ENOTTY`.

use crate::{
    kernel::{self, error, int, Answer, Gate, Open},
    uapi, valgrind, window,
};
use core::sync::atomic::{AtomicU8, Ordering::Relaxed};
use libc::c_int;

/// An answer, and whether it is that of a direct call.
#[derive(Clone, Copy)]
pub(crate) struct Told {
    pub(crate) answer: Answer,
    pub(crate) directly: bool,
}

/// Not queried yet.
const UNKNOWN: u8 = 0;
/// The module answers direct calls.
const ANSWERED: u8 = 1;
/// The module does not answer direct calls.
const NOT_THERE: u8 = 2;
/// A filter refuses them, whatever the module does.
const REFUSED: u8 = 3;

static STATE: AtomicU8 = AtomicU8::new(UNKNOWN);

/// Two numbers in a word, the first one in the low half.
pub(crate) fn pair(low: u32, high: u32) -> usize {
    low as usize | ((high as usize) << 32)
}

/// Queries the module through its node or an instance. If the module is reloaded while a program
/// runs, the program queries it again when it creates an instance.
///
/// Under valgrind, no direct calls are made: memcheck would complain about the half of an event's
/// data that programs often leave uninitialised.
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

/// Makes a direct call. If direct calls do not work or are refused, makes `ioctl`, which must do
/// the same.
///
/// # Safety
///
/// Every address in the words must be valid for the operation.
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

/// Whether only the kernel can have returned this, for an instance or for another file, or the call
/// was not made. A filter returns the error that its author chose, mostly `EPERM`, `EACCES` or
/// `ENOSYS`.
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

/// Makes the ioctl, because there is no direct call for it or because `refusal` was the answer to
/// the direct call.
///
/// repoll itself returns `EPERM`, for direct calls and ioctls alike, if a file cannot be polled.
/// Any other refusal comes from a filter, which will refuse direct calls again.
#[cold]
pub(crate) fn by_ioctl(epfd: c_int, refusal: Answer, ioctl: impl FnOnce() -> Answer) -> Told {
    let answer = ioctl();
    let says_so = refusal == error(libc::EPERM) && answer == refusal;
    if refusal != 0 && !says_so {
        STATE.store(REFUSED, Relaxed);
    } else if answer >= 0 && STATE.load(Relaxed) == UNKNOWN {
        // It is an instance of repoll that this process did not create.
        ask(epfd);
    }
    Told {
        answer,
        directly: false,
    }
}

/// Makes a call that takes the address of a structure, and that is both a direct call and an ioctl.
///
/// # Safety
///
/// The operation and the ioctl must accept the structure, and every address in it must be valid for
/// what they do with it.
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
