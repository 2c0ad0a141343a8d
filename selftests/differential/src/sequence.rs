// SPDX-License-Identifier: GPL-2.0

//! A sequence of steps on files and on the pairs of eventpolls that watch them, as a state machine
//! test of proptest. There is no model: the answers of the kernel's epoll are correct by
//! definition.

use crate::{
    act::Act,
    environment::{Environment, ROOM},
    file::KINDS,
    interest,
    pairs::{Disagreement, Engines, Pairs, Target},
    program::Program,
    step::{any_step, Step, Verb},
    tally::Tally,
    world::{End, World},
};
use proptest::prelude::*;
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest};
use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
};

/// What all sequences of a process share.
pub(crate) struct Setting {
    pub(crate) engines: Engines,
    pub(crate) environment: &'static Environment,
}

thread_local! {
    static SETTING: Cell<Option<&'static Setting>> = const { Cell::new(None) };
    static TALLY: RefCell<Tally> = RefCell::default();
}

/// Sets what all sequences of this thread use.
pub(crate) fn set(setting: &'static Setting) {
    SETTING.set(Some(setting));
}

/// The counts since the last call.
pub(crate) fn take_tally() -> Tally {
    TALLY.take()
}

/// The operations of `ctl`.
const OPS: [i32; 3] = [
    libc::EPOLL_CTL_ADD,
    libc::EPOLL_CTL_MOD,
    libc::EPOLL_CTL_DEL,
];

/// The files and the pairs, with their state.
pub(crate) struct Sequence {
    // Dropped first, so that instances that still watch something are also closed.
    pairs: Pairs,
    world: World,
    done: BTreeMap<(Verb, Option<(End, Act)>), u64>,
    /// Whether a comparison was disturbed: then nothing more is done.
    over: bool,
}

impl Sequence {
    pub(crate) fn new(program: Program) -> Self {
        let setting = SETTING.get().expect("set() was called");
        Self {
            world: World::new(setting.environment, program),
            pairs: Pairs::new(&setting.engines, setting.environment),
            done: BTreeMap::new(),
            over: false,
        }
    }

    /// The program that makes the same calls.
    pub(crate) fn program(&self) -> &Program {
        &self.world.program
    }

    /// Performs one step. A disagreement counts only if nothing happened between the two calls.
    pub(crate) fn step(&mut self, step: Step) -> Result<(), Disagreement> {
        if self.over {
            return Ok(());
        }
        self.pairs.tally.steps += 1;
        let before = self.pairs.tally.comparisons;
        let mut act = None;
        let outcome = match step.verb {
            Verb::Act => {
                act = self.act(step);
                Ok(())
            }
            _ => self.apply(step),
        };
        *self.done.entry((step.verb, act)).or_default() += 1;
        if self.pairs.tally.comparisons != before {
            if let Some(end) = self.world.witness.disturbance() {
                self.pairs.tally.disturbed(format!("{end:?}"));
                self.over = true;
                return Ok(());
            }
        }
        outcome
    }

    fn act(&mut self, Step { a, b, c, .. }: Step) -> Option<(End, Act)> {
        let (place, other) = (World::place(a), World::place(b));
        if self.world.fd(place) < 0 {
            self.open(place, other, c);
            return None;
        }
        self.world.act(place, c, other)
    }

    fn open(&mut self, place: usize, other: usize, number: u16) {
        let kind = KINDS[usize::from(number) % KINDS.len()];
        self.world.open(kind, place, other);
    }

    fn apply(&mut self, step: Step) -> Result<(), Disagreement> {
        let Self { pairs, world, .. } = self;
        let Step {
            verb,
            a,
            b,
            c,
            form,
        } = step;
        let (pair, place) = (Pairs::pair(a), World::place(b));
        let (mask, other) = (Some(interest::from_number(c)), Target::Pair(Pairs::pair(b)));
        let place_target = Target::Place(world.full_place(b));
        match verb {
            Verb::Open => self.open(World::place(a), place, c),
            Verb::Close => drop(world.close(place)),
            Verb::Duplicate => world.duplicate(World::place(a), place),
            Verb::Create => pairs.create(world, pair),
            Verb::Destroy => pairs.close(world, pair),
            Verb::Swap => pairs.swap(world),
            _ => {
                pairs.ensure(world, pair);
                if let Verb::AddPair | Verb::ModifyPair | Verb::DeletePair = verb {
                    pairs.ensure(world, Pairs::pair(b));
                }
                pairs.call_by(world, form);
                world.settle();
                return match verb {
                    Verb::Wait => pairs.wait(world, pair, room(c), ROOM),
                    Verb::Poll => pairs.poll(world, pair),
                    Verb::Fdinfo => pairs.fdinfo(world, pair),
                    Verb::Add => pairs.ctl(world, pair, libc::EPOLL_CTL_ADD, place_target, mask),
                    Verb::Modify => pairs.ctl(world, pair, libc::EPOLL_CTL_MOD, place_target, mask),
                    Verb::Delete => pairs.ctl(world, pair, libc::EPOLL_CTL_DEL, place_target, mask),
                    Verb::AddPair => pairs.ctl(world, pair, libc::EPOLL_CTL_ADD, other, mask),
                    Verb::ModifyPair => pairs.ctl(world, pair, libc::EPOLL_CTL_MOD, other, mask),
                    Verb::DeletePair => pairs.ctl(world, pair, libc::EPOLL_CTL_DEL, other, mask),
                    Verb::ChangeWait => {
                        let (op, full) = (OPS[usize::from(c >> 4) % 3], world.full_place(b));
                        let change = (op, full, interest::from_number(c >> 6));
                        pairs.change_and_wait(world, pair, change, room(c))
                    }
                    Verb::WaitWrongly => self.wait_wrongly(pair, c),
                    _ => self.ctl_wrongly(pair, place, c),
                };
            }
        }
        Ok(())
    }

    /// A wait with a wrong size or address, or with room for fewer events than it claims.
    fn wait_wrongly(&mut self, pair: usize, number: u16) -> Result<(), Disagreement> {
        let Self { pairs, world, .. } = self;
        /// One more than the number of events whose bytes an `int` can count.
        const TOO_MANY: i32 = i32::MAX / 12 + 1;
        /// The start of the kernel's half of the addresses.
        const KERNEL: usize = 0xffff_8000_0000_0000;
        match number % 10 {
            0 => pairs.wait(world, pair, 0, ROOM),
            1 => pairs.wait(world, pair, -1, ROOM),
            2 => pairs.wait(world, pair, i32::MIN, ROOM),
            3 => pairs.wait(world, pair, TOO_MANY, ROOM),
            4 => pairs.wait_nowhere(world, pair, 0),
            5 => pairs.wait_nowhere(world, pair, KERNEL),
            6 => pairs.wait_nowhere(world, pair, usize::MAX & !7),
            usable => pairs.wait(world, pair, 8, usize::from(usable) - 7),
        }
    }

    /// A change with a wrong operation, descriptor or address.
    fn ctl_wrongly(&mut self, pair: usize, place: usize, number: u16) -> Result<(), Disagreement> {
        let Self { pairs, world, .. } = self;
        let (op, mask) = (
            OPS[usize::from(number >> 4) % 3],
            interest::from_number(number >> 6),
        );
        let place = Target::Place(place);
        match number % 6 {
            0 => pairs.ctl(world, pair, 0, place, Some(mask)),
            1 => pairs.ctl(world, pair, 4, place, Some(mask)),
            2 => pairs.ctl(world, pair, i32::MIN, place, Some(mask)),
            // An ioctl on a closed descriptor fails before it can read its argument.
            3 if !pairs.is_open(pair) => Ok(()),
            3 => pairs.ctl(world, pair, op, place, None),
            4 => pairs.ctl(world, pair, op, Target::Number(-2), Some(mask)),
            _ => pairs.ctl(world, pair, op, Target::Pair(pair), Some(mask)),
        }
    }

    fn finish(self) {
        let mut tally = self.pairs.tally.clone();
        tally.sequences = 1;
        for ((verb, act), count) in &self.done {
            let name = match act {
                None => format!("{verb:?}"),
                Some((end, act)) => format!("{end:?}.{act:?}"),
            };
            tally.done(name, *count);
        }
        TALLY.with_borrow_mut(|total| total.add(&tally));
    }
}

/// The room for events that a random number selects: from very little to more than enough.
fn room(number: u16) -> i32 {
    match number % 4 {
        0 => ROOM as i32,
        1 => 1,
        _ => 1 + i32::from(number >> 2) % 6,
    }
}

/// What proptest generates: steps, all of which are always possible.
pub(crate) struct Steps;

impl ReferenceStateMachine for Steps {
    type State = ();
    type Transition = Step;

    fn init_state() -> BoxedStrategy<()> {
        Just(()).boxed()
    }

    fn transitions(_state: &()) -> BoxedStrategy<Step> {
        any_step().boxed()
    }

    fn apply(_state: (), _step: &Step) {}
}

impl StateMachineTest for Sequence {
    type SystemUnderTest = Self;
    type Reference = Steps;

    fn init_test(_steps: &()) -> Self {
        Self::new(Program::none())
    }

    fn apply(mut sequence: Self, _steps: &(), step: Step) -> Self {
        if let Err(disagreement) = sequence.step(step) {
            panic!("{disagreement}");
        }
        sequence
    }

    fn teardown(sequence: Self, _steps: ()) {
        sequence.finish();
    }
}
