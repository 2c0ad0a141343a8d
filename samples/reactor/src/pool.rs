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

/// A connection that something has happened to, and its slot.
type Job = (usize, Box<Connection>);

/// Some threads, and what there is for them to do: no more than there are connections,
/// each of which is either here or watched.
#[derive(Debug)]
pub struct Pool {
    jobs: Sender<Job>,
    workers: Vec<JoinHandle<Figures>>,
}

impl Pool {
    /// Starts a worker for each of `contexts`. They leave what they have done in
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

    /// Has a worker drive a connection.
    pub fn submit(&self, key: usize, connection: Box<Connection>) -> Result<()> {
        self.jobs
            .send((key, connection))
            .map_err(|_| anyhow!("all workers are gone"))
    }

    /// Ends the workers, when they have done what there is to do, and tells what they
    /// did.
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
