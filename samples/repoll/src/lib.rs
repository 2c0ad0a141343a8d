// SPDX-License-Identifier: GPL-2.0

//! Event notification by the repoll kernel module, for user space.
//!
//! A [`Repoll`] watches file descriptors and tells which of them are ready, as
//! an epoll instance does. Events and their flags are those of
//! [`rustix::event::epoll`], so that a program can be moved from one to the
//! other by changing how its instance is made.
//!
//! ```no_run
//! use repoll::{CreateFlags, EventFlags, Repoll};
//! use std::{net::TcpListener, os::fd::AsFd};
//!
//! # fn main() -> std::io::Result<()> {
//! let listener = TcpListener::bind("127.0.0.1:7007")?;
//! let poller = Repoll::new(CreateFlags::CLOEXEC)?;
//! poller.add(listener.as_fd(), EventFlags::IN, 1)?;
//!
//! let mut events = Vec::with_capacity(64);
//! loop {
//!     poller.wait(&mut events, None)?;
//!     for event in &events {
//!         println!("{} is ready", event.data.u64());
//!     }
//! }
//! # }
//! ```
//!
//! # Portability
//!
//! Linux with the repoll module loaded, and a `/dev/repoll` that the program
//! may open. Without them [`Repoll::new`] fails with
//! [`NotFound`](std::io::ErrorKind::NotFound) or
//! [`PermissionDenied`](std::io::ErrorKind::PermissionDenied).

mod change;
mod command;
pub mod uapi;

use command::Command;
use std::{
    ffi::c_int,
    io,
    mem::size_of,
    os::fd::{
        AsFd,
        AsRawFd,
        BorrowedFd,
        FromRawFd,
        OwnedFd,
        RawFd, //
    },
    ptr,
    time::Duration, //
};

pub use change::{
    Batch,
    Change,
    Operation, //
};
pub use rustix::event::epoll::{
    Event,
    EventData,
    EventFlags, //
};

bitflags::bitflags! {
    /// How an instance is made.
    #[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
    pub struct CreateFlags: u32 {
        /// The descriptor is closed when the process executes another program.
        const CLOEXEC = uapi::REPOLL_CLOEXEC;
        /// Of several threads that sleep in [`Repoll::wait`], the one that came
        /// first is woken first. Otherwise, as with epoll, the one that came
        /// last is, whose data is likely to be in the processor's cache.
        const FIFO = uapi::REPOLL_FIFO;
    }
}

// The operations of <linux/eventpoll.h>, which is no part of the generated view.
const EPOLL_CTL_ADD: c_int = 1;
const EPOLL_CTL_DEL: c_int = 2;
const EPOLL_CTL_MOD: c_int = 3;

/// As many events as one wait can be asked for.
const MAX_EVENTS: usize = c_int::MAX as usize / size_of::<Event>();

/// An instance of the kernel's repoll: a set of watched file descriptors, and
/// the list of those that are ready.
///
/// All methods take `&self` and can be called from several threads at once;
/// each event then goes to one of the threads that wait.
///
/// # Implementation notes
///
/// This owns one file descriptor and nothing else. Every method is one ioctl
/// on it, except [`Repoll::new`], which opens and closes the control node too.
/// The descriptor itself can be watched, with `poll`, `select` or epoll: it is
/// readable when there are events to fetch.
#[derive(Debug)]
pub struct Repoll {
    fd: OwnedFd,
}

impl Repoll {
    /// Makes an instance that watches nothing yet.
    ///
    /// # Errors
    ///
    /// * `ENOENT`: there is no `/dev/repoll`; the module is not loaded.
    /// * `EACCES`: it may not be opened by this user.
    /// * `EMFILE`, `ENFILE`: the limit on open files is reached.
    /// * `ENOMEM`: there is no memory.
    pub fn new(flags: CreateFlags) -> io::Result<Self> {
        use rustix::fs::{
            Mode,
            OFlags, //
        };

        let control = rustix::fs::open(
            uapi::REPOLL_DEVICE,
            OFlags::RDWR | OFlags::CLOEXEC,
            Mode::empty(),
        )?;
        let mut create = uapi::repoll_create {
            flags: flags.bits(),
            ..Default::default()
        };
        // SAFETY: REPOLL_CREATE reads a `repoll_create` and writes nothing.
        let fd = unsafe { Command::<{ uapi::REPOLL_CREATE }, _>::new(&mut create).run(&control)? };
        // SAFETY: REPOLL_CREATE returned a new descriptor, which is ours alone.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        Ok(Self { fd })
    }

    /// Watches `fd` for `interest`; its events carry `data`.
    ///
    /// [`EventFlags::ERR`] and [`EventFlags::HUP`] are always watched. Events
    /// are level-triggered unless `interest` has [`EventFlags::ET`].
    ///
    /// When the last descriptor of an open file is closed the file is no longer
    /// watched; [`Repoll::delete`] is only needed to end that earlier.
    ///
    /// # Errors
    ///
    /// * `EEXIST` ([`AlreadyExists`](io::ErrorKind::AlreadyExists)): `fd` is
    ///   being watched already.
    /// * `EPERM`: the file cannot be polled, such as a regular file.
    /// * `EINVAL`: `fd` is an eventpoll, of repoll or of the kernel, or
    ///   [`EventFlags::EXCLUSIVE`] came with a flag that it excludes.
    /// * `ENOSPC`: the user watches as many files as one user may.
    /// * `ENOMEM`: there is no memory.
    pub fn add(&self, fd: BorrowedFd<'_>, interest: EventFlags, data: u64) -> io::Result<()> {
        self.control(EPOLL_CTL_ADD, fd, Some((interest, data)), 0)
    }

    /// Watches `fd` for `interest`, taking turns with others that watch it.
    ///
    /// `interest` has [`EventFlags::EXCLUSIVE`], so that of several instances
    /// that watch the same file not all are woken by an event. By
    /// [`Repoll::add`], as with epoll, it is always the first of them that is
    /// ready for it; here one that was woken is the last to be woken again.
    ///
    /// # Errors
    ///
    /// Those of [`Repoll::add`], and `EINVAL` without `EXCLUSIVE`.
    pub fn add_round_robin(
        &self,
        fd: BorrowedFd<'_>,
        interest: EventFlags,
        data: u64,
    ) -> io::Result<()> {
        self.control(
            EPOLL_CTL_ADD,
            fd,
            Some((interest, data)),
            uapi::REPOLL_ROUND_ROBIN,
        )
    }

    /// Changes what `fd` is watched for, and the data of its events.
    ///
    /// This also arms an item again that was added with
    /// [`EventFlags::ONESHOT`] and has had its event.
    ///
    /// # Errors
    ///
    /// * `ENOENT` ([`NotFound`](io::ErrorKind::NotFound)): `fd` is not being
    ///   watched.
    /// * `EINVAL`: the item is exclusive, or `interest` wants it to become so.
    /// * `EPERM`: the file cannot be polled.
    pub fn modify(&self, fd: BorrowedFd<'_>, interest: EventFlags, data: u64) -> io::Result<()> {
        self.control(EPOLL_CTL_MOD, fd, Some((interest, data)), 0)
    }

    /// Stops watching `fd`.
    ///
    /// Another thread may have fetched an event of `fd` before and not have
    /// acted on it yet.
    ///
    /// # Errors
    ///
    /// * `ENOENT` ([`NotFound`](io::ErrorKind::NotFound)): `fd` is not being
    ///   watched.
    /// * `EPERM`: the file cannot be polled.
    pub fn delete(&self, fd: BorrowedFd<'_>) -> io::Result<()> {
        self.control(EPOLL_CTL_DEL, fd, None, 0)
    }

    /// Makes many changes by one call, one after the other.
    ///
    /// Each is as by a call of its own: one that fails does not keep the next
    /// from being tried, and other threads may change or wait in between. A
    /// caught signal ends it early; [`Batch::done`] then tells how many were
    /// tried, which is at least one, and [`Change::result`] how each of those went.
    ///
    /// # Errors
    ///
    /// Those of single changes are in their results; there is none of the whole
    /// but for a descriptor that is no repoll's.
    pub fn batch(&self, changes: &mut [Change<'_>]) -> io::Result<Batch> {
        let mut batch = change::batch(changes);
        // SAFETY: REPOLL_BATCH reads and writes a `repoll_batch` and the `count`
        // changes that it points to, which are borrowed mutably until the call
        // is over. What it writes there are results, of which any is valid.
        unsafe { Command::<{ uapi::REPOLL_BATCH }, _>::new(&mut batch).run(&self.fd)? };
        Ok(Batch::from(&batch))
    }

    /// Makes many changes, then waits for events, by one call.
    ///
    /// This is [`Repoll::batch`] followed by [`Repoll::wait`], and made for the
    /// loop of a server: what the last events have led to, such as one-shot
    /// items to be armed again, goes along with the next wait. It does not sleep
    /// if a change failed or was not tried, so that the caller can see to that
    /// first; there may be events all the same.
    ///
    /// # Errors
    ///
    /// `events` is empty after an error, and no event is lost.
    ///
    /// * `EINTR` ([`Interrupted`](io::ErrorKind::Interrupted)): a signal was
    ///   caught before anything was ready. All changes have been made.
    /// * `EINVAL`: `events` has no capacity. The changes have been tried.
    pub fn batch_wait(
        &self,
        changes: &mut [Change<'_>],
        events: &mut Vec<Event>,
        timeout: Option<Duration>,
    ) -> io::Result<Batch> {
        let mut both = uapi::repoll_batch_wait {
            batch: change::batch(changes),
            wait: wait_for(events, timeout),
        };
        // SAFETY: As for `batch` and `wait`: the changes and the room in
        // `events` are borrowed mutably until the call is over.
        let count =
            unsafe { Command::<{ uapi::REPOLL_BATCH_WAIT }, _>::new(&mut both).run(&self.fd)? };
        // SAFETY: The kernel has written that many events, as in `wait`.
        unsafe { events.set_len(count as usize) };
        Ok(Batch::from(&both.batch))
    }

    /// Waits until something is ready, or `timeout` has passed, and puts the
    /// events in place of the contents of `events`.
    ///
    /// No more events are fetched than `events` has capacity for; the others
    /// come first the next time. `None` waits for ever, a zero timeout not at
    /// all. Timeouts are not rounded.
    ///
    /// # Errors
    ///
    /// `events` is empty after an error, and no event is lost.
    ///
    /// * `EINTR` ([`Interrupted`](io::ErrorKind::Interrupted)): a signal was
    ///   caught before anything was ready.
    /// * `EINVAL`: `events` has no capacity.
    pub fn wait(&self, events: &mut Vec<Event>, timeout: Option<Duration>) -> io::Result<()> {
        let mut wait = wait_for(events, timeout);
        // SAFETY: REPOLL_WAIT reads a `repoll_wait` and writes at most
        // `maxevents` events to `events`, which has room for them and is
        // borrowed mutably until the call is over.
        let count = unsafe { Command::<{ uapi::REPOLL_WAIT }, _>::new(&mut wait).run(&self.fd)? };
        // SAFETY: The kernel has written that many events from the start of the
        // vector's buffer on, and any bits make a valid `Event`. The count is
        // not negative after success.
        unsafe { events.set_len(count as usize) };
        Ok(())
    }

    fn control(
        &self,
        op: c_int,
        fd: BorrowedFd<'_>,
        event: Option<(EventFlags, u64)>,
        flags: u32,
    ) -> io::Result<()> {
        let event = event.map(|(flags, data)| Event {
            flags,
            data: EventData::new_u64(data),
        });
        let mut ctl = uapi::repoll_ctl {
            op,
            fd: fd.as_raw_fd(),
            flags,
            event: event
                .as_ref()
                .map_or(ptr::null(), ptr::from_ref)
                .expose_provenance() as u64,
            ..Default::default()
        };
        // SAFETY: REPOLL_CTL reads a `repoll_ctl` and the event that it points
        // to, which lives until the call is over, and writes nothing.
        unsafe { Command::<{ uapi::REPOLL_CTL }, _>::new(&mut ctl).run(&self.fd)? };
        Ok(())
    }
}

/// A wait that fills the capacity of `events`, which is emptied.
fn wait_for(events: &mut Vec<Event>, timeout: Option<Duration>) -> uapi::repoll_wait {
    events.clear();
    let room = events.spare_capacity_mut();
    uapi::repoll_wait {
        events: room.as_mut_ptr().expose_provenance() as u64,
        // At most MAX_EVENTS, so it fits.
        maxevents: room.len().min(MAX_EVENTS) as c_int,
        timeout_ns: nanoseconds(timeout),
        ..Default::default()
    }
}

/// `timeout` as the kernel wants it: negative means for ever. What does not fit
/// is cut to the longest finite one, some 292 years.
fn nanoseconds(timeout: Option<Duration>) -> i64 {
    match timeout {
        None => -1,
        Some(timeout) => timeout.as_nanos().try_into().unwrap_or(i64::MAX),
    }
}

impl AsFd for Repoll {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl AsRawFd for Repoll {
    fn as_raw_fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }
}

impl From<Repoll> for OwnedFd {
    fn from(repoll: Repoll) -> Self {
        repoll.fd
    }
}

/// The descriptor, say one that was inherited, has to be of a repoll instance:
/// another driver may give the same ioctl numbers another meaning.
impl FromRawFd for Repoll {
    unsafe fn from_raw_fd(fd: RawFd) -> Self {
        Self {
            // SAFETY: The caller hands over a descriptor that it owns.
            fd: unsafe { OwnedFd::from_raw_fd(fd) },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_timeout_is_negative() {
        assert!(nanoseconds(None) < 0);
    }

    #[test]
    fn timeouts_keep_their_nanoseconds() {
        assert_eq!(nanoseconds(Some(Duration::ZERO)), 0);
        assert_eq!(nanoseconds(Some(Duration::from_nanos(1))), 1);
        assert_eq!(nanoseconds(Some(Duration::new(2, 3))), 2_000_000_003);
    }

    #[test]
    fn timeouts_too_long_for_the_kernel_are_cut_not_wrapped() {
        assert_eq!(nanoseconds(Some(Duration::MAX)), i64::MAX);
    }

    #[test]
    fn as_many_events_as_an_int_can_count_bytes_of() {
        assert_eq!(MAX_EVENTS, i32::MAX as usize / size_of::<Event>());
        assert!(i32::try_from(MAX_EVENTS).is_ok());
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn events_are_packed_as_in_c() {
        assert_eq!(size_of::<Event>(), 12);
        assert_eq!(std::mem::offset_of!(Event, data), 4);
    }

    /// A descriptor that is no repoll instance answers "no such ioctl".
    #[test]
    fn errors_of_the_kernel_come_through() {
        let file = std::fs::File::open("/dev/null").unwrap();
        let other = Repoll {
            fd: file.try_clone().unwrap().into(),
        };
        let enotty = Some(rustix::io::Errno::NOTTY.raw_os_error());

        let add = other.add(file.as_fd(), EventFlags::IN, 0);
        assert_eq!(add.unwrap_err().raw_os_error(), enotty);

        let mut events = vec![Event {
            flags: EventFlags::IN,
            data: EventData::new_u64(1),
        }];
        let wait = other.wait(&mut events, Some(Duration::ZERO));
        assert_eq!(wait.unwrap_err().raw_os_error(), enotty);
        assert!(events.is_empty());

        let mut changes = [Change::delete(file.as_fd())];
        let batch = other.batch(&mut changes);
        assert_eq!(batch.unwrap_err().raw_os_error(), enotty);
        let both = other.batch_wait(&mut changes, &mut events, None);
        assert_eq!(both.unwrap_err().raw_os_error(), enotty);
    }
}
