// SPDX-License-Identifier: GPL-2.0

//! The shapes of the server, made of reactors.

use crate::{
    acceptor::Acceptor,
    context::Context,
    figures::Figures,
    gate::Gate,
    limits::Limits,
    mailbox::{Mailbox, Message},
    pool::Pool,
    reactor::Reactor,
    service::Service,
    signals::Signals,
};
use anyhow::{anyhow, Context as _, Result};
use backend::{Backend, Kind};
use clap::ValueEnum;
use std::{
    fmt,
    net::TcpListener,
    sync::Arc,
    thread::{self, JoinHandle},
    time::Duration,
};

/// Who does what.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Shape {
    /// One thread does everything
    Single,
    /// One thread waits, and workers do what there is to do
    Pool,
    /// One thread accepts, and each of the others serves connections of its own
    Sub,
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Single => "single",
            Self::Pool => "pool",
            Self::Sub => "sub",
        })
    }
}

/// What a server is made of.
#[derive(Debug)]
pub struct Plan {
    /// Who does what.
    pub shape: Shape,
    /// What they wait with.
    pub backend: Kind,
    /// How many workers, or threads that serve, there are.
    pub threads: usize,
    /// How many connections there may be.
    pub connections: usize,
    /// What clients may take.
    pub limits: Limits,
    /// How long there is to finish what was begun.
    pub grace: Duration,
    /// What is answered.
    pub service: Arc<Service>,
}

impl Plan {
    /// Serves until there is a signal, and what was begun then is finished.
    pub fn run(&self, listener: TcpListener, signals: Signals) -> Result<Figures> {
        let mailbox = Mailbox::new().context("cannot make an eventfd")?;
        let gate = Gate::new(self.connections, mailbox.clone());
        let others = match self.shape {
            Shape::Sub => self.start_others(&mailbox)?,
            Shape::Single | Shape::Pool => Vec::new(),
        };
        let boxes: Vec<_> = others.iter().map(|other| other.mailbox.clone()).collect();
        let acceptor = Acceptor::new(listener, gate, boxes.clone());
        let mut main = self
            .reactor(mailbox.clone())?
            .lead(acceptor, signals, boxes)?;
        if self.shape == Shape::Pool {
            let contexts = (0..self.threads).map(|_| self.context()).collect();
            main = main.with_pool(Pool::start(contexts, &mailbox)?);
        }
        let mut figures = main.run()?;
        for other in others {
            let result = other.thread.join();
            figures += &result.map_err(|_| anyhow!("a thread has panicked"))??;
        }
        Ok(figures)
    }

    fn start_others(&self, main: &Arc<Mailbox>) -> Result<Vec<Other>> {
        let start = |index| {
            let mailbox = Mailbox::new().context("cannot make an eventfd")?;
            let reactor = self.reactor(mailbox.clone())?;
            let end = End(main.clone());
            let work = move || {
                let _end = end;
                reactor.run()
            };
            let thread = thread::Builder::new()
                .name(format!("sub-{index}"))
                .spawn(work)
                .context("cannot start a thread")?;
            Ok(Other { mailbox, thread })
        };
        (0..self.threads).map(start).collect()
    }

    fn reactor(&self, mailbox: Arc<Mailbox>) -> Result<Reactor> {
        let backend = Backend::open(self.backend)
            .with_context(|| format!("cannot make an instance of {}", self.backend))?;
        Reactor::new(backend, mailbox, self.context(), self.grace)
    }

    fn context(&self) -> Context {
        Context::new(&self.service, self.limits)
    }
}

/// A reactor with a thread of its own.
struct Other {
    mailbox: Arc<Mailbox>,
    thread: JoinHandle<Result<Figures>>,
}

/// Tells of a thread's end, however it comes.
struct End(Arc<Mailbox>);

impl Drop for End {
    fn drop(&mut self) {
        self.0.send(Message::Ended);
    }
}
