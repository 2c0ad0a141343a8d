// SPDX-License-Identifier: GPL-2.0

//! Actors: they send messages, and do all kinds of things while the messages are on their way.

use crate::{
    scenario::{Target, Watch},
    tally::Tally,
    victim,
    worker::Worker,
    world::{Task, World, OVER},
};
use rand::{seq::IndexedRandom, Rng};
use rustix::event::{epoll::EventFlags, poll, PollFd, PollFlags, Timespec};
use std::{
    io,
    os::fd::{AsFd, AsRawFd},
    sync::atomic::Ordering::SeqCst,
    thread,
    time::Duration,
};

/// The greatest number of messages in a chase, and how often an actor checks whether one was
/// received.
const CHASE: u32 = 32;
const PATIENCE: u32 = 1000;

/// An action of an actor.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Act {
    /// Sends a message.
    Send,
    /// Sends messages, each when the previous one has just been received: the receiver is then on
    /// the way to its next wait.
    Chase,
    /// Deletes an item and adds it again.
    Toggle,
    /// Changes the mode of an item.
    Modify,
    /// Disarms an item and re-arms it.
    Disarm,
    /// Fetches an event.
    Fetch,
    /// Reads without an event.
    Read,
    /// Polls an instance.
    Poll,
    /// Interrupts a consumer.
    Signal,
    /// Kills a waiter.
    Kill,
    /// Closes a channel and opens another one under the same numbers.
    Reopen,
    /// Closes the number under which a channel is watched; the file stays open under another
    /// number.
    Alias,
    /// Closes the writing end.
    HangUp,
    /// Watches a channel under another number for a moment.
    Copy,
    /// Pauses.
    Pause,
    /// Moves to another processor.
    Migrate,
    /// Reads the fdinfo of an instance.
    Look,
}

/// An actor.
struct Actor<'a> {
    worker: Worker<'a>,
    world: &'a World,
    number: usize,
    /// Channels that were hung up and must be opened again.
    hung_up: Vec<usize>,
}

/// Acts until there are no more rounds.
pub(crate) fn run(world: &World, number: usize) -> Tally {
    let sheet = world.actor_sheet(number);
    let mut actor = Actor {
        worker: Worker::new(world, world.plan.consumers.len() + number),
        world,
        number,
        hung_up: Vec::new(),
    };
    let mut round = 0;
    sheet.sign();
    loop {
        sheet.set(Task::WaitingForRound);
        while world.round.load(SeqCst) == round {
            thread::park();
        }
        round = world.round.load(SeqCst);
        if round == OVER {
            break;
        }
        sheet.set(Task::Acting);
        actor.play();
        world.settle(1);
    }
    sheet.set(Task::Gone);
    actor.worker.tally
}

impl<'a> Actor<'a> {
    /// Plays one round.
    fn play(&mut self) {
        for channel in std::mem::take(&mut self.hung_up) {
            self.reopen(channel);
        }
        self.worker.pause();
        // Often only one action.
        while {
            let act = *self
                .world
                .plan
                .acts
                .choose(&mut self.worker.rng)
                .expect("there are acts");
            self.act(act);
            self.worker.rng.random_ratio(2, 3)
        } {}
    }

    fn act(&mut self, act: Act) {
        match act {
            Act::Send => self.with_channel(Self::send),
            Act::Chase => self.with_channel(Self::chase),
            Act::Toggle => self.with_watch(Self::toggle),
            Act::Modify => self.with_watch(|this, watch, number| {
                if watch.can_change() {
                    this.worker.modify(watch, number);
                }
            }),
            Act::Disarm => self.with_watch(Self::disarm),
            Act::Fetch => {
                let poller = self.poller();
                let events = self.worker.wait(poller, 1, Some(Duration::ZERO));
                self.worker.handle(&events);
            }
            Act::Read => self.with_channel(|this, channel| this.worker.read(channel, true)),
            Act::Poll => self.poll(),
            Act::Signal => self.signal(),
            Act::Kill => self.with_channel(Self::kill),
            Act::Reopen => self.with_channel(Self::reopen),
            Act::Alias => self.with_channel(Self::alias),
            Act::HangUp => self.with_channel(Self::hang_up),
            Act::Copy => self.with_watch(Self::copy),
            Act::Pause => self.worker.pause(),
            Act::Migrate => self.worker.migrate(),
            Act::Look => self.look(),
        }
    }

    /// Whether this actor may do everything with the channel.
    fn may_have(&self, channel: usize) -> bool {
        !self.world.plan.owned || channel % self.world.plan.actors == self.number
    }

    /// Acts on one of the channels that this actor may use, if there is one.
    fn with_channel(&mut self, act: impl FnOnce(&mut Self, usize)) {
        let channels = (0..self.world.channels.len())
            .filter(|&channel| self.may_have(channel) && !self.hung_up.contains(&channel));
        let channels: Vec<_> = channels.collect();
        if let Some(&channel) = channels.choose(&mut self.worker.rng) {
            act(self, channel);
        }
    }

    /// Acts on one of the items that this actor may change.
    fn with_watch(&mut self, act: impl FnOnce(&mut Self, &'a Watch, u64)) {
        let watches = self.world.plan.watches.iter().zip(0..);
        let watches = watches.filter(|(watch, _)| match watch.target {
            Target::Channel(channel) => self.may_have(channel),
            Target::Poller(_) => true,
            Target::Bell => false,
        });
        let chosen = watches.collect::<Vec<_>>();
        if let Some(&(watch, number)) = chosen.choose(&mut self.worker.rng) {
            act(self, watch, number);
        }
    }

    fn poller(&mut self) -> usize {
        // An instance with consumers also returns the bell's event, which is not for actors. But
        // the actors have ended when the bell rings.
        self.worker.rng.random_range(0..self.world.pollers.len())
    }

    fn send(&mut self, channel: usize) {
        self.worker.send(channel);
    }

    fn chase(&mut self, channel: usize) {
        for _ in 0..self.worker.rng.random_range(1..=CHASE) {
            self.send(channel);
            let settled = || self.world.accounts[channel].is_settled();
            // If the message is lost, the conductor waits longer than this.
            if !(0..PATIENCE).any(|_| {
                settled() || {
                    thread::yield_now();
                    false
                }
            }) {
                break;
            }
            self.worker.pause();
        }
    }

    fn toggle(&mut self, watch: &Watch, number: u64) {
        let world = self.world;
        self.worker.tally.dels += 1;
        match world.delete(watch, world.target(watch)) {
            // Another actor has just deleted the item.
            Err(error) if error.kind() == io::ErrorKind::NotFound && !world.plan.owned => (),
            result => world.check("DEL", result),
        }
        self.worker.pause();
        let mode = self.worker.mode(watch);
        self.worker.tally.adds += 1;
        match world.add(watch, world.target(watch), mode, number) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && !world.plan.owned => (),
            result => world.check("ADD", result),
        }
    }

    fn disarm(&mut self, watch: &Watch, number: u64) {
        if watch.can_change() {
            self.worker.modify_to(watch, number, EventFlags::empty());
            self.worker.pause();
            self.worker.modify(watch, number);
        }
    }

    fn poll(&mut self) {
        let poller = self.poller();
        let mut fds = [PollFd::new(&self.world.pollers[poller], PollFlags::IN)];
        let result = poll(&mut fds, Some(&Timespec::default()));
        self.world.check("poll", result.map_err(io::Error::from));
    }

    fn signal(&mut self) {
        let consumers = self.world.plan.consumers.len();
        let sheet = &self.world.sheets[self.worker.rng.random_range(0..consumers)];
        // SAFETY: No memory is passed.
        unsafe {
            libc::syscall(
                libc::SYS_tgkill,
                libc::getpid(),
                sheet.tid.load(SeqCst),
                libc::SIGUSR1,
            )
        };
        self.worker.tally.signals += 1;
    }

    fn kill(&mut self, channel: usize) {
        let poller = self.poller();
        let victim = victim::Victim::new(&self.world.pollers[poller], self.world.by_ioctl(poller));
        let victim = self.world.check("clone", victim);
        self.worker.pause();
        if self.worker.rng.random() {
            victim.wait_until_asleep();
        }
        if self.worker.rng.random_ratio(3, 4) {
            self.send(channel);
            self.worker.pause();
        }
        drop(victim);
        self.worker.tally.kills += 1;
    }

    fn reopen(&mut self, channel: usize) {
        let world = self.world;
        if !world.accounts[channel].is_settled() {
            return;
        }
        let this = &world.channels[channel];
        if self.worker.rng.random() {
            // Some waiter may be about to receive the data that is closed with the file. After a
            // hang-up there is nothing to write to.
            let _ = this.disturb();
            self.worker.pause();
        }
        world.check("close", this.close(world.nothing.as_fd()));
        self.worker.tally.closes += 1;
        self.worker.pause();
        world.check("open", this.open());
        let mut add = |watch: &Watch, number| {
            let mode = self.worker.mode(watch);
            let result = world.add(watch, this.reader(), mode, number);
            world.check(
                "ADD after the close of a file under the same number",
                result,
            );
            self.worker.tally.adds += 1;
        };
        for (watch, number) in world.plan.watches.iter().zip(0..) {
            if watch.target == Target::Channel(channel) {
                add(watch, number);
            }
        }
    }

    fn alias(&mut self, channel: usize) {
        let world = self.world;
        let this = &world.channels[channel];
        world.check("dup", this.move_away(world.nothing.as_fd()));
        self.worker.pause();
        self.send(channel);
        self.worker.pause();
        world.check("dup", this.move_back(world.nothing.as_fd()));
        self.worker.tally.dups += 2;
        self.worker.tally.closes += 2;
    }

    fn hang_up(&mut self, channel: usize) {
        let world = self.world;
        let this = &world.channels[channel];
        if this.has_end() {
            if self.worker.rng.random() {
                self.send(channel);
            }
            world.accounts[channel].hang_up();
            world.pending.fetch_add(1, SeqCst);
            world.check("hang up", this.hang_up(world.nothing.as_fd()));
            self.hung_up.push(channel);
        }
    }

    fn copy(&mut self, watch: &Watch, number: u64) {
        let world = self.world;
        let copy = world.check("dup", world.target(watch).try_clone_to_owned());
        let mode = self.worker.mode(watch);
        world.check(
            "ADD of a copy",
            world.add(watch, copy.as_fd(), mode, number),
        );
        self.worker.pause();
        world.check("DEL of a copy", world.delete(watch, copy.as_fd()));
        self.worker.tally.dups += 1;
        self.worker.tally.adds += 1;
        self.worker.tally.dels += 1;
    }

    fn look(&mut self) {
        if self.worker.rng.random_ratio(1, 8) {
            let fd = self.world.pollers[self.poller()].as_fd().as_raw_fd();
            let path = format!("/proc/self/fdinfo/{fd}");
            self.world.check("fdinfo", std::fs::read(path));
        }
    }
}
