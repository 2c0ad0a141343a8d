// SPDX-License-Identifier: MIT OR Apache-2.0

//! `fadvise64(2)` as the kernel implements it. The functions of libc and rustix cannot
//! pass the words and do not return the result.

use rustix::{
    io::{Errno, Result},
    ioctl::IoctlOutput,
};
use std::os::fd::RawFd;

/// Makes the call. The result is not negative. Returns `ENOSYS` on processors for which
/// this file does not know the calling convention.
///
/// # Safety
///
/// Every address in the words must be valid for what the file does with it.
#[inline]
pub(crate) unsafe fn fadvise64(
    fd: RawFd,
    first: u64,
    second: u64,
    operation: u32,
) -> Result<IoctlOutput> {
    // SAFETY: The caller vouches for the words.
    let answer = unsafe { call(fd, first, second, operation) };
    if answer >= 0 {
        Ok(answer)
    } else {
        Err(Errno::from_raw_os_error(-answer))
    }
}

/// Returns the kernel's answer: not negative, or a negated errno.
///
/// # Safety
///
/// That of [`fadvise64`].
#[cfg(all(target_arch = "x86_64", target_pointer_width = "64"))]
#[inline]
unsafe fn call(fd: RawFd, first: u64, second: u64, operation: u32) -> IoctlOutput {
    let answer: i64;
    // SAFETY: The caller vouches for the call. The kernel preserves all registers but
    // these.
    unsafe {
        std::arch::asm!(
            "syscall",
            inlateout("rax") libc::SYS_fadvise64 => answer,
            in("rdi") i64::from(fd),
            in("rsi") first,
            in("rdx") second,
            in("r10") u64::from(operation),
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack, preserves_flags),
        );
    }
    // An instance only returns ints.
    answer as IoctlOutput
}

/// The same, with two registers for each word, and through libc: the six arguments need
/// more registers than the compiler can assign.
///
/// # Safety
///
/// That of [`fadvise64`].
#[cfg(target_arch = "x86")]
#[inline]
unsafe fn call(fd: RawFd, first: u64, second: u64, operation: u32) -> IoctlOutput {
    let low = |word: u64| word as u32;
    let high = |word: u64| (word >> 32) as u32;
    // SAFETY: The caller vouches for the call; these are its arguments.
    let answer = unsafe {
        libc::syscall(
            libc::SYS_fadvise64_64,
            fd,
            low(first),
            high(first),
            low(second),
            high(second),
            operation,
        )
    };
    match answer {
        // SAFETY: It is the thread's own errno.
        -1 => unsafe { -*libc::__errno_location() },
        // On this processor, a long is an int.
        answer => answer as IoctlOutput,
    }
}

/// Does nothing: the calling convention is unknown.
///
/// # Safety
///
/// It is always safe.
#[cfg(not(any(
    all(target_arch = "x86_64", target_pointer_width = "64"),
    target_arch = "x86"
)))]
#[inline]
unsafe fn call(_: RawFd, _: u64, _: u64, _: u32) -> IoctlOutput {
    -libc::ENOSYS
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsRawFd;

    /// Checks that a file of another kind receives all arguments: an invalid advice shows
    /// the fourth, and a negative length the third.
    #[test]
    fn the_kernel_gets_what_is_passed() {
        let file = std::fs::File::open("/proc/self/exe").unwrap();
        let advise = |first, second, advice| {
            // SAFETY: Such a file takes no addresses.
            unsafe { fadvise64(file.as_raw_fd(), first, second, advice) }
        };
        assert_eq!(advise(0, 0, 0), Ok(0));
        assert_eq!(advise(1 << 40, 1 << 40, 5), Ok(0));
        assert_eq!(advise(0, 1 << 63, 0), Err(Errno::INVAL));
        assert_eq!(advise(0, (1 << 63) - 1, 0), Ok(0));
        assert_eq!(advise(0, 0, 0xE900), Err(Errno::INVAL));
    }
}
