// SPDX-License-Identifier: MIT OR Apache-2.0

//! Direct calls: what an instance answers to `fadvise64(2)`, at less cost than to
//! an ioctl.
//!
//! Not every module answers them, and a filter of system calls may refuse them, be
//! it one that the process installs later on. This file alone decides whether they are
//! made.

use crate::{fadvise::fadvise64, Features};
use rustix::{
    io::{Errno, Result},
    ioctl::IoctlOutput,
};
use std::{
    os::fd::{AsFd, AsRawFd, OwnedFd},
    sync::atomic::{AtomicBool, Ordering::Relaxed},
};

/// Two numbers in a word, the lower one first.
#[inline]
pub(crate) fn pair(low: u32, high: u32) -> u64 {
    u64::from(low) | (u64::from(high) << 32)
}

/// Whether an instance is to be asked by direct calls.
#[derive(Debug)]
pub(crate) struct Direct(AtomicBool);

impl Direct {
    /// Asks an instance whether it answers them.
    pub(crate) fn of(instance: impl AsFd) -> Self {
        let features = Features::of(instance).unwrap_or(Features::empty());
        Self(features.contains(Features::DIRECT).into())
    }

    /// Makes a direct call. `ENOSYS` if it is known that there is no use in it.
    ///
    /// # Safety
    ///
    /// If `instance` is a repoll's, every address in the words must be good for
    /// what the operation does with it.
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
        // SAFETY: The caller vouches for the words. Nothing but repoll has said that it
        // answers direct calls; its node says `EINVAL` to them.
        unsafe { fadvise64(instance.as_raw_fd(), first, second, operation) }
    }

    /// Makes a direct call or, if that is of no use or is refused, `ioctl`, which
    /// does the same.
    ///
    /// # Safety
    ///
    /// As of [`Direct::call`].
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

    /// The module itself says `EPERM` of a file that cannot be polled, by either
    /// way. Otherwise somebody has refused the direct call, and will again.
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

/// Whether only the module can have said so. A filter says what its maker likes, mostly
/// `EPERM`, `EACCES` or `ENOSYS`.
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
