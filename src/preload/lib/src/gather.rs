// SPDX-License-Identifier: MIT OR Apache-2.0

//! Modifications that are delayed until the next wait, and made by the same call.
//!
//! With `REPOLL_GATHER=1`, the library may answer an `EPOLL_CTL_MOD` at once, without a
//! call to the kernel. It does so only if the program cannot see the difference.
//!
//! # What could reveal a delay
//!
//! * The result. So only modifications are delayed, and only those that are certain to
//!   succeed: the same instance was seen to watch the descriptor, neither exclusive nor
//!   with `EPOLLWAKEUP`, and nothing has been closed or replaced since (see
//!   [`crate::known`]). The results of additions and deletions depend on more than that.
//!   The event is known to be readable if it is on the main thread's stack; any other
//!   address is left to the kernel.
//! * The next wait on the instance. The change is made before that wait scans, and making
//!   it polls the file. So if there is an event by then, the wait finds it, whether it
//!   came before or after the program asked for the change, and whatever the triggers
//!   are. Events that came and went in between are not reported in either case. Only the
//!   order of events can differ: a file that is ready when it is modified comes after
//!   files that have become ready meanwhile, as if it had been modified last. epoll
//!   promises no order, and no event is held back by this.
//! * Other observers in the meantime: threads and processes that wait on the instance,
//!   and its pollers. So nothing is delayed in a process with more than one thread, nor
//!   for an instance that existed at a fork. What was delayed is sent before `poll`,
//!   `select`, any other call of epoll, a new thread and a fork (see
//!   [`crate::observer`]).
//! * The close of descriptors: an item outlives its descriptor if the file has another
//!   one. So what was delayed is also sent before a close.
//!
//! # What the library cannot see
//!
//! The library does not see these: descriptors that are closed by a system call that the
//! program makes itself, or by functions of libc that are not listed in
//! [`crate::observer`]; processes and threads that are created by `clone` or `_Fork`, or
//! that libc creates for itself (`SIGEV_THREAD`); and instances that are passed to
//! another program, through a socket or by number. It also does not see that somebody
//! reads fdinfo, or that polling a file has side effects. For these reasons, gathering is
//! off by default.
//!
//! A program may close a descriptor unseen, modify it, and rely on the error. It then
//! gets 0 instead; the change fails when it is made, and after the first such failure
//! nothing more is delayed in this process. No other file is modified instead. If the
//! number was given to another file, the instance does not watch that file under this
//! number unless it was added; and adding it is a call of epoll, before which the change
//! is sent. (One case remains: a file that was watched under that number earlier, is
//! still open, and has returned to the number unseen.) If the number of an instance is
//! given to a new one, the library notices it.
//!
//! # Signal handlers
//!
//! Signal handlers may call all of this, wherever they interrupt it; there is only one
//! thread, so they end before the interrupted code continues. The changes are in the
//! memory that the kernel reads, together with their number and the number of those that
//! it has made. So a handler finds the changes that were not made yet, sends them, and
//! sets the number to 0; the interrupted code then sends nothing twice. While something
//! is interrupted, nothing new is delayed. If a handler leaves by `longjmp`, this remains
//! so.

use crate::{
    direct::{self, Told},
    event, fork,
    kernel::{error, Gate, Open},
    known,
    settings::settings,
    signals, stats, threads, uapi,
    window::NOT_MADE,
};
use core::{
    cell::UnsafeCell,
    ptr,
    sync::atomic::{
        AtomicBool, AtomicI32, AtomicU32,
        Ordering::{Relaxed, SeqCst},
    },
};
use libc::{c_int, epoll_event};

/// The greatest number of delayed changes.
const ROOM: usize = 64;

/// The delayed changes are those from `done` up to `count`.
struct Pending {
    both: UnsafeCell<uapi::repoll_batch_wait>,
    changes: UnsafeCell<[uapi::repoll_change; ROOM]>,
    /// The instance of all changes.
    epfd: AtomicI32,
    /// Code here is running, which a signal handler may have interrupted.
    busy: AtomicBool,
    /// A change has failed, or the necessary information is not available.
    off: AtomicBool,
}

// SAFETY: The cells are used only while there is one thread, whose signal handlers find
// them valid at any time (see above).
unsafe impl Sync for Pending {}

static PENDING: Pending = Pending {
    both: UnsafeCell::new(uapi::repoll_batch_wait {
        batch: uapi::repoll_batch {
            changes: 0,
            count: 0,
            flags: 0,
            done: 0,
            failed: 0,
        },
        wait: uapi::repoll_wait {
            events: 0,
            sigmask: 0,
            timeout_ns: 0,
            maxevents: 0,
            sigsetsize: 0,
            flags: 0,
            __pad: 0,
        },
    }),
    changes: UnsafeCell::new(
        [uapi::repoll_change {
            op: 0,
            fd: 0,
            flags: 0,
            events: 0,
            data: 0,
            result: 0,
            __pad: 0,
        }; ROOM],
    ),
    epfd: AtomicI32::new(-1),
    busy: AtomicBool::new(false),
    off: AtomicBool::new(false),
};

/// Collects the necessary information about the process, if changes are to be gathered.
pub(crate) fn load() {
    if !settings().gathers() {
        return;
    }
    let watched = fork::watch(before_fork, forked, forked);
    PENDING.off.store(!watched, Relaxed);
}

extern "C" fn before_fork() {
    send();
}

/// Parent and child share all existing instances.
extern "C" fn forked() {
    known::forget_instances();
}

/// Whether a modification to this event may be delayed.
pub(crate) fn is_plain(event: &epoll_event) -> bool {
    event.events & (libc::EPOLLEXCLUSIVE | libc::EPOLLWAKEUP) as u32 == 0
}

impl Pending {
    fn batch(&self) -> *mut uapi::repoll_batch {
        // SAFETY: It is a part of the structure.
        unsafe { &raw mut (*self.both.get()).batch }
    }

    fn count(&self) -> &AtomicU32 {
        // SAFETY: It is never freed, and is accessed in no other way.
        unsafe { AtomicU32::from_ptr(&raw mut (*self.batch()).count) }
    }

    fn done(&self) -> &AtomicU32 {
        // SAFETY: As above.
        unsafe { AtomicU32::from_ptr(&raw mut (*self.batch()).done) }
    }

    fn failed(&self) -> &AtomicU32 {
        // SAFETY: As above.
        unsafe { AtomicU32::from_ptr(&raw mut (*self.batch()).failed) }
    }

    fn is_empty(&self) -> bool {
        self.done().load(Relaxed) >= self.count().load(Relaxed)
    }

    /// The address of the change with this index.
    fn change(&self, index: u32) -> *mut uapi::repoll_change {
        self.changes
            .get()
            .cast::<uapi::repoll_change>()
            .wrapping_add(index as usize)
    }

    fn push(&self, change: uapi::repoll_change) {
        loop {
            let count = self.count().load(Relaxed);
            // SAFETY: There is room, which a handler does not take.
            unsafe { self.change(count).write_volatile(change) };
            // A handler may have sent everything.
            let pushed = self
                .count()
                .compare_exchange(count, count + 1, SeqCst, Relaxed);
            if pushed.is_ok() {
                return;
            }
        }
    }

    /// Empties it. At any point of this, it counts as empty.
    fn clear(&self) {
        self.count().store(0, SeqCst);
        self.done().store(0, SeqCst);
    }

    /// Makes a call with the changes: one of the two calls for batches, or the
    /// corresponding ioctl.
    ///
    /// The call for a single change does not fit, because afterwards one cannot see
    /// whether the change was made.
    ///
    /// # Safety
    ///
    /// The wait that may follow stores its events where the program wants them.
    #[inline(always)]
    unsafe fn make(&self, operation: u32, command: u32, gate: impl Gate) -> Told {
        let batch = self.batch();
        // SAFETY: Nobody else writes it, and once set it never changes.
        unsafe { (*batch).changes = self.change(0).expose_provenance() as u64 };
        self.failed().store(0, Relaxed);
        let epfd = self.epfd.load(Relaxed);
        // SAFETY: It reads and writes the batch and its changes; the caller vouches for
        // the rest.
        unsafe { direct::structure(epfd, operation, command, self.both.get(), gate) }
    }

    /// Makes sure that all changes are made, after a call with this many changes. Returns
    /// whether that call made all of them.
    fn settle(&self, asked: u32) -> bool {
        let (done, failed) = (self.done().load(Relaxed), self.failed().load(Relaxed));
        self.fail(failed);
        if !self.is_empty() {
            self.send_rest();
        }
        self.clear();
        // A handler may have sent them before; then the call made none.
        failed == 0 && (done == asked || done == 0)
    }

    /// Sends the rest while signals are blocked. Keeps the record of how much an
    /// interrupted call has done.
    #[cold]
    fn send_rest(&self) {
        let before = signals::replace(u64::MAX);
        let (done, count) = (self.done().load(Relaxed), self.count().load(Relaxed));
        let left = count.saturating_sub(done);
        if left > 0 {
            let mut batch = uapi::repoll_batch {
                changes: self.change(done).expose_provenance() as u64,
                count: left,
                ..Default::default()
            };
            let epfd = self.epfd.load(Relaxed);
            let operation = uapi::REPOLL_DIRECT_BATCH;
            let argument = ptr::from_mut(&mut batch);
            let command = uapi::REPOLL_BATCH;
            // SAFETY: It reads and writes the batch and its changes.
            let told = unsafe { direct::structure(epfd, operation, command, argument, Open) };
            // Blocked signals do not stop it.
            let made = u32::try_from(told.answer).map_or(0, |done| done - batch.failed);
            self.fail(left.saturating_sub(made));
        }
        self.count().store(0, SeqCst);
        signals::replace(before);
    }

    /// This many changes failed that were expected to succeed.
    fn fail(&self, changes: u32) {
        if changes > 0 {
            self.off.store(true, Relaxed);
            stats::gather_failed(changes);
        }
    }
}

/// Delays a modification. Returns false if it has to be made at once.
pub(crate) fn put_off(epfd: c_int, fd: c_int, event: usize) -> bool {
    if !known::is_watched(epfd, fd) || PENDING.busy.load(Relaxed) || !threads::is_alone() {
        return false;
    }
    let Some(event) = event::read(event).filter(is_plain) else {
        return false;
    };
    let is_full = PENDING.count().load(Relaxed) as usize == ROOM;
    if is_full || PENDING.epfd.load(Relaxed) != epfd {
        send();
    }
    if PENDING.off.load(Relaxed) {
        return false;
    }
    PENDING.busy.store(true, SeqCst);
    PENDING.epfd.store(epfd, Relaxed);
    PENDING.push(uapi::repoll_change {
        op: libc::EPOLL_CTL_MOD,
        fd,
        events: event.events,
        data: event.u64,
        ..Default::default()
    });
    PENDING.busy.store(false, SeqCst);
    stats::gathered();
    true
}

/// Sends the delayed changes, if there are any.
#[inline(always)]
pub(crate) fn send() {
    if !PENDING.is_empty() {
        send_now();
    }
}

#[cold]
fn send_now() {
    if PENDING.busy.load(Relaxed) {
        return PENDING.send_rest();
    }
    PENDING.busy.store(true, SeqCst);
    let asked = PENDING.count().load(Relaxed);
    // SAFETY: No wait follows.
    unsafe { PENDING.make(uapi::REPOLL_DIRECT_BATCH, uapi::REPOLL_BATCH, Open) };
    PENDING.settle(asked);
    PENDING.busy.store(false, SeqCst);
}

/// Sends the delayed changes; if they are those of this instance, waits with the same
/// call. Returns `None` if the caller still has to wait.
#[inline(always)]
pub(crate) fn wait(epfd: c_int, wait: &uapi::repoll_wait, gate: impl Gate) -> Option<Told> {
    if PENDING.is_empty() {
        return None;
    }
    if PENDING.busy.load(Relaxed) || PENDING.epfd.load(Relaxed) != epfd || !threads::is_alone() {
        send_now();
        return None;
    }
    PENDING.busy.store(true, SeqCst);
    // SAFETY: A handler finds it busy and does not use it.
    unsafe { (*PENDING.both.get()).wait = *wait };
    let asked = PENDING.count().load(Relaxed);
    let operation = uapi::REPOLL_DIRECT_BATCH_WAIT;
    // SAFETY: The wait writes to where the program wants its events.
    let told = unsafe { PENDING.make(operation, uapi::REPOLL_BATCH_WAIT, gate) };
    let settled = PENDING.settle(asked);
    PENDING.busy.store(false, SeqCst);
    // If a change was not made, the wait did not sleep. An error of the wait itself will
    // be returned again.
    let is_over = told.answer > 0 || [libc::EINTR, NOT_MADE].map(error).contains(&told.answer);
    (is_over || (told.answer == 0 && settled)).then_some(told)
}

/// There is a new instance. If changes were delayed for its number, the instance that
/// they were for was closed unseen.
pub(crate) fn made(epfd: c_int) {
    if !PENDING.is_empty() && PENDING.epfd.load(Relaxed) == epfd {
        PENDING.fail(PENDING.count().load(Relaxed));
        PENDING.clear();
    }
    known::made(epfd);
}

/// A descriptor is about to be closed, or to be replaced by another file's.
pub(crate) fn losing(fd: c_int) {
    if known::is_known(fd) {
        send();
        known::forget(fd);
    }
}

/// The same for a range of descriptors.
pub(crate) fn losing_range(first: u32, last: u32) {
    if settings().gathers() {
        send();
        known::forget_range(first, last);
    }
}

/// The process is about to create another process or thread.
pub(crate) fn dividing() {
    if settings().gathers() {
        send();
        known::forget_instances();
    }
}
