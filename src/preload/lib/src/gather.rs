// SPDX-License-Identifier: MIT OR Apache-2.0

//! Changes that are put off until the wait that follows, and made by the same call.
//!
//! With `REPOLL_GATHER=1` an `EPOLL_CTL_MOD` may be answered at once, without a
//! call to the kernel. This may be done where it cannot be told from one that
//! was made.
//!
//! # What of a change can be told
//!
//! * Its result. So only modifications are put off, and only such that succeed:
//!   of a descriptor that the same instance was seen to watch, neither exclusive
//!   nor with `EPOLLWAKEUP`, of which nothing has been closed or replaced since
//!   (see [`crate::known`]). All that an addition or deletion says depends on
//!   more than that. That the event can be read is known if it lies on the main
//!   thread's stack; any other address is left to the kernel.
//! * What the next wait on the instance says. The change is made before that
//!   wait looks, and making it polls the file: so if there is an event by then,
//!   it is found, whether it came before or after the change was asked for and
//!   whatever the triggers are. What came and went in between no wait tells
//!   either way. The one thing that can be told is the order of events: what is
//!   ready when it is modified comes after what has become ready meanwhile, as
//!   if it had been modified last. Nobody promises an order, and no event is
//!   kept back by it.
//! * What others find out meanwhile: threads and processes that wait on the
//!   instance, and whoever polls it. So nothing is put off in a process with more
//!   than one thread, nor for an instance that was there at a fork; and what was
//!   put off is sent before `poll`, `select`, any other call of epoll, a new
//!   thread and a fork (see [`crate::observer`]).
//! * What becomes of it when descriptors are closed: an item outlives its
//!   descriptor if the file has another. So it is sent before a close, too.
//!
//! # What cannot be seen
//!
//! The library does not see descriptors that are closed by system calls that the
//! program makes by itself or by functions of libc that are not listed in
//! [`crate::observer`], processes and threads that are made by `clone` or
//! `_Fork` or that libc makes for itself (`SIGEV_THREAD`), and instances that
//! are handed to another program, through a socket or by number. Nor can it know
//! that somebody reads fdinfo, or has a file whose poll does more than look.
//! That is why it is off unless asked for.
//!
//! A descriptor that was closed unseen and then modified, by a program that
//! counts on the error, gets 0 for an answer; the change fails when it is made,
//! and with the first that does nothing is put off any more in this process. No
//! other file is modified for it: if the number was given to another file, the
//! instance does not watch that under it, unless it was added; and that is a call
//! of epoll, before which the change is sent. (Only a file that had been watched
//! under that number earlier, is open still and has come back to it unseen
//! could be.) An instance's number that is given to a new one is noticed.
//!
//! # Signal handlers
//!
//! They may call all of this, wherever they interrupt it; on the one thread that
//! there is, they end before it goes on. The changes are in the very memory that
//! the kernel is told to read, with their number and how many of them it has
//! made. So a handler finds what was not made yet, sends it, and sets the number
//! to 0: what it has interrupted then sends nothing a second time. While
//! something is interrupted, nothing new is put off. A handler that leaves by
//! `longjmp` leaves it so for good.

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

/// How many changes can be put off.
const ROOM: usize = 64;

/// What is put off is a state of its own: changes from `done` up to `count`.
struct Pending {
    both: UnsafeCell<uapi::repoll_batch_wait>,
    changes: UnsafeCell<[uapi::repoll_change; ROOM]>,
    /// The instance that all changes are of.
    epfd: AtomicI32,
    /// Something is being done here, which a signal handler may have interrupted.
    busy: AtomicBool,
    /// A change has failed, or what has to be known cannot be.
    off: AtomicBool,
}

// SAFETY: What is in the cells is used while there is one thread, whose signal
// handlers find it good at any time (see above).
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

/// Finds what has to be known of the process, if changes are to be gathered.
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

/// Parent and child share what there was.
extern "C" fn forked() {
    known::forget_instances();
}

/// Whether items that are watched so may be put off.
pub(crate) fn is_plain(event: &epoll_event) -> bool {
    event.events & (libc::EPOLLEXCLUSIVE | libc::EPOLLWAKEUP) as u32 == 0
}

impl Pending {
    fn batch(&self) -> *mut uapi::repoll_batch {
        // SAFETY: It is a part of what is there.
        unsafe { &raw mut (*self.both.get()).batch }
    }

    fn count(&self) -> &AtomicU32 {
        // SAFETY: It is there for ever, and is used in no other way.
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

    /// Where the change with that index is.
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
            // A handler may have sent all that was there.
            let pushed = self
                .count()
                .compare_exchange(count, count + 1, SeqCst, Relaxed);
            if pushed.is_ok() {
                return;
            }
        }
    }

    /// Empties it. At any point of this it is empty.
    fn clear(&self) {
        self.count().store(0, SeqCst);
        self.done().store(0, SeqCst);
    }

    /// Makes a call with the changes: one of the two that do that, and the ioctl that does
    /// the same.
    ///
    /// It is not the call for one change, which leaves no trace of whether that was made.
    ///
    /// # Safety
    ///
    /// Where the wait that may follow puts its events is the program's.
    #[inline(always)]
    unsafe fn make(&self, operation: u32, command: u32, gate: impl Gate) -> Told {
        let batch = self.batch();
        // SAFETY: Nobody else writes it. It never changes once it is there.
        unsafe { (*batch).changes = self.change(0).expose_provenance() as u64 };
        self.failed().store(0, Relaxed);
        let epfd = self.epfd.load(Relaxed);
        // SAFETY: It reads and writes the batch and its changes; the caller vouches for the rest.
        unsafe { direct::structure(epfd, operation, command, self.both.get(), gate) }
    }

    /// Sees to it that all has been made, after a call with so many changes.
    /// Returns whether that call has made what there was.
    fn settle(&self, asked: u32) -> bool {
        let (done, failed) = (self.done().load(Relaxed), self.failed().load(Relaxed));
        self.fail(failed);
        if !self.is_empty() {
            self.send_rest();
        }
        self.clear();
        // None at all if a handler had sent them before.
        failed == 0 && (done == asked || done == 0)
    }

    /// Sends what is left, with no signal handler in between. Leaves alone how
    /// much a call has done that was interrupted.
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

    /// So many changes have failed that should not have.
    fn fail(&self, changes: u32) {
        if changes > 0 {
            self.off.store(true, Relaxed);
            stats::gather_failed(changes);
        }
    }
}

/// Puts off a modification. Returns false if it has to be made at once.
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

/// Sends what was put off, if anything was.
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

/// Sends what was put off, and waits by the same call if it is of that instance.
/// `None` if it has to be waited for, again or at all.
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
    // SAFETY: A handler, which finds it busy, does not use it.
    unsafe { (*PENDING.both.get()).wait = *wait };
    let asked = PENDING.count().load(Relaxed);
    let operation = uapi::REPOLL_DIRECT_BATCH_WAIT;
    // SAFETY: The wait writes where the program wants its events.
    let told = unsafe { PENDING.make(operation, uapi::REPOLL_BATCH_WAIT, gate) };
    let settled = PENDING.settle(asked);
    PENDING.busy.store(false, SeqCst);
    // After a change that was not made it has not slept. What is wrong with the
    // wait itself it says again.
    let is_over = told.answer > 0 || [libc::EINTR, NOT_MADE].map(error).contains(&told.answer);
    (is_over || (told.answer == 0 && settled)).then_some(told)
}

/// There is a new instance. If changes were put off for its number, what they
/// were for was closed unseen.
pub(crate) fn made(epfd: c_int) {
    if !PENDING.is_empty() && PENDING.epfd.load(Relaxed) == epfd {
        PENDING.fail(PENDING.count().load(Relaxed));
        PENDING.clear();
    }
    known::made(epfd);
}

/// A descriptor is about to be closed, or to become another file's.
pub(crate) fn losing(fd: c_int) {
    if known::is_known(fd) {
        send();
        known::forget(fd);
    }
}

/// All of these are.
pub(crate) fn losing_range(first: u32, last: u32) {
    if settings().gathers() {
        send();
        known::forget_range(first, last);
    }
}

/// There will be another process or thread.
pub(crate) fn dividing() {
    if settings().gathers() {
        send();
        known::forget_instances();
    }
}
