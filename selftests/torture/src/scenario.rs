// SPDX-License-Identifier: GPL-2.0

//! Scenarios: who watches what in a world, and what happens to it.
//!
//! Every plan relies only on what epoll guarantees, so that nothing may be lost in it:
//!
//! * An edge is reported to one waiter, which reads until there is nothing left. A reader may leave
//!   something only if all items are level-triggered.
//! * The thread that received the event of a one-shot item re-arms it, with MOD, which polls the
//!   file.
//! * A thread that deletes or disarms an item adds or re-arms it afterwards, in the same round.
//!   Adding also polls.
//! * An exclusive item spares the others only if a waiter of its own instance was woken, and every
//!   waiter reads. An instance that nobody waits on spares nobody.
//! * A thread that learns that an eventpoll is readable fetches from it until it is empty.

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

/// The modes that an item may change between.
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
    /// One instance, with items of all modes that all actors change
    Shared,
    /// One instance with one-shot items: no other thread gets an item's event until it is re-armed
    Oneshot,
    /// Several instances that watch the same files exclusively
    Exclusive,
    /// Eventpolls inside eventpolls, of both kinds
    Nested,
    /// Files that are closed, hung up, reopened, and known under two numbers
    Closing,
    /// Waiters that are killed; epoll then loses wake-ups, so this needs repoll
    Killed,
}

/// What an item watches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Channel(usize),
    Poller(usize),
    /// The bell, which rings at the end of a world.
    Bell,
}

/// An item. Its data is its number.
#[derive(Debug)]
pub(crate) struct Watch {
    pub(crate) poller: usize,
    pub(crate) target: Target,
    pub(crate) modes: Modes,
    /// Whether no other thread may receive the item's event before it is re-armed.
    pub(crate) alone: bool,
    /// Whether a thread has received it.
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

    /// Whether the item may be left with something to read.
    pub(crate) fn is_level_triggered(&self) -> bool {
        self.modes == [LEVEL]
    }

    /// Whether the item may have to be re-armed.
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

/// The plan of a world.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) pollers: Vec<Kind>,
    /// The instance that each consumer waits on.
    pub(crate) consumers: Vec<usize>,
    pub(crate) channels: Vec<channel::Kind>,
    pub(crate) watches: Vec<Watch>,
    pub(crate) actors: usize,
    pub(crate) acts: &'static [Act],
    /// Whether each channel belongs to one actor.
    pub(crate) owned: bool,
}

/// A plan with instances and channels, and no items yet.
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

    /// Makes an instance watch all channels.
    fn watch_channels(&mut self, rng: &mut SmallRng, poller: usize, modes: &[Modes]) {
        for channel in 0..self.channels.len() {
            self.watch(poller, Target::Channel(channel), pick(rng, modes));
        }
    }
}

impl Scenario {
    /// The name of the scenario.
    pub(crate) fn name(self) -> String {
        let value = self.to_possible_value().expect("no scenario is hidden");
        value.get_name().to_owned()
    }

    /// Whether epoll guarantees what the scenario expects.
    pub(crate) fn is_kept_by(self, kind: Kind) -> bool {
        self != Self::Killed || kind == Kind::Repoll
    }

    /// A random plan.
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
                // Another instance, added before or after all others, that nobody waits on.
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

    /// A tower of eventpolls: the lowest watches the channels, and each other one watches the one
    /// below it. Consumers wait on the highest, and some also on one below.
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
            // All but one may be epolls.
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
