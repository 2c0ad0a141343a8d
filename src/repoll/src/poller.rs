// SPDX-License-Identifier: MIT OR Apache-2.0

//! The instance.

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

// The operations of <linux/eventpoll.h>, which is no part of the generated view.
pub(crate) const EPOLL_CTL_ADD: c_int = 1;
pub(crate) const EPOLL_CTL_DEL: c_int = 2;
pub(crate) const EPOLL_CTL_MOD: c_int = 3;

/// As many events as one wait can be asked for.
const MAX_EVENTS: usize = c_int::MAX as usize / size_of::<Event>();

const NS_PER_MS: i64 = 1_000_000;

/// An instance of the kernel's repoll: a set of watched files, and the list of
/// those that are ready.
///
/// All methods take `&self` and can be called from several threads at once;
/// each event then goes to one of the threads that wait.
///
/// The descriptor can be watched itself, by `poll`, `select`, epoll or another
/// instance: it is readable when there are events to fetch.
#[derive(Debug)]
pub struct Poller {
    fd: OwnedFd,
    direct: Direct,
}

impl Poller {
    /// Makes an instance that watches nothing yet. Its descriptor is closed when
    /// the process executes another program, and of several threads that sleep
    /// in [`wait`](Self::wait) the last one is woken first, as epoll does.
    ///
    /// # Errors
    ///
    /// Those of [`Poller::try_new`], as the system has them.
    pub fn new() -> io::Result<Self> {
        Ok(Self::try_new()?)
    }

    /// Makes an instance as [`Poller::new`] does, and tells why there is none to
    /// be had: for programs that say so, or go on with the kernel's epoll.
    ///
    /// # Errors
    ///
    /// * [`Unavailable::NoModule`]: the module is not loaded.
    /// * [`Unavailable::NoPermission`]: this user may not open `/dev/repoll`.
    /// * [`Unavailable::Other`]: there is no descriptor or memory left, say.
    pub fn try_new() -> Result<Self, Unavailable> {
        Self::with_flags(CreateFlags::empty())
    }

    /// Makes an instance as [`Poller::try_new`] does, but for what `flags` ask
    /// for.
    ///
    /// ```no_run
    /// use repoll::{CreateFlags, Poller};
    ///
    /// # fn main() -> Result<(), repoll::Unavailable> {
    /// // For threads that are to take turns.
    /// let poller = Poller::with_flags(CreateFlags::FIFO)?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`Poller::try_new`]; [`Unavailable::Other`] with `EINVAL` if the
    /// module does not know a flag.
    pub fn with_flags(flags: CreateFlags) -> Result<Self, Unavailable> {
        Ok(Self::of(create(flags)?))
    }

    /// An instance that there is.
    fn of(fd: OwnedFd) -> Self {
        let direct = Direct::of(&fd);
        Self { fd, direct }
    }

    /// Watches `fd` for `interest`; its events carry `data`.
    ///
    /// Errors and hang-ups are always watched for. `mode` is a [`Mode`], or an
    /// [`Exclusive`](crate::Exclusive) one.
    ///
    /// When the last descriptor of an open file is closed the file is no longer
    /// watched; [`Poller::delete`] is only needed to end that earlier. As long
    /// as a copy of the descriptor is open, here or in another process, the file
    /// is watched and there may be events, also after `fd` was closed.
    ///
    /// # Errors
    ///
    /// * `EEXIST` ([`AlreadyExists`](io::ErrorKind::AlreadyExists)): `fd` is
    ///   being watched already.
    /// * `EPERM` ([`PermissionDenied`](io::ErrorKind::PermissionDenied)): the
    ///   file cannot be polled, such as a regular file.
    /// * `EINVAL` ([`InvalidInput`](io::ErrorKind::InvalidInput)): `fd` is this
    ///   instance; an exclusive addition is of an eventpoll, or for more than
    ///   reading and writing; or too many paths would lead through instances
    ///   that watch each other.
    /// * `ELOOP`: instances would watch each other in a circle, or more than
    ///   five deep.
    /// * `ENOSPC`: the user watches as many files as one user may, or the file
    ///   is being watched 65,536 times.
    /// * `ENOMEM`: there is no memory.
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
            // For which there is no room in a direct call.
            flags => self.change_by_ioctl(EPOLL_CTL_ADD, fd, flags, events, data)?,
        };
        Ok(())
    }

    /// Changes what `fd` is watched for, how, and the data of its events.
    ///
    /// This also arms an item again that was added with [`Mode::ONE_SHOT`] and
    /// has had its event. What is ready already becomes an event at once, also
    /// of what is edge-triggered.
    ///
    /// # Errors
    ///
    /// * `ENOENT` ([`NotFound`](io::ErrorKind::NotFound)): `fd` is not being
    ///   watched.
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
    /// Another thread may have fetched an event of `fd` before and not have
    /// acted on it yet.
    ///
    /// # Errors
    ///
    /// * `ENOENT` ([`NotFound`](io::ErrorKind::NotFound)): `fd` is not being
    ///   watched.
    /// * `EPERM` ([`PermissionDenied`](io::ErrorKind::PermissionDenied)): the
    ///   file cannot be polled.
    #[inline]
    pub fn delete(&self, fd: impl AsFd) -> io::Result<()> {
        self.change(EPOLL_CTL_DEL, fd.as_fd(), 0, 0)?;
        Ok(())
    }

    /// Makes many changes by one call, one after the other.
    ///
    /// Each is as by a call of its own: one that fails does not keep the next
    /// from being tried, and other threads may change or wait in between. A
    /// caught signal ends it early; [`Batch::done`] then tells how many were
    /// tried, which is at least one, and [`Change::result`] how each of those
    /// went, or [`Batch::into_result`] which failed first.
    ///
    /// # Errors
    ///
    /// Those of single changes are in their results; there is none of the whole
    /// but for a descriptor that is no repoll's.
    #[inline]
    pub fn batch(&self, changes: &mut [Change<'_>]) -> io::Result<Batch> {
        let mut batch = change::batch(changes);
        // SAFETY: REPOLL_BATCH reads and writes a `repoll_batch` and the `count`
        // changes that it points to, which are borrowed mutably until the call
        // is over. What it writes there are results, of which any is valid.
        unsafe {
            self.structure::<{ uapi::REPOLL_BATCH }, _>(uapi::REPOLL_DIRECT_BATCH, &mut batch)?
        };
        Ok(Batch::from(&batch))
    }

    /// Makes many changes, then waits for events, by one call.
    ///
    /// This is [`Poller::batch`] followed by [`Poller::wait`], and made for the
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
    /// * `EINVAL` ([`InvalidInput`](io::ErrorKind::InvalidInput)): `events` has
    ///   no capacity. The changes have been tried.
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

    /// Waits until something is ready, or `timeout` has passed, and puts the
    /// events in place of the contents of `events`. Tells how many there are:
    /// none after the timeout.
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
    ///   caught before anything was ready, be its handler installed with
    ///   `SA_RESTART` or not. The wait is not begun again, as only the caller
    ///   knows whether the signal meant something to it, and how much of
    ///   `timeout` is left.
    /// * `EINVAL` ([`InvalidInput`](io::ErrorKind::InvalidInput)): `events` has
    ///   no capacity.
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
                // SAFETY: At most `maxevents` events are written to `events`, which
                // has room for them and is borrowed mutably until the call is over.
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
        // SAFETY: The kernel has written that many.
        Ok(unsafe { filled(events, count) })
    }

    /// What the module can do that the instance is of.
    ///
    /// # Errors
    ///
    /// `ENOTTY` if it is of a version before 0.2.
    pub fn features(&self) -> io::Result<Features> {
        Features::of(&self.fd)
    }

    /// How waits look for packets before they sleep.
    ///
    /// # Errors
    ///
    /// None but for a descriptor that is no repoll's.
    pub fn busy_poll(&self) -> io::Result<BusyPoll> {
        let mut parameters = busy_poll::Parameters::default();
        // SAFETY: EPIOCGPARAMS writes an `epoll_params`, of which any bits are
        // valid.
        unsafe { Command::<{ busy_poll::GET }, _>::new(&mut parameters).run(&self.fd)? };
        Ok(parameters.into())
    }

    /// Has waits look for packets themselves before they sleep, where the
    /// network device of the sockets that are watched can do that.
    ///
    /// # Errors
    ///
    /// * `EINVAL` ([`InvalidInput`](io::ErrorKind::InvalidInput)): the time is
    ///   longer than `i32::MAX` microseconds.
    /// * `EPERM` ([`PermissionDenied`](io::ErrorKind::PermissionDenied)): the
    ///   budget is greater than 64, which takes `CAP_NET_ADMIN`.
    pub fn set_busy_poll(&self, parameters: BusyPoll) -> io::Result<()> {
        let mut parameters = busy_poll::Parameters::from(parameters);
        // SAFETY: EPIOCSPARAMS reads an `epoll_params` and writes nothing.
        unsafe { Command::<{ busy_poll::SET }, _>::new(&mut parameters).run(&self.fd)? };
        Ok(())
    }

    /// Makes a change that has no flags.
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
        // SAFETY: There are no addresses in it.
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
        // SAFETY: REPOLL_CTL reads a `repoll_ctl` and the event that it points
        // to, which lives until the call is over, and writes nothing.
        unsafe { Command::<{ uapi::REPOLL_CTL }, _>::new(&mut ctl).run(&self.fd) }
    }

    /// Makes changes and waits, by the call for any number of them.
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
        // SAFETY: As for `batch` and `wait`: the changes and the room in `events`
        // are borrowed mutably until the call is over.
        let count = unsafe {
            self.structure::<{ uapi::REPOLL_BATCH_WAIT }, _>(
                uapi::REPOLL_DIRECT_BATCH_WAIT,
                &mut both,
            )?
        };
        // SAFETY: The kernel has written that many.
        unsafe { filled(events, count) };
        Ok(Batch::from(&both.batch))
    }

    /// Makes a change and waits, for so many milliseconds, by the call for just
    /// that.
    ///
    /// It ends with the first error, be it that of the change or that there is no
    /// room for events, and then has done nothing. `REPOLL_BATCH_WAIT` is made then,
    /// which tries the change again, stores its result and waits.
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
                // SAFETY: The kernel has written that many.
                unsafe { filled(events, count) };
                change.set_made();
                Ok(Batch { done: 1, failed: 0 })
            }
            // Those of the wait.
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

    /// Makes a call that takes the address of a structure, which is at hand in both
    /// ways.
    ///
    /// # Safety
    ///
    /// `OPCODE` and `operation` must take a `T`, and every address in the argument
    /// must be good for what they do with it.
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

/// Where a wait puts its events: the capacity of a vector, which is emptied.
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

    /// A wait that fills it.
    #[inline]
    fn wait(self, timeout_ns: i64) -> uapi::repoll_wait {
        uapi::repoll_wait {
            events: self.events,
            // At most MAX_EVENTS, so it fits.
            maxevents: self.maxevents as c_int,
            timeout_ns,
            ..Default::default()
        }
    }
}

/// Tells a vector how many events there are in its room.
///
/// # Safety
///
/// A wait has filled its [`Room`], and has returned `count`.
#[inline]
unsafe fn filled(events: &mut Vec<Event>, count: IoctlOutput) -> usize {
    let count = count as usize;
    // SAFETY: So many have been written from the start of the buffer on, and any
    // bits make a valid `Event`. After success the count is not negative.
    unsafe { events.set_len(count) };
    count
}

/// `timeout` as the kernel wants it: negative means for ever. What does not fit
/// is cut to the longest finite one, some 292 years.
#[inline]
fn nanoseconds(timeout: Option<Duration>) -> i64 {
    match timeout {
        None => -1,
        Some(timeout) => timeout.as_nanos().try_into().unwrap_or(i64::MAX),
    }
}

/// `timeout` in milliseconds, negative for ever; `None` if it has fractions of one,
/// or is too long.
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

/// The descriptor, say one that was inherited, has to be of a repoll instance:
/// another driver may give the same ioctl numbers another meaning.
impl FromRawFd for Poller {
    unsafe fn from_raw_fd(fd: RawFd) -> Self {
        // SAFETY: The caller hands over a descriptor that it owns.
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

    /// A descriptor that is no repoll instance answers "no such ioctl".
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
