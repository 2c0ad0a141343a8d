// SPDX-License-Identifier: GPL-2.0

//! Pairs of eventpolls that watch the same files, and the comparison of their answers.
//!
//! # Order
//!
//! Events are compared in order. epoll guarantees no order, but the order follows from what
//! happened. With a single thread, the same happened to both eventpolls of a pair. An item joins
//! the tail of the ready list when it is woken or found ready first. A wait takes items from the
//! head, and items that it does not reach stay at the head. A level-triggered item that is ready
//! goes to the tail, behind items that were woken during the wait. A file's wake-up reaches its
//! items in the order of its wait queue, in which both of a pair are at the same position. fdinfo
//! is in the order of the tree: by the file's address, then by number. Only nested instances, which
//! are two different files, have different positions there.

use crate::{
    environment::{Environment, ROOM},
    interest,
    poller::{answer, Answer, CallForm, Engine, Event},
    tally::Tally,
    world::World,
};
use std::{
    fmt::{self, Display},
    io::Read,
    os::fd::RawFd,
};

/// The greatest number of pairs: a chain of this many is deeper than epoll allows.
pub(crate) const PAIRS: usize = 7;

/// Marks the data of items whose file is an instance.
pub(crate) const NESTED: u64 = 1 << 63;

/// Replaces the descriptor of an instance that has not been created.
const NEVER: RawFd = -2;

/// The two kinds, the kernel's own first.
pub(crate) type Engines = [Engine; 2];

/// Two different answers.
#[derive(Debug)]
pub(crate) struct Disagreement {
    /// The call.
    question: String,
    answers: [String; 2],
}

impl Display for Disagreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [native, repoll] = &self.answers;
        write!(f, "{}: epoll {native}, repoll {repoll}", self.question)
    }
}

/// The target of an operation.
#[derive(Clone, Copy)]
pub(crate) enum Target {
    /// The descriptor in a place.
    Place(usize),
    /// Another pair, or the same one.
    Pair(usize),
    /// A number that is not a descriptor.
    Number(RawFd),
}

impl Target {
    fn in_c(self) -> String {
        match self {
            Self::Place(place) => format!("f[{place}]"),
            Self::Number(fd) => fd.to_string(),
            Self::Pair(other) => format!("&p[{other}]"),
        }
    }
}

/// All pairs. The descriptors of closed instances are -1.
pub(crate) struct Pairs {
    engines: &'static Engines,
    environment: &'static Environment,
    fds: [[RawFd; 2]; PAIRS],
    /// Whether the second one of a pair is called first.
    swapped: bool,
    form: CallForm,
    /// How many items have been given data.
    items: u64,
    pub(crate) tally: Tally,
}

impl Pairs {
    pub(crate) fn new(engines: &'static Engines, environment: &'static Environment) -> Self {
        environment.level_buffers();
        Self {
            engines,
            environment,
            fds: [[NEVER; 2]; PAIRS],
            swapped: false,
            form: CallForm::default(),
            items: 0,
            tally: Tally::default(),
        }
    }

    /// The pair that a random number selects.
    pub(crate) fn pair(number: u8) -> usize {
        // The first pairs are more likely, so that they have something to report.
        const PAIRS_BY_NUMBER: [u8; 16] = [0, 0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 4, 4, 5, 6];
        PAIRS_BY_NUMBER[usize::from(number) % PAIRS_BY_NUMBER.len()].into()
    }

    pub(crate) fn is_open(&self, pair: usize) -> bool {
        self.fds[pair][0] >= 0
    }

    /// Creates a pair unless it was ever created: until then, nothing can have used it.
    pub(crate) fn ensure(&mut self, world: &mut World, pair: usize) {
        if self.fds[pair] == [NEVER; 2] {
            self.create(world, pair);
        }
    }

    /// Calls the other one of each pair first from now on.
    pub(crate) fn swap(&mut self, world: &mut World) {
        self.swapped = !self.swapped;
        let swapped = self.swapped;
        world.program.line(|| format!("repoll_first = {swapped};"));
    }

    /// Uses this form of calls from now on.
    pub(crate) fn call_by(&mut self, world: &mut World, form: CallForm) {
        if self.form == form {
            return;
        }
        self.form = form;
        let CallForm {
            directly,
            by_structure,
        } = form;
        world
            .program
            .line(|| format!("go({directly}, {by_structure});"));
    }

    /// Calls both.
    fn ask<T>(&mut self, mut ask: impl FnMut(&Engine, usize) -> T) -> [T; 2] {
        self.tally.comparisons += 1;
        let mut ask = |which: usize| ask(&self.engines[which], which);
        if self.swapped {
            let repoll = ask(1);
            [ask(0), repoll]
        } else {
            [ask(0), ask(1)]
        }
    }

    fn judge(&mut self, question: &str, answers: [Answer; 2]) -> Result<Answer, Disagreement> {
        if answers[0] < 0 {
            self.tally.error(-answers[0]);
        }
        if answers[0] != answers[1] {
            return Err(Disagreement {
                question: question.to_owned(),
                answers: answers.map(name_of_answer),
            });
        }
        Ok(answers[0])
    }

    /// Creates a pair, which replaces the old one.
    pub(crate) fn create(&mut self, world: &mut World, pair: usize) {
        self.close(world, pair);
        world.program.line(|| format!("create(&p[{pair}]);"));
        self.fds[pair] = [0, 1].map(|which: usize| self.engines[which].create());
        let made = self.fds[pair].iter().all(|&fd| fd >= 0);
        assert!(made, "cannot create instances: {:?}", self.fds[pair]);
    }

    /// Closes a pair.
    pub(crate) fn close(&mut self, world: &mut World, pair: usize) {
        if !self.is_open(pair) {
            return;
        }
        world.program.line(|| format!("destroy(&p[{pair}]);"));
        self.close_now(pair);
    }

    fn close_now(&mut self, pair: usize) {
        for fd in std::mem::replace(&mut self.fds[pair], [-1; 2]) {
            // SAFETY: The descriptors belong to the pair.
            unsafe { libc::close(fd) };
        }
    }

    /// The descriptors of a target, and the data for an item on it.
    fn resolve(&mut self, world: &World, target: Target) -> ([RawFd; 2], u64) {
        self.items += 1;
        let data = (self.items << 32) | self.items;
        match target {
            Target::Place(place) => ([world.fd(place); 2], data),
            Target::Number(fd) => ([fd; 2], data),
            Target::Pair(other) => (self.fds[other], data | NESTED),
        }
    }

    /// Changes what both watch. `mask` is `None` for an address that cannot be read.
    pub(crate) fn ctl(
        &mut self,
        world: &mut World,
        pair: usize,
        op: i32,
        target: Target,
        mask: Option<u32>,
    ) -> Result<(), Disagreement> {
        let (fds, data) = self.resolve(world, target);
        world.program.line(|| {
            let (op, target) = (op_in_c(op), target.in_c());
            let Some(mask) = mask.map(interest::in_c) else {
                return format!("ctl_fault(&p[{pair}], {op}, {target});");
            };
            let function = match target.starts_with('&') {
                true => "ctl_pair",
                false => "ctl",
            };
            format!("{function}(&p[{pair}], {op}, {target}, {mask}, {data:#x});")
        });
        let (pollers, form) = (self.fds[pair], self.form);
        let answers = self.ask(|engine, which| {
            let event = &mut mask.map(|events| Event { events, data });
            let event = event
                .as_mut()
                .map_or(std::ptr::null_mut(), std::ptr::from_mut);
            engine.ctl(form, pollers[which], op, fds[which], event)
        });
        self.judge("epoll_ctl", answers).map(drop)
    }

    /// Waits on both with room for `maxevents`, of which `usable` are in memory.
    pub(crate) fn wait(
        &mut self,
        world: &mut World,
        pair: usize,
        maxevents: i32,
        usable: usize,
    ) -> Result<(), Disagreement> {
        world
            .program
            .line(|| format!("wait_events(&p[{pair}], {maxevents}, {usable});"));
        let (pollers, form, starts) = (self.fds[pair], self.form, self.room_for(usable));
        let answers = self.ask(|engine, which| {
            // SAFETY: This function may use the last `usable` events of the buffers, and the memory
            // behind them is inaccessible.
            unsafe { engine.wait(form, pollers[which], starts[which], maxevents) }
        });
        let count = self.judge("epoll_wait", answers)?;
        self.judge_events("epoll_wait", count, usable)
    }

    /// Changes the item of the file in a place on both, then waits with room for `maxevents` if
    /// that succeeded.
    pub(crate) fn change_and_wait(
        &mut self,
        world: &mut World,
        pair: usize,
        (op, place, events): (i32, usize, u32),
        maxevents: i32,
    ) -> Result<(), Disagreement> {
        let (fds, data) = self.resolve(world, Target::Place(place));
        world.program.line(|| {
            let (op, mask) = (op_in_c(op), interest::in_c(events));
            format!("change_wait(&p[{pair}], {op}, f[{place}], {mask}, {data:#x}, {maxevents});")
        });
        let (pollers, form, starts) = (self.fds[pair], self.form, self.room_for(ROOM));
        let answers = self.ask(|engine, which| {
            let change = (op, fds[which], &mut Event { events, data });
            // SAFETY: This function may use the buffers, and the memory behind them is
            // inaccessible.
            unsafe {
                engine.change_and_wait(form, pollers[which], change, starts[which], maxevents)
            }
        });
        let question = "epoll_ctl, epoll_wait";
        let count = self.judge(question, answers)?;
        self.judge_events(question, count, ROOM)
    }

    /// The addresses of the last `usable` events of both buffers.
    fn room_for(&self, usable: usize) -> [*mut Event; 2] {
        self.environment
            .buffers
            .map(|buffer| buffer.wrapping_add(ROOM - usable))
    }

    /// Compares the buffers after a wait that returned `count` events.
    fn judge_events(
        &mut self,
        question: &str,
        count: Answer,
        usable: usize,
    ) -> Result<(), Disagreement> {
        // Both buffers were equal before, so they are equal as a whole, even where there are no
        // events.
        let buffers = self.environment.buffers.map(|buffer| {
            // SAFETY: The buffers are this large, and nobody writes to them now.
            unsafe { std::slice::from_raw_parts(buffer, ROOM) }
        });
        if buffers[0] != buffers[1] {
            let events = buffers.map(|buffer| name_of_events(&buffer[ROOM - usable..], count));
            return Err(Disagreement {
                question: question.to_owned(),
                answers: events,
            });
        }
        if count > 0 {
            self.tally
                .waited(&buffers[0][ROOM - usable..][..count as usize]);
        }
        Ok(())
    }

    /// Waits on both with an invalid address.
    pub(crate) fn wait_nowhere(
        &mut self,
        world: &mut World,
        pair: usize,
        address: usize,
    ) -> Result<(), Disagreement> {
        world
            .program
            .line(|| format!("wait_at(&p[{pair}], 4, {address:#x});"));
        let (pollers, form) = (self.fds[pair], self.form);
        let events = std::ptr::without_provenance_mut(address);
        let answers = self.ask(|engine, which| {
            // SAFETY: The address is not that of writable memory.
            unsafe { engine.wait(form, pollers[which], events, 4) }
        });
        self.judge("epoll_wait", answers).map(drop)
    }

    /// Polls both.
    pub(crate) fn poll(&mut self, world: &mut World, pair: usize) -> Result<(), Disagreement> {
        world.program.line(|| format!("poll_both(&p[{pair}]);"));
        let pollers = self.fds[pair];
        let answers = self.ask(|_, which| {
            let mut poll = libc::pollfd {
                fd: pollers[which],
                events: libc::POLLIN | libc::POLLOUT | libc::POLLPRI | libc::POLLRDNORM,
                revents: 0,
            };
            // SAFETY: It points to one structure.
            let result = answer(unsafe { libc::poll(&mut poll, 1, 0) }.into());
            result.min(i32::from(poll.revents))
        });
        self.judge("poll", answers).map(drop)
    }

    /// Reads the fdinfo of both.
    pub(crate) fn fdinfo(&mut self, world: &mut World, pair: usize) -> Result<(), Disagreement> {
        if !self.is_open(pair) {
            return Ok(());
        }
        world.program.line(|| format!("fdinfo(&p[{pair}]);"));
        let pollers = self.fds[pair];
        let answers = self.ask(|_, which| items(pollers[which]));
        if answers[0] != answers[1] {
            return Err(Disagreement {
                question: "fdinfo".to_owned(),
                answers,
            });
        }
        Ok(())
    }
}

impl Drop for Pairs {
    fn drop(&mut self) {
        for pair in 0..PAIRS {
            if self.is_open(pair) {
                self.close_now(pair);
            }
        }
    }
}

/// The items according to fdinfo, the nested ones last and without the identity of their files.
fn items(fd: RawFd) -> String {
    let mut text = String::with_capacity(4096);
    let file = std::fs::File::open(format!("/proc/self/fdinfo/{fd}"));
    let read = file.and_then(|mut file| file.read_to_string(&mut text));
    assert!(read.is_ok(), "fdinfo cannot be read: {read:?}");
    let mut plain = String::new();
    let mut nested = Vec::new();
    for line in text.lines().filter(|line| line.starts_with("tfd:")) {
        let mut words = line.split_ascii_whitespace().skip(2);
        let (_, events) = (words.next(), words.next().unwrap_or_default());
        let (_, data) = (words.next(), words.next().unwrap_or_default());
        if u64::from_str_radix(data, 16).is_ok_and(|data| data & NESTED != 0) {
            nested.push(format!("events {events} data {data}\n"));
        } else {
            plain.push_str(line);
            plain.push('\n');
        }
    }
    nested.sort_unstable();
    plain + &nested.concat()
}

fn op_in_c(op: i32) -> String {
    match op {
        libc::EPOLL_CTL_ADD => "EPOLL_CTL_ADD".to_owned(),
        libc::EPOLL_CTL_MOD => "EPOLL_CTL_MOD".to_owned(),
        libc::EPOLL_CTL_DEL => "EPOLL_CTL_DEL".to_owned(),
        _ => op.to_string(),
    }
}

fn name_of_answer(answer: Answer) -> String {
    if answer < 0 {
        format!("fails: {}", std::io::Error::from_raw_os_error(-answer))
    } else {
        format!("returns {answer}")
    }
}

fn name_of_events(events: &[Event], count: Answer) -> String {
    let known = usize::try_from(count).unwrap_or(0);
    let names = events[..known]
        .iter()
        .map(|&Event { events, data }| format!("{data:#x}: {}", interest::in_c(events)));
    format!("reports [{}]", names.collect::<Vec<_>>().join(", "))
}
