// SPDX-License-Identifier: GPL-2.0

//! What every thread in a world can do: wait, and handle events.

use crate::{
    channel,
    scenario::{Target, Watch},
    tally::Tally,
    world::World,
};
use rand::{rngs::SmallRng, seq::IndexedRandom, Rng, SeedableRng};
use repoll::Events;
use rustix::{
    event::epoll::EventFlags,
    thread::{sched_setaffinity, CpuSet},
};
use std::{hint, io, sync::atomic::Ordering::SeqCst, thread, time::Duration};

/// The state of a thread of a world.
pub(crate) struct Worker<'a> {
    pub(crate) world: &'a World,
    pub(crate) rng: SmallRng,
    pub(crate) tally: Tally,
    processors: usize,
    /// Whether the bell has rung, or cannot be heard any more.
    pub(crate) over: bool,
}

impl<'a> Worker<'a> {
    /// The state of the thread with this number.
    pub(crate) fn new(world: &'a World, thread: usize) -> Self {
        let seed = world.origin.thread_seed(thread as u64);
        Self {
            world,
            rng: SmallRng::seed_from_u64(seed),
            tally: Tally::default(),
            processors: thread::available_parallelism().map_or(1, usize::from),
            over: false,
        }
    }

    /// Pauses for a random time.
    pub(crate) fn pause(&mut self) {
        if self.rng.random_ratio(1, 8) {
            thread::yield_now();
        }
        // The time between any two points of a system call: from nanoseconds to almost a
        // millisecond. This does not use the instruction for pauses, at which emulators stop.
        let moment = 1u32 << self.rng.random_range(0..16);
        (0..self.rng.random_range(0..moment)).for_each(|n| {
            hint::black_box(n);
        });
    }

    /// Sends a message through a channel, if it fits. Returns the time until a timer sends it.
    pub(crate) fn send(&mut self, channel: usize) -> Option<Duration> {
        let world = self.world;
        let this = &world.channels[channel];
        if !world.accounts[channel].send(this.room()) {
            return None;
        }
        // As long as the pauses of `pause`.
        let moment = 1 << self.rng.random_range(0..18);
        let after = Duration::from_nanos(self.rng.random_range(0..moment));
        world.pending.fetch_add(1, SeqCst);
        world.check("write", this.send(after));
        (this.kind == channel::Kind::Timer).then_some(after)
    }

    /// Moves the thread to another processor.
    pub(crate) fn migrate(&mut self) {
        let mut processors = CpuSet::new();
        processors.set(self.rng.random_range(0..self.processors));
        let moved = sched_setaffinity(None, &processors);
        self.world
            .check("sched_setaffinity", moved.map_err(io::Error::from));
    }

    /// Fetches up to `room` events. A signal, or the close of the instance, counts as no event.
    pub(crate) fn wait(&mut self, poller: usize, room: usize, timeout: Option<Duration>) -> Events {
        let mut events = Events::with_capacity(room);
        let result = self.world.wait(poller, &mut events, timeout);
        self.tally.waits += 1;
        self.tally.events += events.len() as u64;
        match result {
            Ok(()) => (),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => (),
            Err(_) if self.world.closing.load(SeqCst) => self.over = true,
            Err(error) => self.world.fail(format_args!("wait: {error}")),
        }
        events
    }

    /// Handles events.
    pub(crate) fn handle(&mut self, events: &Events) {
        for event in events {
            let number = event.data();
            let Some(watch) = self.world.plan.watches.get(number as usize) else {
                self.world
                    .fail(format_args!("an event with the data {number:#x}"));
            };
            self.handle_one(watch, number);
        }
    }

    fn handle_one(&mut self, watch: &'a Watch, number: u64) {
        if watch.alone && watch.held.swap(true, SeqCst) {
            self.world
                .fail(format_args!("item {number} was not armed and had an event"));
        }
        match watch.target {
            Target::Channel(channel) => {
                let all = !watch.is_level_triggered() || self.world.plan.owned || self.rng.random();
                self.read(channel, all);
            }
            Target::Poller(poller) => loop {
                let room = self.rng.random_range(1..=2);
                let events = self.wait(poller, room, Some(Duration::ZERO));
                if events.is_empty() {
                    break;
                }
                self.handle(&events);
            },
            Target::Bell if self.world.closing.load(SeqCst) => self.over = true,
            Target::Bell => self.world.fail("an event of the bell, which has not rung"),
        }
        watch.held.store(false, SeqCst);
        if watch.may_be_disarmed() {
            self.modify(watch, number);
        }
    }

    /// Reads from a channel and updates its account.
    pub(crate) fn read(&mut self, channel: usize, all: bool) {
        let world = self.world;
        let found = world.check("read", world.channels[channel].read(all));
        let Ok(settled) = world.accounts[channel].receive(found) else {
            world.fail(format_args!(
                "channel {channel}: more was received than sent"
            ));
        };
        self.tally.messages += settled.messages;
        self.tally.ends += settled.ends;
        self.tally.longest = self.tally.longest.max(settled.longest);
        if settled.ends > 0 {
            self.silence(channel);
        }
        world.settle((settled.messages + settled.ends) as usize);
    }

    /// Makes the end of a channel an edge-triggered event, which is not reported all the time.
    fn silence(&mut self, channel: usize) {
        for (watch, number) in self.world.plan.watches.iter().zip(0..) {
            if watch.target == Target::Channel(channel) {
                self.modify_to(watch, number, EventFlags::IN | EventFlags::ET);
            }
        }
    }

    /// A random one of the item's modes.
    pub(crate) fn mode(&mut self, watch: &Watch) -> EventFlags {
        *watch
            .modes
            .choose(&mut self.rng)
            .expect("an item has a mode")
    }

    /// Changes the mode of an item and arms it. A thread that may just have deleted the item adds
    /// it again.
    pub(crate) fn modify(&mut self, watch: &Watch, number: u64) {
        let mode = self.mode(watch);
        self.modify_to(watch, number, mode);
    }

    /// Changes an item.
    pub(crate) fn modify_to(&mut self, watch: &Watch, number: u64, mode: EventFlags) {
        let world = self.world;
        let result = world.modify(watch, mode, number);
        self.tally.mods += 1;
        match result {
            Err(error) if error.kind() == io::ErrorKind::NotFound => (),
            Err(_) if world.closing.load(SeqCst) => (),
            result => world.check("MOD", result),
        }
    }
}
