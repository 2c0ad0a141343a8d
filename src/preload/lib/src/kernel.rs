// SPDX-License-Identifier: MIT OR Apache-2.0

//! System calls, made directly.
//!
//! They do not go through libc, whose `syscall` this library replaces, and not through
//! `dlsym(RTLD_NEXT)`, which takes locks and must not be called in a signal handler. So nothing has
//! to be looked up before the first call, whoever makes it, and errno is not modified.

use core::arch::asm;
use libc::{c_int, c_long};

/// The kernel's answer: not negative, or a negated errno.
pub(crate) type Answer = isize;

/// As many arguments as a system call can have.
pub(crate) type Arguments = [usize; 6];

/// The greatest possible errno.
const MAX_ERRNO: isize = 4095;

/// A way to make system calls.
pub(crate) trait Gate: Copy {
    /// Makes a system call.
    ///
    /// # Safety
    ///
    /// That of the system call.
    unsafe fn call(self, number: c_long, arguments: &Arguments) -> Answer;
}

/// The way that always makes the call.
#[derive(Clone, Copy)]
pub(crate) struct Open;

impl Gate for Open {
    #[inline(always)]
    unsafe fn call(self, number: c_long, arguments: &Arguments) -> Answer {
        // SAFETY: The caller vouches for the call.
        unsafe { call(number, arguments) }
    }
}

/// Makes a system call.
///
/// # Safety
///
/// That of the system call.
#[inline(always)]
pub(crate) unsafe fn call(number: c_long, arguments: &Arguments) -> Answer {
    let [a, b, c, d, e, f] = *arguments;
    let answer;
    // SAFETY: The caller vouches for the call. The kernel preserves all registers but these.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") number as Answer => answer,
            in("rdi") a,
            in("rsi") b,
            in("rdx") c,
            in("r10") d,
            in("r8") e,
            in("r9") f,
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack),
        );
    }
    answer
}

/// Makes an ioctl that takes the address of a structure.
///
/// # Safety
///
/// The command must accept the structure, and every address in it must be valid for what the
/// command does with it.
#[inline(always)]
pub(crate) unsafe fn ioctl<T>(
    gate: impl Gate,
    fd: c_int,
    command: u32,
    argument: *const T,
) -> Answer {
    let argument = argument.expose_provenance();
    // SAFETY: The caller vouches for the argument.
    unsafe {
        gate.call(
            libc::SYS_ioctl,
            &[int(fd), command as usize, argument, 0, 0, 0],
        )
    }
}

/// Converts an answer to libc's form: -1 and errno for an error.
#[inline(always)]
pub(crate) fn to_libc(answer: Answer) -> c_long {
    if (-MAX_ERRNO..0).contains(&answer) {
        // SAFETY: It is the thread's own errno.
        unsafe { *libc::__errno_location() = -answer as c_int };
        -1
    } else {
        answer as c_long
    }
}

/// An int as an argument, extended as the ABI requires.
#[inline(always)]
pub(crate) fn int(value: c_int) -> usize {
    value as isize as usize
}

/// An errno as an answer.
#[inline(always)]
pub(crate) const fn error(errno: c_int) -> Answer {
    -(errno as Answer)
}
