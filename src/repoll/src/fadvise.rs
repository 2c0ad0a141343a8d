// SPDX-License-Identifier: MIT OR Apache-2.0

//! `fadvise64(2)` as it is: libc's function, and rustix's, have room neither for
//! the words nor for the result.

use rustix::{
    io::{Errno, Result},
    ioctl::IoctlOutput,
};
use std::os::fd::RawFd;

/// Makes the call; what it returns is not negative. `ENOSYS` for processors whose
/// way of making it is not known here.
///
/// # Safety
///
/// Every address in the words must be good for what the file does with it.
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

/// The kernel's answer: not negative, or an errno with a minus sign.
///
/// # Safety
///
/// As of [`fadvise64`].
#[cfg(all(target_arch = "x86_64", target_pointer_width = "64"))]
#[inline]
unsafe fn call(fd: RawFd, first: u64, second: u64, operation: u32) -> IoctlOutput {
    let answer: i64;
    // SAFETY: The caller vouches for the call; the kernel leaves all registers but
    // these as they were.
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
    // An int and no more, as everything that an instance returns.
    answer as IoctlOutput
}

/// The same, with two registers for a word, and through libc: six arguments are
/// more than the compiler has registers for.
///
/// # Safety
///
/// As of [`fadvise64`].
#[cfg(target_arch = "x86")]
#[inline]
unsafe fn call(fd: RawFd, first: u64, second: u64, operation: u32) -> IoctlOutput {
    let low = |word: u64| word as u32;
    let high = |word: u64| (word >> 32) as u32;
    // SAFETY: The caller vouches for the call, whose arguments these are.
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
        // SAFETY: The thread's own errno.
        -1 => unsafe { -*libc::__errno_location() },
        // A long is an int here.
        answer => answer as IoctlOutput,
    }
}

/// There is none.
///
/// # Safety
///
/// It does nothing.
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

    /// On a file of another kind all arguments are seen to arrive: the fourth by
    /// what is no advice, the third by its sign.
    #[test]
    fn the_kernel_gets_what_is_passed() {
        let file = std::fs::File::open("/proc/self/exe").unwrap();
        let advise = |first, second, advice| {
            // SAFETY: There are no addresses for such a file.
            unsafe { fadvise64(file.as_raw_fd(), first, second, advice) }
        };
        assert_eq!(advise(0, 0, 0), Ok(0));
        assert_eq!(advise(1 << 40, 1 << 40, 5), Ok(0));
        assert_eq!(advise(0, 1 << 63, 0), Err(Errno::INVAL));
        assert_eq!(advise(0, (1 << 63) - 1, 0), Ok(0));
        assert_eq!(advise(0, 0, 0xE900), Err(Errno::INVAL));
    }
}
