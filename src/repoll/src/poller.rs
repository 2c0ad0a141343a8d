// SPDX-License-Identifier: MIT OR Apache-2.0

//! Instances.

use crate::{
    busy_poll, change,
    command::Command,
    create::create,
    direct::{pair, Direct},
    uapi, AddMode, Batch, BusyPoll, Change, CreateFlags, Events, Features, Interest, Mode,
    Unavailable,
};
use rustix::{
    event::epoll::{Event, EventData, EventFlags},
    io::Errno,
    ioctl::{IoctlOutput, Opcode},
};
use std::{
    ffi::c_int,
    io,
    mem::size_of,
    os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd},
    ptr, slice,
    time::Duration,
};

// The operations of <linux/eventpoll.h>, which the generated interface does not include.
pub(crate) const EPOLL_CTL_ADD: c_int = 1;
pub(crate) const EPOLL_CTL_DEL: c_int = 2;
pub(crate) const EPOLL_CTL_MOD: c_int = 3;

/// The greatest number of events that one wait can fetch.
const MAX_EVENTS: usize = c_int::MAX as usize / size_of::<Event>();

const NS_PER_MS: i64 = 1_000_000;

/// An instance of the kernel's repoll: a set of watched files, and the list of those that
/// are ready.
///
/// All methods take `&self`, and several threads may call them at the same time. Each
/// event then goes to one of the threads that wait.
///
/// `poll`, `select`, epoll and other instances can watch the descriptor itself: it is
/// readable when there are events to fetch.
#[derive(Debug)]
pub struct Poller {
    fd: OwnedFd,
    direct: Direct,
}

impl Poller {
    /// Creates an instance that watches nothing yet. As with epoll, of several threads
    /// that sleep in [`wait`](Self::wait), the one that came last is woken first. The
    /// descriptor is closed when the process executes another program.
    ///
    /// # Errors
    ///
    /// Those of [`Poller::try_new`], as [`io::Error`].
    pub fn new() -> io::Result<Self> {
        Ok(Self::try_new()?)
    }

    /// Creates an instance as [`Poller::new`] does, and reports why this fails. Use it in
    /// programs that print the reason, or that fall back to the kernel's epoll.
    ///
    /// # Errors
    ///
    /// * [`Unavailable::NoModule`]: the module is not loaded.
    /// * [`Unavailable::NoPermission`]: this user may not open `/dev/repoll`.
    /// * [`Unavailable::Other`]: anything else, such as a lack of descriptors or memory.
    pub fn try_new() -> Result<Self, Unavailable> {
        Self::with_flags(CreateFlags::empty())
    }

    /// Creates an instance as [`Poller::try_new`] does, with the options in `flags`.
    ///
    /// ```no_run
    /// use repoll::{CreateFlags, Poller};
    ///
    /// # fn main() -> Result<(), repoll::Unavailable> {
    /// // Threads that wait on it take turns.
    /// let poller = Poller::with_flags(CreateFlags::FIFO)?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`Poller::try_new`]; or [`Unavailable::Other`] with `EINVAL`, if the
    /// module does not know a flag.
    pub fn with_flags(flags: CreateFlags) -> Result<Self, Unavailable> {
        Ok(Self::of(create(flags)?))
    }

    /// A poller for an existing instance.
    fn of(fd: OwnedFd) -> Self {
        let direct = Direct::of(&fd);
        Self { fd, direct }
    }

    /// Watches `fd` for `interest`; its events carry `data`.
    ///
    /// Errors and hang-ups are always watched for. `mode` is a [`Mode`], or an
    /// [`Exclusive`](crate::Exclusive) one.
    ///
    /// The file is no longer watched once its last descriptor is closed; call
    /// [`Poller::delete`] only to stop earlier. As long as a copy of the descriptor is
    /// open, in this process or in another one, the file is watched and may have events,
    /// even after `fd` was closed.
    ///
    /// # Errors
    ///
    /// * `EEXIST` ([`AlreadyExists`](io::ErrorKind::AlreadyExists)): `fd` is watched
    ///   already.
    /// * `EPERM` ([`PermissionDenied`](io::ErrorKind::PermissionDenied)): the file cannot
    ///   be polled, like a regular file.
    /// * `EINVAL` ([`InvalidInput`](io::ErrorKind::InvalidInput)): `fd` is this instance;
    ///   or an exclusive addition is of an eventpoll, or for more than reading and
    ///   writing; or too many paths through instances that watch each other would lead up
    ///   from a file.
    /// * `ELOOP`: instances would watch each other in a circle, or in a chain of more
    ///   than five.
    /// * `ENOSPC`: the user has reached the limit of watched files, or the file is
    ///   already watched 65,536 times.
    /// * `ENOMEM`: there is not enough memory.
    #[inline]
    pub fn add(
        &self,
        fd: impl AsFd,
        interest: Interest,
        mode: impl Into<AddMode>,
        data: u64,
    ) -> io::Result<()> {
        let (fd, mode) = (fd.as_fd(), mode.into());
        let events = interest.bits() | mode.events();
        match mode.flags() {
            0 => self.change(EPOLL_CTL_ADD, fd, events, data)?,
            // A direct call cannot pass flags.
            flags => self.change_by_ioctl(EPOLL_CTL_ADD, fd, flags, events, data)?,
        };
        Ok(())
    }

    /// Changes what `fd` is watched for, how, and the data of its events.
    ///
    /// This also re-arms an item that was added with [`Mode::ONE_SHOT`] and has reported
    /// its event. If the file is ready already, there is an event at once, even if the
    /// item is edge-triggered.
    ///
    /// # Errors
    ///
    /// * `ENOENT` ([`NotFound`](io::ErrorKind::NotFound)): `fd` is not watched.
    /// * `EINVAL` ([`InvalidInput`](io::ErrorKind::InvalidInput)): the item is
    ///   exclusive, or `fd` is this instance.
    /// * `EPERM` ([`PermissionDenied`](io::ErrorKind::PermissionDenied)): the
    ///   file cannot be polled.
    #[inline]
    pub fn modify(
        &self,
        fd: impl AsFd,
        interest: Interest,
        mode: Mode,
        data: u64,
    ) -> io::Result<()> {
        let events = interest.bits() | mode.bits();
        self.change(EPOLL_CTL_MOD, fd.as_fd(), events, data)?;
        Ok(())
    }

    /// Stops watching `fd`.
    ///
    /// Another thread may have fetched an event of `fd` before, and may not have handled
    /// it yet.
    ///
    /// # Errors
    ///
    /// * `ENOENT` ([`NotFound`](io::ErrorKind::NotFound)): `fd` is not watched.
    /// * `EPERM` ([`PermissionDenied`](io::ErrorKind::PermissionDenied)): the
    ///   file cannot be polled.
    #[inline]
    pub fn delete(&self, fd: impl AsFd) -> io::Result<()> {
        self.change(EPOLL_CTL_DEL, fd.as_fd(), 0, 0)?;
        Ok(())
    }

    /// Makes many changes with one call, one after the other.
    ///
    /// The result is the same as with one call for each change. A change that fails does
    /// not stop the batch, and other threads may change or wait in between. A caught
    /// signal stops it; [`Batch::done`] is then the number of changes that were tried,
    /// which is at least one. [`Change::result`] is the result of each of these, and
    /// [`Batch::into_result`] returns the first failure.
    ///
    /// # Errors
    ///
    /// The errors of single changes are in their results. The call itself fails only if
    /// the descriptor is not a repoll instance.
    #[inline]
    pub fn batch(&self, changes: &mut [Change<'_>]) -> io::Result<Batch> {
        let mut batch = change::batch(changes);
        // SAFETY: REPOLL_BATCH reads and writes a `repoll_batch` and the `count` changes
        // that it points to. They are borrowed mutably until the call returns. It writes
        // results there, of which any value is valid.
        unsafe {
            self.structure::<{ uapi::REPOLL_BATCH }, _>(uapi::REPOLL_DIRECT_BATCH, &mut batch)?
        };
        Ok(Batch::from(&batch))
    }

    /// Makes many changes, then waits for events, with one call.
    ///
    /// This is [`Poller::batch`] followed by [`Poller::wait`], for the loop of a server:
    /// changes that result from the last events, such as one-shot items to re-arm, are
    /// made by the next wait. The wait does not sleep if a change failed or was not
    /// tried, so that the caller can handle that first; it may return events
    /// nevertheless.
    ///
    /// # Errors
    ///
    /// `events` is empty after an error, and no event is lost.
    ///
    /// * `EINTR` ([`Interrupted`](io::ErrorKind::Interrupted)): a signal was caught
    ///   before anything was ready. All changes have been made.
    /// * `EINVAL` ([`InvalidInput`](io::ErrorKind::InvalidInput)): `events` has no
    ///   capacity. The changes have been tried.
    #[inline]
    pub fn batch_wait(
        &self,
        changes: &mut [Change<'_>],
        events: &mut Events,
        timeout: Option<Duration>,
    ) -> io::Result<Batch> {
        let events = events.as_mut_vec();
        match (changes, milliseconds(timeout)) {
            ([change], Some(timeout)) => self.change_wait(change, events, timeout),
            (changes, _) => self.changes_wait(changes, events, nanoseconds(timeout)),
        }
    }

    /// Waits until a file is ready or `timeout` has passed. Replaces the contents of
    /// `events` with the events and returns their number, which is 0 after the timeout.
    ///
    /// The call fetches no more events than `events` has capacity for; the others come
    /// first next time. `None` means no limit, and a zero timeout means not to wait.
    /// Timeouts are not rounded.
    ///
    /// # Errors
    ///
    /// `events` is empty after an error, and no event is lost.
    ///
    /// * `EINTR` ([`Interrupted`](io::ErrorKind::Interrupted)): a signal was caught
    ///   before anything was ready, even if its handler was installed with `SA_RESTART`.
    ///   The wait does not restart, because only the caller knows whether the signal is
    ///   important, and how much of `timeout` is left.
    /// * `EINVAL` ([`InvalidInput`](io::ErrorKind::InvalidInput)): `events` has no
    ///   capacity.
    #[inline]
    pub fn wait(&self, events: &mut Events, timeout: Option<Duration>) -> io::Result<usize> {
        let events = events.as_mut_vec();
        let room = Room::of(events);
        let count = match milliseconds(timeout) {
            Some(timeout) => {
                let how = pair(room.maxevents, timeout as u32);
                let ioctl = move || {
                    let mut wait = room.wait(i64::from(timeout) * NS_PER_MS);
                    // SAFETY: As below.
                    unsafe { Command::<{ uapi::REPOLL_WAIT }, _>::new(&mut wait).run(&self.fd) }
                };
                // SAFETY: At most `maxevents` events are written to `events`, which has
                // room for them and is borrowed mutably until the call returns.
                unsafe {
                    let operation = uapi::REPOLL_DIRECT_WAIT;
                    self.direct
                        .call_or(&self.fd, operation, room.events, how, ioctl)?
                }
            }
            None => {
                let mut wait = room.wait(nanoseconds(timeout));
                // SAFETY: REPOLL_WAIT reads a `repoll_wait`, and writes as above.
                unsafe {
                    self.structure::<{ uapi::REPOLL_WAIT }, _>(
                        uapi::REPOLL_DIRECT_PWAIT,
                        &mut wait,
                    )?
                }
            }
        };
        // SAFETY: The kernel has written this many.
        Ok(unsafe { filled(events, count) })
    }

    /// Queries the features of the module that the instance belongs to.
    ///
    /// # Errors
    ///
    /// `ENOTTY` if the module's version is before 0.2.
    pub fn features(&self) -> io::Result<Features> {
        Features::of(&self.fd)
    }

    /// How waits poll network devices before they sleep.
    ///
    /// # Errors
    ///
    /// None, unless the descriptor is not a repoll instance.
    pub fn busy_poll(&self) -> io::Result<BusyPoll> {
        let mut parameters = busy_poll::Parameters::default();
        // SAFETY: EPIOCGPARAMS writes an `epoll_params`, of which all bit patterns are
        // valid.
        unsafe { Command::<{ busy_poll::GET }, _>::new(&mut parameters).run(&self.fd)? };
        Ok(parameters.into())
    }

    /// Makes waits poll network devices before they sleep, if the devices of the watched
    /// sockets support it.
    ///
    /// # Errors
    ///
    /// * `EINVAL` ([`InvalidInput`](io::ErrorKind::InvalidInput)): the time is
    ///   longer than `i32::MAX` microseconds.
    /// * `EPERM` ([`PermissionDenied`](io::ErrorKind::PermissionDenied)): the budget is
    ///   above 64, which requires `CAP_NET_ADMIN`.
    pub fn set_busy_poll(&self, parameters: BusyPoll) -> io::Result<()> {
        let mut parameters = busy_poll::Parameters::from(parameters);
        // SAFETY: EPIOCSPARAMS reads an `epoll_params` and writes nothing.
        unsafe { Command::<{ busy_poll::SET }, _>::new(&mut parameters).run(&self.fd)? };
        Ok(())
    }

    /// Makes a change without flags.
    #[inline]
    fn change(
        &self,
        op: c_int,
        fd: BorrowedFd<'_>,
        events: u32,
        data: u64,
    ) -> rustix::io::Result<IoctlOutput> {
        let operation = match op {
            EPOLL_CTL_ADD => uapi::REPOLL_DIRECT_ADD,
            EPOLL_CTL_MOD => uapi::REPOLL_DIRECT_MOD,
            _ => uapi::REPOLL_DIRECT_DEL,
        };
        let what = pair(fd.as_raw_fd() as u32, events);
        let ioctl = move || self.change_by_ioctl(op, fd, 0, events, data);
        // SAFETY: There are no addresses in the words.
        unsafe { self.direct.call_or(&self.fd, operation, data, what, ioctl) }
    }

    #[cold]
    fn change_by_ioctl(
        &self,
        op: c_int,
        fd: BorrowedFd<'_>,
        flags: u32,
        events: u32,
        data: u64,
    ) -> rustix::io::Result<IoctlOutput> {
        let event = Event {
            flags: EventFlags::from_bits_retain(events),
            data: EventData::new_u64(data),
        };
        let mut ctl = uapi::repoll_ctl {
            op,
            fd: fd.as_raw_fd(),
            flags,
            event: ptr::from_ref(&event).expose_provenance() as u64,
            ..Default::default()
        };
        // SAFETY: REPOLL_CTL reads a `repoll_ctl` and the event that it points to, which
        // lives until the call returns, and writes nothing.
        unsafe { Command::<{ uapi::REPOLL_CTL }, _>::new(&mut ctl).run(&self.fd) }
    }

    /// Makes changes and waits, with the call for any number of changes.
    fn changes_wait(
        &self,
        changes: &mut [Change<'_>],
        events: &mut Vec<Event>,
        timeout_ns: i64,
    ) -> io::Result<Batch> {
        let mut both = uapi::repoll_batch_wait {
            batch: change::batch(changes),
            wait: Room::of(events).wait(timeout_ns),
        };
        // SAFETY: As in `batch` and `wait`: the changes and the room in `events` are
        // borrowed mutably until the call returns.
        let count = unsafe {
            self.structure::<{ uapi::REPOLL_BATCH_WAIT }, _>(
                uapi::REPOLL_DIRECT_BATCH_WAIT,
                &mut both,
            )?
        };
        // SAFETY: The kernel has written this many.
        unsafe { filled(events, count) };
        Ok(Batch::from(&both.batch))
    }

    /// Makes one change and waits for this many milliseconds, with the direct call for
    /// exactly this.
    ///
    /// If that call fails before the wait, it has done nothing. Then `REPOLL_BATCH_WAIT`
    /// tries the change again, stores its result and waits.
    #[inline]
    fn change_wait(
        &self,
        change: &mut Change<'_>,
        events: &mut Vec<Event>,
        timeout: c_int,
    ) -> io::Result<Batch> {
        let room = Room::of(events);
        let both = change.before_wait(room.events);
        let at = ptr::from_ref(&both).expose_provenance() as u64;
        let how = pair(room.maxevents, timeout as u32);
        // SAFETY: It reads a `repoll_change_wait`, and writes as a wait does.
        let answer = unsafe {
            self.direct
                .call(&self.fd, uapi::REPOLL_DIRECT_CHANGE_WAIT, at, how)
        };
        match answer {
            Ok(count) => {
                // SAFETY: The kernel has written this many.
                unsafe { filled(events, count) };
                change.set_made();
                Ok(Batch { done: 1, failed: 0 })
            }
            // Errors of the wait.
            Err(errno @ (Errno::INTR | Errno::FAULT)) => {
                change.set_made();
                Err(errno.into())
            }
            Err(_) => {
                let timeout = i64::from(timeout) * NS_PER_MS;
                self.changes_wait(slice::from_mut(change), events, timeout)
            }
        }
    }

    /// Makes a call that takes the address of a structure, and that is both a direct call
    /// and an ioctl.
    ///
    /// # Safety
    ///
    /// `OPCODE` and `operation` must take a `T`, and every address in the argument must
    /// be valid for what they do with it.
    #[inline]
    unsafe fn structure<const OPCODE: Opcode, T>(
        &self,
        operation: u32,
        argument: &mut T,
    ) -> rustix::io::Result<IoctlOutput> {
        let at = ptr::from_mut(argument).expose_provenance() as u64;
        // SAFETY: The caller vouches for the argument.
        unsafe {
            self.direct.call_or(&self.fd, operation, at, 0, || {
                Command::<OPCODE, _>::new(argument).run(&self.fd)
            })
        }
    }
}

/// Where a wait stores its events: the capacity of a vector, which is emptied.
#[derive(Clone, Copy)]
struct Room {
    events: u64,
    maxevents: u32,
}

impl Room {
    #[inline]
    fn of(events: &mut Vec<Event>) -> Self {
        events.clear();
        let room = events.spare_capacity_mut();
        Self {
            events: room.as_mut_ptr().expose_provenance() as u64,
            maxevents: room.len().min(MAX_EVENTS) as u32,
        }
    }

    /// A wait that fills the room.
    #[inline]
    fn wait(self, timeout_ns: i64) -> uapi::repoll_wait {
        uapi::repoll_wait {
            events: self.events,
            // It fits, as it is at most MAX_EVENTS.
            maxevents: self.maxevents as c_int,
            timeout_ns,
            ..Default::default()
        }
    }
}

/// Sets the length of a vector to the number of events that were stored in its room.
///
/// # Safety
///
/// A wait has filled its [`Room`], and has returned `count`.
#[inline]
unsafe fn filled(events: &mut Vec<Event>, count: IoctlOutput) -> usize {
    let count = count as usize;
    // SAFETY: This many were written from the start of the buffer, and all bit patterns
    // are valid for `Event`. After success the count is not negative.
    unsafe { events.set_len(count) };
    count
}

/// Converts `timeout` to the kernel's form: negative means no limit. A value that does
/// not fit becomes the longest finite one, some 292 years.
#[inline]
fn nanoseconds(timeout: Option<Duration>) -> i64 {
    match timeout {
        None => -1,
        Some(timeout) => timeout.as_nanos().try_into().unwrap_or(i64::MAX),
    }
}

/// `timeout` in milliseconds, negative for no limit; `None` if it has fractions of a
/// millisecond or is too long.
#[inline]
fn milliseconds(timeout: Option<Duration>) -> Option<c_int> {
    let Some(timeout) = timeout else {
        return Some(-1);
    };
    if i64::from(timeout.subsec_nanos()) % NS_PER_MS != 0 {
        return None;
    }
    let seconds = c_int::try_from(timeout.as_secs()).ok()?;
    let rest = timeout.subsec_millis() as c_int;
    seconds.checked_mul(1000)?.checked_add(rest)
}

impl AsFd for Poller {
    #[inline]
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl AsRawFd for Poller {
    #[inline]
    fn as_raw_fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }
}

impl IntoRawFd for Poller {
    fn into_raw_fd(self) -> RawFd {
        self.fd.into_raw_fd()
    }
}

impl From<Poller> for OwnedFd {
    fn from(poller: Poller) -> Self {
        poller.fd
    }
}

/// The descriptor, for example an inherited one, must be a repoll instance: other drivers
/// may use the same ioctl numbers for something else.
impl FromRawFd for Poller {
    unsafe fn from_raw_fd(fd: RawFd) -> Self {
        // SAFETY: The caller passes a descriptor that it owns.
        Self::of(unsafe { OwnedFd::from_raw_fd(fd) })
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
    fn milliseconds_are_whole_or_none() {
        assert_eq!(milliseconds(None), Some(-1));
        assert_eq!(milliseconds(Some(Duration::ZERO)), Some(0));
        assert_eq!(milliseconds(Some(Duration::from_millis(1))), Some(1));
        assert_eq!(milliseconds(Some(Duration::new(2, 3_000_000))), Some(2003));
        assert_eq!(milliseconds(Some(Duration::from_nanos(1))), None);
        assert_eq!(milliseconds(Some(Duration::from_micros(1001))), None);
        let longest = c_int::MAX as u64;
        let of = |ms| milliseconds(Some(Duration::from_millis(ms)));
        assert_eq!(of(longest), Some(c_int::MAX));
        assert_eq!(of(longest + 1), None);
        assert_eq!(milliseconds(Some(Duration::from_secs(longest))), None);
        assert_eq!(milliseconds(Some(Duration::from_secs(u64::MAX))), None);
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

    /// A descriptor that is not a repoll instance returns ENOTTY.
    #[test]
    fn errors_of_the_kernel_come_through() {
        fn is_enotty<T>(result: io::Result<T>) -> bool {
            let error = result.err().expect("an error");
            error.raw_os_error() == Some(rustix::io::Errno::NOTTY.raw_os_error())
        }

        let file = std::fs::File::open("/dev/null").unwrap();
        let other = Poller::of(file.try_clone().unwrap().into());
        assert!(is_enotty(other.add(
            &file,
            Interest::READABLE,
            Mode::LEVEL,
            0
        )));
        assert!(is_enotty(other.modify(
            &file,
            Interest::READABLE,
            Mode::LEVEL,
            0
        )));
        assert!(is_enotty(other.delete(&file)));
        assert!(is_enotty(other.busy_poll()));
        assert!(is_enotty(other.set_busy_poll(BusyPoll::default())));

        let mut events = Events::with_capacity(1);
        events.as_mut_vec().push(Event {
            flags: EventFlags::IN,
            data: EventData::new_u64(1),
        });
        assert!(is_enotty(other.wait(&mut events, Some(Duration::ZERO))));
        assert!(events.is_empty());

        let mut changes = [Change::delete(file.as_fd())];
        assert!(is_enotty(other.batch(&mut changes)));
        assert!(is_enotty(other.batch_wait(&mut changes, &mut events, None)));
    }
}
