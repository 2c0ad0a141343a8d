// SPDX-License-Identifier: GPL-2.0

//! The shapes of the server, which consist of reactors.

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

/// The shape of the server.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Shape {
    /// One thread does everything
    Single,
    /// One thread waits, and workers drive the connections
    Pool,
    /// One thread accepts, and each of the others serves its own connections
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

/// The parameters of a server.
#[derive(Debug)]
pub struct Plan {
    /// The shape of the server.
    pub shape: Shape,
    /// What they wait with.
    pub backend: Kind,
    /// The number of workers, or of threads that serve.
    pub threads: usize,
    /// The maximum number of connections.
    pub connections: usize,
    /// The limits for clients.
    pub limits: Limits,
    /// How long the server may take to finish after a signal.
    pub grace: Duration,
    /// Produces the responses.
    pub service: Arc<Service>,
}

impl Plan {
    /// Serves until a signal comes and the requests that have begun are
    /// finished.
    pub fn run(&self, listener: TcpListener, signals: Signals) -> Result<Figures> {
        let mailbox = Mailbox::new().context("cannot create an eventfd")?;
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
            let mailbox = Mailbox::new().context("cannot create an eventfd")?;
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
            .with_context(|| format!("cannot create an instance of {}", self.backend))?;
        Reactor::new(backend, mailbox, self.context(), self.grace)
    }

    fn context(&self) -> Context {
        Context::new(&self.service, self.limits)
    }
}

/// A reactor in its own thread.
struct Other {
    mailbox: Arc<Mailbox>,
    thread: JoinHandle<Result<Figures>>,
}

/// Reports the end of a thread, whatever the reason.
struct End(Arc<Mailbox>);

impl Drop for End {
    fn drop(&mut self) {
        self.0.send(Message::Ended);
    }
}
