// SPDX-License-Identifier: GPL-2.0

//! Workers that drive connections for a reactor.

use crate::{
    connection::Connection,
    context::Context,
    figures::Figures,
    mailbox::{Mailbox, Message},
};
use anyhow::{anyhow, Context as _, Result};
use crossbeam_channel::{unbounded, Sender};
use std::{
    sync::Arc,
    thread::{self, JoinHandle},
    time::Instant,
};

/// A connection with something to do, and its slot.
type Job = (usize, Box<Connection>);

/// A pool of threads and their queue. The queue never has more jobs than there are
/// connections, because each connection is either in the pool or watched.
#[derive(Debug)]
pub struct Pool {
    jobs: Sender<Job>,
    workers: Vec<JoinHandle<Figures>>,
}

impl Pool {
    /// Starts a worker for each of `contexts`. The workers return connections through
    /// `mailbox`.
    pub fn start(contexts: Vec<Context>, mailbox: &Arc<Mailbox>) -> Result<Self> {
        let (jobs, inbox) = unbounded::<Job>();
        let mut workers = Vec::new();
        for (index, mut context) in contexts.into_iter().enumerate() {
            let (inbox, mailbox) = (inbox.clone(), mailbox.clone());
            let work = move || {
                for (key, mut connection) in inbox {
                    let next = connection.drive(&mut context, Instant::now());
                    mailbox.send(Message::Done(key, connection, next));
                }
                context.figures
            };
            let thread = thread::Builder::new().name(format!("worker-{index}"));
            workers.push(thread.spawn(work).context("cannot start a worker")?);
        }
        Ok(Self { jobs, workers })
    }

    /// Lets a worker drive a connection.
    pub fn submit(&self, key: usize, connection: Box<Connection>) -> Result<()> {
        self.jobs
            .send((key, connection))
            .map_err(|_| anyhow!("all workers have ended"))
    }

    /// Ends the workers after they have emptied the queue, and returns their figures.
    pub fn end(self) -> Result<Figures> {
        drop(self.jobs);
        let mut figures = Figures::default();
        for worker in self.workers {
            figures += &worker
                .join()
                .map_err(|_| anyhow!("a worker has panicked"))?;
        }
        Ok(figures)
    }
}
