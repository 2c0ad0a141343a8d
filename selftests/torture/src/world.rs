// SPDX-License-Identifier: GPL-2.0

//! A world: instances, channels and the threads that use them, for some rounds.
//!
//! In a round, each actor does a few things, including sending messages. The next round begins when
//! all actors have finished and all messages have been received. So every message is, sooner or
//! later, the last one for a while: if its wake-up is lost, no other wake-up follows that could
//! hide this, and no waiter has a timeout.

use crate::{
    channel::{self, Channel},
    ioctl,
    ledger::Account,
    report,
    scenario::{Plan, Scenario, Target, Watch},
};
use backend::Backend;
use rand::{rngs::SmallRng, Rng, SeedableRng};
use repoll::{Events, Interest, Mode};
use rustix::event::epoll::EventFlags;
use std::{
    fmt,
    fs::File,
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    sync::atomic::{AtomicBool, AtomicI32, AtomicU64, AtomicUsize, Ordering::SeqCst},
    thread::Thread,
    time::Duration,
};

/// What determines a world and everything that happens in it, except the order of simultaneous
/// events.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin {
    pub(crate) scenario: Scenario,
    pub(crate) seed: u64,
    /// Its number among all worlds of the run.
    pub(crate) number: u64,
    /// Whether connections go over the wire.
    pub(crate) wire: bool,
}

impl Origin {
    /// The seed of the thread with this number.
    pub(crate) fn thread_seed(&self, thread: u64) -> u64 {
        self.seed ^ (self.number << 16) ^ thread
    }
}

/// What a thread is doing, for the report of a failure.
#[derive(Debug, Default)]
pub(crate) struct Sheet {
    pub(crate) tid: AtomicI32,
    pub(crate) task: AtomicUsize,
}

/// What a thread may be doing.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Task {
    NotStarted,
    Between,
    WaitingForRound,
    WaitingForEver,
    WaitingShortly,
    PollingForEver,
    Handling,
    Acting,
    Gone,
}

const TASKS: [Task; 9] = [
    Task::NotStarted,
    Task::Between,
    Task::WaitingForRound,
    Task::WaitingForEver,
    Task::WaitingShortly,
    Task::PollingForEver,
    Task::Handling,
    Task::Acting,
    Task::Gone,
];

impl Sheet {
    /// Records the ID of the calling thread.
    pub(crate) fn sign(&self) {
        let tid = rustix::thread::gettid().as_raw_nonzero().get();
        self.tid.store(tid, SeqCst);
    }

    /// Records what the thread is doing.
    pub(crate) fn set(&self, task: Task) {
        self.task.store(task as usize, SeqCst);
    }

    /// What the thread is doing.
    pub(crate) fn task(&self) -> Task {
        TASKS[self.task.load(SeqCst)]
    }
}

/// A world.
pub(crate) struct World {
    pub(crate) origin: Origin,
    pub(crate) plan: Plan,
    pub(crate) pollers: Vec<Backend>,
    pub(crate) channels: Vec<Channel>,
    pub(crate) accounts: Vec<Account>,
    /// Replaces closed files: never readable.
    pub(crate) nothing: OwnedFd,
    /// Replaces a closed instance: cannot be waited on.
    pub(crate) void: File,
    /// All instances with consumers watch it. It rings, and continues to ring, when all threads
    /// must end.
    pub(crate) bell: OwnedFd,
    /// The number of the round; [`OVER`] after the last one.
    pub(crate) round: AtomicU64,
    /// Messages on their way, and actors that have not finished the round.
    pub(crate) pending: AtomicUsize,
    /// Consumers that have not ended.
    pub(crate) present: AtomicUsize,
    pub(crate) closing: AtomicBool,
    /// How many calls there were that can be made as an ioctl or as a direct call.
    calls: AtomicU64,
    /// The thread to wake when nothing is pending any more.
    conductor: Thread,
    /// The sheets of consumers, then those of actors.
    pub(crate) sheets: Vec<Sheet>,
}

/// The round number after the last round.
pub(crate) const OVER: u64 = u64::MAX;

impl World {
    /// Creates everything; no thread runs yet. The caller is the conductor.
    pub(crate) fn new(origin: Origin, plan: Plan) -> io::Result<Self> {
        let pollers = plan.pollers.iter().map(|&kind| Backend::open(kind));
        let channels = plan.channels.iter().map(|&kind| Channel::new(kind));
        let threads = plan.consumers.len() + plan.actors;
        let world = Self {
            origin,
            pollers: pollers.collect::<io::Result<_>>()?,
            channels: channels.collect::<io::Result<_>>()?,
            accounts: plan.channels.iter().map(|_| Account::default()).collect(),
            nothing: channel::nothing()?,
            void: File::open("/dev/null")?,
            bell: channel::nothing()?,
            round: AtomicU64::new(0),
            pending: AtomicUsize::new(0),
            present: AtomicUsize::new(plan.consumers.len()),
            closing: AtomicBool::new(false),
            calls: AtomicU64::new(0),
            conductor: std::thread::current(),
            sheets: (0..threads).map(|_| Sheet::default()).collect(),
            plan,
        };
        for (number, watch) in world.plan.watches.iter().enumerate() {
            world.add(watch, world.target(watch), watch.modes[0], number as u64)?;
        }
        Ok(world)
    }

    /// Whether the next call on an instance should be an ioctl, if it is a repoll instance;
    /// otherwise it is a direct call.
    pub(crate) fn by_ioctl(&self, poller: usize) -> bool {
        let Origin { seed, number, .. } = self.origin;
        let call = self.calls.fetch_add(1, SeqCst) ^ seed ^ (number << 16);
        matches!(self.pollers[poller], Backend::Repoll(_)) && SmallRng::seed_from_u64(call).random()
    }

    /// Adds an item, which watches `fd`.
    pub(crate) fn add(
        &self,
        watch: &Watch,
        fd: BorrowedFd<'_>,
        mode: EventFlags,
        number: u64,
    ) -> io::Result<()> {
        let poller = &self.pollers[watch.poller];
        if self.by_ioctl(watch.poller) {
            return ioctl::control(poller.as_fd(), libc::EPOLL_CTL_ADD, fd, mode, number);
        }
        let all = Interest::from_bits_retain(mode.bits());
        poller.add(fd, all, Mode::LEVEL, number)
    }

    /// Changes the mode of an item.
    pub(crate) fn modify(&self, watch: &Watch, mode: EventFlags, number: u64) -> io::Result<()> {
        let (poller, fd) = (&self.pollers[watch.poller], self.target(watch));
        if self.by_ioctl(watch.poller) {
            return ioctl::control(poller.as_fd(), libc::EPOLL_CTL_MOD, fd, mode, number);
        }
        let all = Interest::from_bits_retain(mode.bits());
        poller.modify(fd, all, Mode::LEVEL, number)
    }

    /// Deletes the item that watches `fd`.
    pub(crate) fn delete(&self, watch: &Watch, fd: BorrowedFd<'_>) -> io::Result<()> {
        let poller = &self.pollers[watch.poller];
        if self.by_ioctl(watch.poller) {
            let none = EventFlags::empty();
            return ioctl::control(poller.as_fd(), libc::EPOLL_CTL_DEL, fd, none, 0);
        }
        poller.delete(fd)
    }

    /// Waits for events.
    pub(crate) fn wait(
        &self,
        poller: usize,
        events: &mut Events,
        timeout: Option<Duration>,
    ) -> io::Result<()> {
        if self.by_ioctl(poller) {
            return ioctl::wait(self.pollers[poller].as_fd(), events, timeout);
        }
        self.pollers[poller].wait(events, timeout)
    }

    /// The file that an item watches.
    pub(crate) fn target(&self, watch: &Watch) -> BorrowedFd<'_> {
        match watch.target {
            Target::Channel(channel) => self.channels[channel].reader(),
            Target::Poller(poller) => self.pollers[poller].as_fd(),
            Target::Bell => self.bell.as_fd(),
        }
    }

    /// Whether there has been a message.
    pub(crate) fn has_sent(&self) -> bool {
        self.accounts.iter().any(Account::has_sent)
    }

    /// The sheet of an actor.
    pub(crate) fn actor_sheet(&self, actor: usize) -> &Sheet {
        &self.sheets[self.plan.consumers.len() + actor]
    }

    /// Subtracts things that are not pending any more.
    pub(crate) fn settle(&self, count: usize) {
        if count > 0 && self.pending.fetch_sub(count, SeqCst) == count {
            self.conductor.unpark();
        }
    }

    /// Records that a consumer has ended.
    pub(crate) fn leave(&self) {
        self.present.fetch_sub(1, SeqCst);
        self.conductor.unpark();
    }

    /// Ends the run because of a failure. The state stays as it is, and is reported.
    pub(crate) fn fail(&self, what: impl fmt::Display) -> ! {
        report::failure(self, &what)
    }

    /// Returns the value, or fails.
    pub(crate) fn check<T>(&self, what: &str, result: io::Result<T>) -> T {
        result.unwrap_or_else(|error| self.fail(format_args!("{what}: {error}")))
    }
}
