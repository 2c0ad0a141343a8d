// SPDX-License-Identifier: MIT OR Apache-2.0

//! Batches of changes.

use crate::{
    poller::{EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLL_CTL_MOD},
    uapi, AddMode, Interest, Mode,
};
use rustix::io::Errno;
use std::{
    error::Error,
    ffi::c_int,
    fmt, io,
    marker::PhantomData,
    os::fd::{AsRawFd, BorrowedFd},
};

/// One change of a batch, with its result; see
/// [`Poller::batch`](crate::Poller::batch).
///
/// The descriptor stays open as long as the change exists.
///
/// ```no_run
/// use repoll::{Change, Interest, Mode, Poller};
/// use std::{net::TcpStream, os::fd::AsFd};
///
/// # fn main() -> std::io::Result<()> {
/// # let (a, b): (TcpStream, TcpStream) = unimplemented!();
/// let poller = Poller::new()?;
/// let mut changes = [
///     Change::add(a.as_fd(), Interest::READABLE, Mode::LEVEL, 1),
///     Change::add(b.as_fd(), Interest::READABLE, Mode::LEVEL, 2),
/// ];
/// poller.batch(&mut changes)?.into_result(&changes)?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy)]
#[repr(transparent)]
pub struct Change<'fd> {
    change: uapi::repoll_change,
    fd: PhantomData<BorrowedFd<'fd>>,
}

impl<'fd> Change<'fd> {
    /// Watch `fd` for `interest`, as [`Poller::add`](crate::Poller::add) does.
    #[inline]
    pub fn add(
        fd: BorrowedFd<'fd>,
        interest: Interest,
        mode: impl Into<AddMode>,
        data: u64,
    ) -> Self {
        Self::new(EPOLL_CTL_ADD, fd, interest, mode.into(), data)
    }

    /// Modify what `fd` is watched for, or re-arm it, as
    /// [`Poller::modify`](crate::Poller::modify) does.
    #[inline]
    pub fn modify(fd: BorrowedFd<'fd>, interest: Interest, mode: Mode, data: u64) -> Self {
        Self::new(EPOLL_CTL_MOD, fd, interest, mode.into(), data)
    }

    /// Stop watching `fd`, as [`Poller::delete`](crate::Poller::delete) does.
    #[inline]
    pub fn delete(fd: BorrowedFd<'fd>) -> Self {
        Self::new(EPOLL_CTL_DEL, fd, Interest::empty(), Mode::LEVEL.into(), 0)
    }

    /// The result of the change. It is `ECANCELED` until the change has been
    /// tried; the first [`Batch::done`] changes of a batch have been.
    ///
    /// # Errors
    ///
    /// Those of the call that makes this change by itself.
    #[inline]
    pub fn result(&self) -> io::Result<()> {
        match self.change.result {
            0 => Ok(()),
            errno => Err(io::Error::from_raw_os_error(errno)),
        }
    }

    /// The kind of change.
    #[inline]
    pub fn operation(&self) -> Operation {
        match self.change.op {
            EPOLL_CTL_ADD => Operation::Add,
            EPOLL_CTL_MOD => Operation::Modify,
            _ => Operation::Delete,
        }
    }

    /// The descriptor that it applies to.
    #[inline]
    pub fn fd(&self) -> BorrowedFd<'fd> {
        // SAFETY: The field was set from a descriptor that is open throughout
        // 'fd, and 'fd outlives `self`.
        unsafe { BorrowedFd::borrow_raw(self.change.fd) }
    }

    /// What the descriptor is watched for and how, as bits of `struct
    /// epoll_event`; 0 for a deletion.
    #[inline]
    pub fn events(&self) -> u32 {
        self.change.events
    }

    /// The data of its events.
    #[inline]
    pub fn data(&self) -> u64 {
        self.change.data
    }

    /// The kernel's structure for this change.
    #[inline]
    pub fn as_uapi(&self) -> &uapi::repoll_change {
        &self.change
    }

    /// The argument of the call that makes this change and then waits.
    #[inline]
    pub(crate) fn before_wait(&self, events: u64) -> uapi::repoll_change_wait {
        uapi::repoll_change_wait {
            op: self.change.op,
            fd: self.change.fd,
            flags: self.change.flags,
            events: self.change.events,
            data: self.change.data,
            to: events,
        }
    }

    /// Stores success, for a call that stores no result.
    #[inline]
    pub(crate) fn set_made(&mut self) {
        self.change.result = 0;
    }

    #[inline]
    fn new(op: c_int, fd: BorrowedFd<'fd>, interest: Interest, mode: AddMode, data: u64) -> Self {
        Self {
            change: uapi::repoll_change {
                op,
                fd: fd.as_raw_fd(),
                flags: mode.flags(),
                events: interest.bits() | mode.events(),
                data,
                result: Errno::CANCELED.raw_os_error(),
                ..Default::default()
            },
            fd: PhantomData,
        }
    }
}

impl fmt::Debug for Change<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.change.fmt(f)
    }
}

/// The kinds of changes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Operation {
    /// [`Change::add`].
    Add,
    /// [`Change::modify`].
    Modify,
    /// [`Change::delete`].
    Delete,
}

/// How many changes of a batch were tried, and how many failed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[must_use = "changes may have failed, or not have been tried"]
pub struct Batch {
    /// How many changes were tried, beginning with the first.
    pub done: usize,
    /// How many of these failed.
    pub failed: usize,
}

impl Batch {
    /// Returns how many of `changes` were tried and succeeded, or the first
    /// error. `changes` must be those of the batch.
    ///
    /// # Errors
    ///
    /// That of the first change that failed. Others may have failed as well.
    #[inline]
    pub fn into_result(self, changes: &[Change<'_>]) -> Result<usize, ChangeError> {
        if self.failed > 0 {
            for (index, change) in changes.iter().take(self.done).enumerate() {
                change
                    .result()
                    .map_err(|error| ChangeError { index, error })?;
            }
        }
        Ok(self.done)
    }
}

impl From<&uapi::repoll_batch> for Batch {
    #[inline]
    fn from(batch: &uapi::repoll_batch) -> Self {
        // The kernel returns them as an `int`.
        Self {
            done: batch.done as usize,
            failed: batch.failed as usize,
        }
    }
}

/// A change of a batch failed.
///
/// `?` and `into()` convert it to the [`io::Error`] of the change.
#[derive(Debug)]
pub struct ChangeError {
    /// The index of the change.
    pub index: usize,
    /// Its error.
    pub error: io::Error,
}

impl fmt::Display for ChangeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "change {} of a batch failed", self.index)
    }
}

impl Error for ChangeError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.error)
    }
}

impl From<ChangeError> for io::Error {
    fn from(from: ChangeError) -> Self {
        from.error
    }
}

/// The argument for `changes`, or for as many of them as one call accepts.
#[inline]
pub(crate) fn batch(changes: &mut [Change<'_>]) -> uapi::repoll_batch {
    uapi::repoll_batch {
        changes: changes.as_mut_ptr().expose_provenance() as u64,
        count: changes.len().min(uapi::REPOLL_MAX_CHANGES as usize) as u32,
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Exclusive;
    use std::{fs::File, os::fd::AsFd};

    #[test]
    fn a_change_is_what_the_kernel_reads() {
        let file = File::open("/dev/null").unwrap();
        let mode = Exclusive::LEVEL.round_robin();
        let add = Change::add(file.as_fd(), Interest::READABLE, mode, 7);
        let uapi = add.as_uapi();
        assert_eq!((uapi.op, uapi.fd), (1, file.as_raw_fd()));
        assert_eq!(uapi.flags, uapi::REPOLL_ROUND_ROBIN);
        assert_eq!((uapi.events, uapi.data), (1 | (1 << 28), 7));
        assert_eq!(uapi.__pad, 0);
        assert_eq!(size_of::<Change<'_>>(), size_of::<uapi::repoll_change>());

        let interest = Interest::WRITABLE | Interest::READ_CLOSED;
        let modify = Change::modify(file.as_fd(), interest, Mode::ONE_SHOT, 8);
        let uapi = modify.as_uapi();
        assert_eq!((uapi.op, uapi.flags), (3, 0));
        assert_eq!(uapi.events, 4 | (1 << 13) | (1 << 30));
        assert_eq!(Change::delete(file.as_fd()).as_uapi().op, 2);
    }

    #[test]
    fn a_change_tells_what_it_was_made_of() {
        let file = File::open("/dev/null").unwrap();
        let add = Change::add(file.as_fd(), Interest::READABLE, Mode::EDGE, 7);
        assert_eq!(add.operation(), Operation::Add);
        assert_eq!(add.fd().as_raw_fd(), file.as_raw_fd());
        assert_eq!((add.events(), add.data()), (1 | (1 << 31), 7));
        let modify = Change::modify(file.as_fd(), Interest::READABLE, Mode::EDGE, 8);
        assert_eq!(modify.operation(), Operation::Modify);
        let delete = Change::delete(file.as_fd());
        assert_eq!(delete.operation(), Operation::Delete);
        assert_eq!(delete.events(), 0);
    }

    #[test]
    fn results_are_errors_of_the_system() {
        let file = File::open("/dev/null").unwrap();
        let mut change = Change::delete(file.as_fd());
        let untried = change.result().unwrap_err();
        assert_eq!(Errno::from_io_error(&untried), Some(Errno::CANCELED));
        change.change.result = 0;
        assert!(change.result().is_ok());
        change.change.result = Errno::NOENT.raw_os_error();
        let error = change.result().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn the_first_failure_is_that_of_the_batch() {
        let file = File::open("/dev/null").unwrap();
        let mut changes = [Change::delete(file.as_fd()); 4];
        changes[0].change.result = 0;
        let batch = Batch { done: 1, failed: 0 };
        assert_eq!(batch.into_result(&changes).unwrap(), 1);

        changes[1].change.result = Errno::NOENT.raw_os_error();
        changes[2].change.result = Errno::PERM.raw_os_error();
        let batch = Batch { done: 3, failed: 2 };
        let first = batch.into_result(&changes).unwrap_err();
        assert_eq!(first.index, 1);
        assert!(first.to_string().contains("change 1"));
        let error = io::Error::from(first);
        assert_eq!(Errno::from_io_error(&error), Some(Errno::NOENT));
    }

    #[test]
    fn a_batch_names_all_changes() {
        let file = File::open("/dev/null").unwrap();
        let mut changes = [Change::delete(file.as_fd()); 3];
        let address = changes.as_ptr().addr() as u64;
        let batch = batch(&mut changes);
        assert_eq!((batch.changes, batch.count), (address, 3));
        assert_eq!((batch.flags, batch.done, batch.failed), (0, 0, 0));
    }
}
