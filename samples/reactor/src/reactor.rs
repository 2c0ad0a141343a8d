// SPDX-License-Identifier: GPL-2.0

//! The loop: an instance, and everything that waits on it.
//!
//! Every shape of the server consists of reactors. A reactor has connections, accepts
//! them, or both; it drives them itself or lets workers do so.

use crate::{
    acceptor::Acceptor,
    connection::{Connection, Next},
    context::Context,
    figures::Figures,
    gate::Permit,
    mailbox::{Mailbox, Message},
    pool::Pool,
    signals::Signals,
    slots::Slots,
};
use anyhow::{bail, Context as _, Result};
use backend::{Backend, Failure};
use repoll::{Events, Interest, Mode};
use std::{
    net::TcpStream,
    sync::Arc,
    time::{Duration, Instant},
};

/// How many events one wait fetches.
const EVENTS: usize = 256;

// The data of other events than those of connections, which have the numbers of their
// slots.
const LISTENER: u64 = u64::MAX;
const SIGNALS: u64 = u64::MAX - 1;
const MAILBOX: u64 = u64::MAX - 2;

/// A reactor.
#[derive(Debug)]
pub struct Reactor {
    backend: Backend,
    context: Context,
    mailbox: Arc<Mailbox>,
    slots: Slots,
    acceptor: Option<Acceptor>,
    signals: Option<Signals>,
    pool: Option<Pool>,
    /// Reactors that have not ended.
    others: Vec<Arc<Mailbox>>,
    /// How long the server may take to finish after a signal.
    grace: Duration,
    /// The time when that ends.
    end: Option<Instant>,
    aborted: bool,
}

impl Reactor {
    /// A reactor that waits for connections in `mailbox`.
    pub fn new(
        backend: Backend,
        mailbox: Arc<Mailbox>,
        context: Context,
        grace: Duration,
    ) -> Result<Self> {
        // Nobody needs to read from the mailbox's descriptor.
        backend
            .add(&*mailbox, Interest::READABLE, Mode::EDGE, MAILBOX)
            .context("cannot watch an eventfd")?;
        Ok(Self {
            backend,
            context,
            mailbox,
            slots: Slots::new(Mode::LEVEL),
            acceptor: None,
            signals: None,
            pool: None,
            others: Vec::new(),
            grace,
            end: None,
            aborted: false,
        })
    }

    /// Makes this reactor accept connections, and end at a signal. `others` end with it.
    pub fn lead(
        mut self,
        acceptor: Acceptor,
        signals: Signals,
        others: Vec<Arc<Mailbox>>,
    ) -> Result<Self> {
        self.backend
            .add(&signals, Interest::READABLE, Mode::LEVEL, SIGNALS)
            .context("cannot watch for signals")?;
        self.acceptor = Some(acceptor);
        self.signals = Some(signals);
        self.others = others;
        Ok(self)
    }

    /// Makes workers drive the connections.
    pub fn with_pool(mut self, pool: Pool) -> Self {
        // No event may disturb a worker that has a connection, or give the connection to
        // a second one.
        self.slots = Slots::new(Mode::ONE_SHOT);
        self.pool = Some(pool);
        self
    }

    /// Runs until everything is finished after the signal, and returns the figures.
    pub fn run(mut self) -> Result<Figures> {
        let mut events = Events::with_capacity(EVENTS);
        let mut now = Instant::now();
        while !self.is_done(now) {
            let failures = self.wait(&mut events, now)?;
            now = Instant::now();
            for failure in failures {
                self.fail(&failure)?;
            }
            for event in &events {
                match event.data() {
                    LISTENER => self.accept(now)?,
                    SIGNALS => self.signal(now)?,
                    MAILBOX => self.read_mail(now)?,
                    key => self.happened(key as usize, now)?,
                }
            }
            self.see_to_time(now);
        }
        self.leave()
    }

    /// Passes the changes to the instance, and waits.
    fn wait(&mut self, events: &mut Events, now: Instant) -> Result<Vec<Failure>> {
        let resume = self.acceptor.as_ref().and_then(Acceptor::resume_at);
        let times = [self.slots.first_deadline(), resume, self.end];
        let next = times.into_iter().flatten().min();
        let timeout = next.map(|at| at.saturating_duration_since(now));

        let mut changes = Vec::new();
        let mut failures = Vec::new();
        changes.extend(self.acceptor.as_ref().and_then(|one| one.change(LISTENER)));
        self.slots.changes(&mut changes);
        let calls = self
            .backend
            .change_and_wait(&mut changes, events, timeout, &mut failures)
            .context("cannot wait for events")?;
        self.slots.told();
        self.context.figures.calls += calls;
        Ok(failures)
    }

    /// A file could not be watched, most likely because of a lack of memory.
    fn fail(&mut self, failure: &Failure) -> Result<()> {
        if failure.data == LISTENER {
            bail!("cannot watch the listening socket: {}", failure.error);
        }
        self.context.figures.unwatched += 1;
        self.slots.remove(failure.data as usize);
        Ok(())
    }

    fn accept(&mut self, now: Instant) -> Result<()> {
        if let Some(acceptor) = &mut self.acceptor {
            for (stream, permit) in acceptor.accept(now)? {
                self.take_in(stream, permit, now);
            }
        }
        Ok(())
    }

    fn take_in(&mut self, stream: TcpStream, permit: Permit, now: Instant) {
        self.context.figures.connections += 1;
        let mut connection = Connection::new(stream, permit, &self.context.limits, now);
        if self.end.is_some() {
            connection.finish();
        }
        self.slots.insert(connection);
    }

    fn signal(&mut self, now: Instant) -> Result<()> {
        while let Some(signals) = &self.signals {
            if !signals.take().context("cannot read a signal")? {
                break;
            }
            match self.end {
                None => self.drain(now)?,
                Some(_) => self.abort(),
            }
        }
        Ok(())
    }

    fn read_mail(&mut self, now: Instant) -> Result<()> {
        for message in self.mailbox.take() {
            match message {
                Message::Connection(stream, permit) => self.take_in(stream, permit, now),
                Message::Done(key, connection, next) => self.done(key, connection, next, now),
                Message::Room => {
                    if let Some(acceptor) = &mut self.acceptor {
                        acceptor.resume();
                    }
                }
                Message::Drain => self.drain(now)?,
                Message::Abort => self.abort(),
                Message::Ended => {
                    self.others.pop();
                    // If it was not told to end, it has failed.
                    self.drain(now)?;
                }
            }
        }
        Ok(())
    }

    /// A connection has had an event.
    fn happened(&mut self, key: usize, now: Instant) -> Result<()> {
        self.slots.fired(key);
        match &self.pool {
            Some(pool) => match self.slots.lend(key) {
                Some(connection) => pool.submit(key, connection),
                None => Ok(()),
            },
            None => {
                self.drive(key, now);
                Ok(())
            }
        }
    }

    fn drive(&mut self, key: usize, now: Instant) {
        if let Some(connection) = self.slots.get(key) {
            let next = connection.drive(&mut self.context, now);
            self.slots.settle(key, next);
        }
    }

    /// A worker has returned a connection.
    fn done(&mut self, key: usize, connection: Box<Connection>, next: Next, now: Instant) {
        self.slots.give_back(key, connection);
        self.slots.settle(key, next);
        if self.end.is_some() {
            self.finish(key, now);
        }
    }

    /// Closes connections whose deadline has passed.
    fn see_to_time(&mut self, now: Instant) {
        while let Some(key) = self.slots.overdue(now) {
            if let Some(connection) = self.slots.get(key) {
                let next = connection.time_out(&mut self.context, now);
                self.slots.settle(key, next);
            }
        }
        if let Some(acceptor) = &mut self.acceptor {
            if acceptor.resume_at().is_some_and(|at| at <= now) {
                acceptor.resume();
            }
        }
    }

    /// Accepts no more connections, and finishes the requests that have begun.
    fn drain(&mut self, now: Instant) -> Result<()> {
        if self.end.is_some() {
            return Ok(());
        }
        // Accept the connections that are already established; closing the socket would
        // reset them.
        self.accept(now)?;
        self.acceptor = None;
        self.end = Some(now + self.grace);
        for other in &self.others {
            other.send(Message::Drain);
        }
        for key in self.slots.keys() {
            self.finish(key, now);
        }
        Ok(())
    }

    fn finish(&mut self, key: usize, now: Instant) {
        if let Some(connection) = self.slots.get(key) {
            connection.finish();
            self.drive(key, now);
        }
    }

    fn abort(&mut self) {
        self.aborted = true;
        for other in &self.others {
            other.send(Message::Abort);
        }
    }

    fn is_done(&self, now: Instant) -> bool {
        let over = self.end.is_some_and(|end| end <= now) || self.aborted;
        let empty = self.end.is_some() && self.slots.is_empty();
        (over || empty) && self.others.is_empty()
    }

    fn leave(mut self) -> Result<Figures> {
        self.context.figures.cut += self.slots.len() as u64;
        let mut figures = self.context.figures;
        if let Some(pool) = self.pool {
            figures += &pool.end()?;
        }
        Ok(figures)
    }
}
