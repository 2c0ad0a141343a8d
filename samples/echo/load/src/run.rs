// SPDX-License-Identifier: GPL-2.0

//! The loop that drives all connections.

use crate::{
    client::{Client, Progress, CHUNK},
    content::Content,
    report::Report,
    script::Script,
};
use anyhow::{anyhow, Context, Error, Result};
use backend::{Backend, Kind};
use repoll::{Events, Interest, Mode};
use std::{
    io::ErrorKind,
    mem,
    net::SocketAddr,
    time::{Duration, Instant},
};

/// The parameters of a run.
pub struct Plan {
    /// The server.
    pub address: SocketAddr,
    /// What watches the connections.
    pub backend: Kind,
    /// The number of connections.
    pub connections: u64,
    /// The number of messages on each.
    pub messages: u32,
    /// The size of the largest message, or 0.
    pub largest: u64,
    /// Determines content and sizes.
    pub seed: u64,
    /// A connection without progress for this long has failed.
    pub stall: Duration,
}

/// A connection that failed.
pub struct Failure {
    /// Its number.
    pub connection: u64,
    /// The reason.
    pub error: Error,
}

/// How many handshakes may be under way: more would only test how the backlog
/// overflows.
const CONNECTING: usize = 64;

/// How often to look for stalled connections.
const TICK: Duration = Duration::from_secs(1);

struct Slot {
    client: Client,
    /// When it last made progress.
    moved: Instant,
    /// Its last turn.
    turn: u64,
}

/// A run under way.
struct Run<'a> {
    plan: &'a Plan,
    instance: Backend,
    slots: Vec<Option<Slot>>,
    connecting: usize,
    open: u64,
    scratch: Vec<u8>,
    report: Report,
    failures: Vec<Failure>,
    /// Connections that may continue but will have no event for it.
    again: Vec<u64>,
    turn: u64,
}

/// Carries out `plan`. Fails only if the run could not begin; failures of
/// single connections are in the list.
pub fn run(plan: &Plan) -> Result<(Report, Vec<Failure>)> {
    let mut run = Run {
        plan,
        instance: Backend::open(plan.backend)
            .with_context(|| format!("cannot create an instance of {}", plan.backend))?,
        slots: Vec::new(),
        connecting: 0,
        open: 0,
        scratch: vec![0; CHUNK],
        report: Report::new(plan.backend, plan.connections),
        failures: Vec::new(),
        again: Vec::new(),
        turn: 0,
    };
    let begin = Instant::now();
    run.drive()?;
    run.report.finish(begin.elapsed());
    Ok((run.report, run.failures))
}

impl Run<'_> {
    fn drive(&mut self) -> Result<()> {
        let mut events = Events::with_capacity(256);
        let mut next_look = Instant::now() + TICK;

        loop {
            self.connect_more()?;
            if self.all_met() && self.open == 0 {
                return Ok(());
            }

            let timeout = if self.again.is_empty() {
                TICK
            } else {
                Duration::ZERO
            };
            match self.instance.wait(&mut events, Some(timeout)) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                other => other.context("cannot wait for events")?,
            }
            self.report.waits += 1;
            self.report.events += events.len() as u64;

            let had_all_met = self.all_met();
            self.turn += 1;
            for index in mem::take(&mut self.again) {
                self.advance(index);
            }
            for event in &events {
                self.advance(event.data());
            }
            // No connection ends before all are open, so that they really are
            // open at the same time. Connections that wait for this have no
            // event for it.
            if self.all_met() && !had_all_met {
                self.again = (0..self.plan.connections).collect();
            }

            if Instant::now() >= next_look {
                self.fail_stalled();
                next_look = Instant::now() + TICK;
            }
        }
    }

    /// Whether each connection has been established or has failed.
    fn all_met(&self) -> bool {
        self.slots.len() as u64 == self.plan.connections && self.connecting == 0
    }

    fn connect_more(&mut self) -> Result<()> {
        while self.connecting < CONNECTING && (self.slots.len() as u64) < self.plan.connections {
            let index = self.slots.len() as u64;
            let plan = self.plan;
            let content = Content::new(plan.seed, index);
            let script = Script::new(plan.seed, index, plan.messages, plan.largest);
            let client = Client::connect(plan.address, content, script)
                .with_context(|| format!("connection {index}"))?;

            let interest = Interest::READABLE | Interest::WRITABLE | Interest::READ_CLOSED;
            self.instance
                .add(client.as_fd(), interest, Mode::EDGE, index)
                .with_context(|| format!("connection {index}: cannot watch it"))?;
            self.slots.push(Some(Slot {
                client,
                moved: Instant::now(),
                turn: self.turn,
            }));
            self.connecting += 1;
        }
        Ok(())
    }

    /// Gives a connection its turn, unless it has ended or has already had this
    /// turn.
    fn advance(&mut self, index: u64) {
        let may_end = self.all_met();
        let Some(slot) = &mut self.slots[index as usize] else {
            return;
        };
        if slot.turn == self.turn {
            return;
        }
        slot.turn = self.turn;

        let before = (slot.client.is_connected(), slot.client.bytes());
        let outcome = slot.client.advance(may_end, &mut self.scratch);
        if before != (slot.client.is_connected(), slot.client.bytes()) {
            slot.moved = Instant::now();
        }
        if !before.0 {
            self.connecting -= 1;
            if slot.client.is_connected() {
                self.open += 1;
                self.report.peak = self.report.peak.max(self.open);
            }
        }

        match outcome {
            Ok(Progress::Blocked) => {}
            Ok(Progress::More) => self.again.push(index),
            Ok(Progress::Finished(ending)) => {
                self.report.add(&slot.client, Some(ending));
                self.close(index);
            }
            Err(error) => self.fail(index, error),
        }
    }

    fn fail_stalled(&mut self) {
        for index in 0..self.slots.len() as u64 {
            let Some(slot) = &self.slots[index as usize] else {
                continue;
            };
            if slot.moved.elapsed() < self.plan.stall || slot.client.is_idle() {
                continue;
            }
            let error = anyhow!(
                "no progress for {:?} ({})",
                self.plan.stall,
                slot.client.state()
            );
            if !slot.client.is_connected() {
                self.connecting -= 1;
            }
            self.fail(index, error);
        }
    }

    fn fail(&mut self, index: u64, error: Error) {
        if let Some(slot) = &self.slots[index as usize] {
            self.report.add(&slot.client, None);
        }
        self.failures.push(Failure {
            connection: index,
            error,
        });
        self.close(index);
    }

    /// Closing the socket also removes it from the instance.
    fn close(&mut self, index: u64) {
        if let Some(slot) = self.slots[index as usize].take() {
            if slot.client.is_connected() {
                self.open -= 1;
            }
        }
    }
}
