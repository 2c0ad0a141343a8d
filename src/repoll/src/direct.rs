// SPDX-License-Identifier: MIT OR Apache-2.0

//! Direct calls: an instance answers `fadvise64(2)`, which costs less than an ioctl.
//!
//! Not every module answers them, and a system call filter may refuse them, even one that
//! the process installs later. Only this file decides whether to make them.

use crate::{fadvise::fadvise64, Features};
use rustix::{
    io::{Errno, Result},
    ioctl::IoctlOutput,
};
use std::{
    os::fd::{AsFd, AsRawFd, OwnedFd},
    sync::atomic::{AtomicBool, Ordering::Relaxed},
};

/// Two numbers in a word, the first one in the low half.
#[inline]
pub(crate) fn pair(low: u32, high: u32) -> u64 {
    u64::from(low) | (u64::from(high) << 32)
}

/// Whether to make direct calls on an instance.
#[derive(Debug)]
pub(crate) struct Direct(AtomicBool);

impl Direct {
    /// Queries whether the instance answers direct calls.
    pub(crate) fn of(instance: impl AsFd) -> Self {
        let features = Features::of(instance).unwrap_or(Features::empty());
        Self(features.contains(Features::DIRECT).into())
    }

    /// Makes a direct call. Returns `ENOSYS` if direct calls are known not to work.
    ///
    /// # Safety
    ///
    /// If `instance` is a repoll instance, every address in the words must be valid for
    /// the operation.
    #[inline]
    pub(crate) unsafe fn call(
        &self,
        instance: &OwnedFd,
        operation: u32,
        first: u64,
        second: u64,
    ) -> Result<IoctlOutput> {
        if !self.0.load(Relaxed) {
            return Err(Errno::NOSYS);
        }
        // SAFETY: The caller vouches for the words. Only repoll reports that it answers
        // direct calls; its control node answers `EINVAL` to them.
        unsafe { fadvise64(instance.as_raw_fd(), first, second, operation) }
    }

    /// Makes a direct call. If direct calls do not work or are refused, makes `ioctl`,
    /// which must do the same.
    ///
    /// # Safety
    ///
    /// That of [`Direct::call`].
    #[inline]
    pub(crate) unsafe fn call_or(
        &self,
        instance: &OwnedFd,
        operation: u32,
        first: u64,
        second: u64,
        ioctl: impl FnOnce() -> Result<IoctlOutput>,
    ) -> Result<IoctlOutput> {
        // SAFETY: The caller vouches for the words.
        match unsafe { self.call(instance, operation, first, second) } {
            Err(errno) if !is_an_answer(errno) => self.refused(errno, ioctl),
            answer => answer,
        }
    }

    /// The module itself returns `EPERM`, for direct calls and ioctls alike, if a file
    /// cannot be polled. Any other refusal comes from a filter, which will refuse direct
    /// calls again.
    #[cold]
    fn refused(
        &self,
        errno: Errno,
        ioctl: impl FnOnce() -> Result<IoctlOutput>,
    ) -> Result<IoctlOutput> {
        let answer = ioctl();
        let goes_on = errno == Errno::PERM && answer == Err(Errno::PERM);
        if !goes_on && self.0.load(Relaxed) {
            self.0.store(false, Relaxed);
        }
        answer
    }
}

/// Whether only the module can have returned this error. A filter returns the error that
/// its author chose, mostly `EPERM`, `EACCES` or `ENOSYS`.
#[inline]
fn is_an_answer(errno: Errno) -> bool {
    matches!(
        errno,
        Errno::BADF
            | Errno::EXIST
            | Errno::FAULT
            | Errno::INTR
            | Errno::INVAL
            | Errno::LOOP
            | Errno::NOENT
            | Errno::NOMEM
            | Errno::NOSPC
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lower_number_comes_first() {
        assert_eq!(pair(1, 2), 0x2_0000_0001);
        assert_eq!(pair(u32::MAX, 0), 0xffff_ffff);
    }

    #[test]
    fn what_is_no_instance_is_not_asked_directly() {
        let file = std::fs::File::open("/dev/null").unwrap();
        assert!(!Direct::of(file).0.into_inner());
    }

    #[test]
    fn a_refusal_counts_unless_the_ioctl_says_the_same() {
        let goes_on = |errno, answer| {
            let direct = Direct(true.into());
            assert_eq!(direct.refused(errno, || answer), answer);
            direct.0.into_inner()
        };
        assert!(goes_on(Errno::PERM, Err(Errno::PERM)));
        assert!(!goes_on(Errno::PERM, Err(Errno::NOENT)));
        assert!(!goes_on(Errno::PERM, Ok(0)));
        assert!(!goes_on(Errno::NOSYS, Ok(0)));
        assert!(!goes_on(Errno::NOSYS, Err(Errno::PERM)));
        assert!(!goes_on(Errno::ACCESS, Ok(0)));
        assert!(!goes_on(Errno::ACCESS, Err(Errno::ACCESS)));
    }
}
