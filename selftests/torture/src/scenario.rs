// SPDX-License-Identifier: GPL-2.0

//! What worlds there are: who watches what, and what is done to it.
//!
//! Every plan keeps to what epoll promises, so that nothing may be lost in it:
//!
//! * An edge is reported to one waiter, who reads until there is nothing left. Only where all is
//!   level-triggered a reader may leave something.
//! * A one-shot item is armed again by who had its event, with MOD, which polls the file.
//! * Who deletes or disarms an item adds or arms it afterwards, in the same round. Adding polls, too.
//! * An exclusive item spares the others only if a waiter of its own instance was woken, and every
//!   waiter reads; an instance that nobody waits on spares nobody.
//! * Who is told that an eventpoll is readable fetches from it until it has nothing.

use crate::{actor::Act, channel};
use backend::Kind;
use clap::ValueEnum;
use rand::{rngs::SmallRng, Rng};
use rustix::event::epoll::EventFlags;
use std::sync::atomic::AtomicBool;

const IN: EventFlags = EventFlags::IN;
const LEVEL: EventFlags = IN;
const EDGE: EventFlags = IN.union(EventFlags::ET);
const ONESHOT: EventFlags = IN.union(EventFlags::ONESHOT);
const ONESHOT_EDGE: EventFlags = EDGE.union(EventFlags::ONESHOT);
const EXCLUSIVE: EventFlags = IN.union(EventFlags::EXCLUSIVE);
const EXCLUSIVE_EDGE: EventFlags = EDGE.union(EventFlags::EXCLUSIVE);

/// The modes that one item may change between.
type Modes = &'static [EventFlags];

const ANY_MODES: [Modes; 5] = [
    &[LEVEL],
    &[EDGE],
    &[ONESHOT],
    &[ONESHOT_EDGE],
    &[LEVEL, EDGE, ONESHOT, ONESHOT_EDGE],
];
const ONESHOT_MODES: [Modes; 3] = [&[ONESHOT], &[ONESHOT_EDGE], &[ONESHOT, ONESHOT_EDGE]];
const EXCLUSIVE_MODES: [Modes; 2] = [&[EXCLUSIVE], &[EXCLUSIVE_EDGE]];
const LASTING_MODES: [Modes; 3] = [&[LEVEL], &[EDGE], &[LEVEL, EDGE]];

/// A kind of world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Scenario {
    /// One instance, items of all modes, changed by everybody
    Shared,
    /// One instance, one-shot items: nobody else has an item's event until it is armed again
    Oneshot,
    /// Several instances that watch the same files exclusively
    Exclusive,
    /// Eventpolls in eventpolls, of both kinds
    Nested,
    /// Files that are closed, hung up, opened again, known by two numbers
    Closing,
    /// Waiters that are killed; epoll loses wake-ups then, so only with repoll
    Killed,
}

/// What an item watches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Channel(usize),
    Poller(usize),
    /// What rings at the end of a world.
    Bell,
}

/// An item. Its data is its number.
#[derive(Debug)]
pub(crate) struct Watch {
    pub(crate) poller: usize,
    pub(crate) target: Target,
    pub(crate) modes: Modes,
    /// Whether nobody else may have the item's event before it is armed again.
    pub(crate) alone: bool,
    /// Whether somebody has it.
    pub(crate) held: AtomicBool,
}

impl Watch {
    fn new(poller: usize, target: Target, modes: Modes) -> Self {
        Self {
            poller,
            target,
            modes,
            alone: false,
            held: AtomicBool::new(false),
        }
    }

    /// Whether the item may be left alone with something to read.
    pub(crate) fn is_level_triggered(&self) -> bool {
        self.modes == [LEVEL]
    }

    /// Whether the item may have to be armed again.
    pub(crate) fn may_be_disarmed(&self) -> bool {
        let oneshot = |mode: &EventFlags| mode.contains(EventFlags::ONESHOT);
        self.modes.iter().any(oneshot)
    }

    /// Whether the item can be modified.
    pub(crate) fn can_change(&self) -> bool {
        let exclusive = |mode: &EventFlags| mode.contains(EventFlags::EXCLUSIVE);
        !self.modes.iter().any(exclusive)
    }
}

/// A world that is to be made.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) pollers: Vec<Kind>,
    /// For each consumer, on which of them it waits.
    pub(crate) consumers: Vec<usize>,
    pub(crate) channels: Vec<channel::Kind>,
    pub(crate) watches: Vec<Watch>,
    pub(crate) actors: usize,
    pub(crate) acts: &'static [Act],
    /// Whether each channel is one actor's.
    pub(crate) owned: bool,
}

/// Instances and channels, with nothing watched yet.
fn plan(
    rng: &mut SmallRng,
    pollers: Vec<Kind>,
    consumers: Vec<usize>,
    acts: &'static [Act],
) -> Plan {
    let channels = rng.random_range(1..=3);
    Plan {
        pollers,
        consumers,
        channels: (0..channels).map(|_| pick(rng, &channel::KINDS)).collect(),
        watches: Vec::new(),
        actors: rng.random_range(1..=3),
        acts,
        owned: false,
    }
}

fn pick<T: Copy>(rng: &mut SmallRng, from: &[T]) -> T {
    from[rng.random_range(0..from.len())]
}

impl Plan {
    fn watch(&mut self, poller: usize, target: Target, modes: Modes) {
        self.watches.push(Watch::new(poller, target, modes));
    }

    /// Has an instance watch all channels.
    fn watch_channels(&mut self, rng: &mut SmallRng, poller: usize, modes: &[Modes]) {
        for channel in 0..self.channels.len() {
            self.watch(poller, Target::Channel(channel), pick(rng, modes));
        }
    }
}

impl Scenario {
    /// What it is called.
    pub(crate) fn name(self) -> String {
        let value = self.to_possible_value().expect("no scenario is hidden");
        value.get_name().to_owned()
    }

    /// Whether epoll keeps what the scenario expects.
    pub(crate) fn is_kept_by(self, kind: Kind) -> bool {
        self != Self::Killed || kind == Kind::Repoll
    }

    /// A random world.
    pub(crate) fn plan(self, rng: &mut SmallRng, kind: Kind) -> Plan {
        use Act::*;
        let mut plan = match self {
            Self::Shared => {
                let consumers = vec![0; pick(rng, &[1, 1, 2, 3, 4])];
                let acts = &[
                    Send, Send, Chase, Chase, Toggle, Toggle, Modify, Modify, Disarm, Fetch, Read,
                    Poll, Signal, Signal, Pause, Migrate, Look,
                ];
                let mut plan = plan(rng, vec![kind], consumers, acts);
                plan.watch_channels(rng, 0, &ANY_MODES);
                plan
            }
            Self::Oneshot => {
                let consumers = vec![0; rng.random_range(2..=4)];
                let acts = &[
                    Send, Send, Chase, Chase, Fetch, Read, Poll, Signal, Pause, Migrate,
                ];
                let mut plan = plan(rng, vec![kind], consumers, acts);
                plan.watch_channels(rng, 0, &ONESHOT_MODES);
                plan.watches.iter_mut().for_each(|watch| watch.alone = true);
                plan
            }
            Self::Exclusive => {
                let pollers = rng.random_range(2..=3);
                let consumers = (0..rng.random_range(pollers..=4)).map(|n| n % pollers);
                let consumers = consumers.collect();
                let acts = &[
                    Send, Send, Chase, Chase, Toggle, Fetch, Read, Poll, Signal, Signal, Pause,
                    Migrate,
                ];
                // One more, before all others or after them, that nobody waits on.
                let mut plan = plan(rng, vec![kind; pollers + 1], consumers, acts);
                let mut order: Vec<_> = (0..pollers).collect();
                order.insert(pick(rng, &[0, pollers]), pollers);
                for poller in order {
                    plan.watch_channels(rng, poller, &EXCLUSIVE_MODES);
                }
                plan
            }
            Self::Nested => Self::nested(rng, kind),
            Self::Closing => {
                let pollers = rng.random_range(1..=2);
                let consumers = (0..rng.random_range(pollers..=3)).map(|n| n % pollers);
                let consumers = consumers.collect();
                let acts = &[
                    Send, Chase, Toggle, Modify, Reopen, Reopen, Alias, HangUp, Copy, Poll, Signal,
                    Pause, Look,
                ];
                let mut plan = plan(rng, vec![kind; pollers], consumers, acts);
                for poller in 0..pollers {
                    plan.watch_channels(rng, poller, &LASTING_MODES);
                }
                plan.owned = true;
                plan
            }
            Self::Killed => {
                let consumers = vec![0; rng.random_range(1..=2)];
                let mut plan = plan(rng, vec![kind], consumers, &[Send, Kill, Kill, Kill, Pause]);
                plan.watch_channels(rng, 0, &[&[LEVEL]]);
                plan
            }
        };
        let mut fronts = plan.consumers.clone();
        fronts.sort_unstable();
        fronts.dedup();
        for front in fronts {
            plan.watch(front, Target::Bell, &[LEVEL]);
        }
        plan
    }

    /// A tower of eventpolls: the lowest watches the channels, each watches that below it, and
    /// consumers wait on the highest, some also on one below.
    fn nested(rng: &mut SmallRng, kind: Kind) -> Plan {
        let acts = &[
            Act::Send,
            Act::Send,
            Act::Chase,
            Act::Chase,
            Act::Toggle,
            Act::Toggle,
            Act::Modify,
            Act::Modify,
            Act::Fetch,
            Act::Read,
            Act::Poll,
            Act::Poll,
            Act::Signal,
            Act::Pause,
            Act::Migrate,
        ];
        let height = rng.random_range(2..=3);
        let mut pollers = vec![kind; height];
        if kind == Kind::Repoll && rng.random_bool(0.5) {
            // All but one may be epoll's.
            let stays = rng.random_range(0..height);
            for (level, kind) in pollers.iter_mut().enumerate() {
                if level != stays && rng.random_bool(0.5) {
                    *kind = Kind::Epoll;
                }
            }
        }
        let mut consumers = vec![height - 1; pick(rng, &[1, 1, 2, 3])];
        if rng.random_ratio(1, 4) {
            consumers.push(0);
        }
        let mut plan = plan(rng, pollers, consumers, acts);
        plan.watch_channels(rng, 0, &ANY_MODES);
        for level in 1..height {
            let modes = pick(rng, &ANY_MODES);
            plan.watch(level, Target::Poller(level - 1), modes);
            if rng.random_ratio(1, 4) {
                let channel = rng.random_range(0..plan.channels.len());
                plan.watch(level, Target::Channel(channel), pick(rng, &ANY_MODES));
            }
        }
        plan
    }
}
