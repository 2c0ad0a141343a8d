// SPDX-License-Identifier: GPL-2.0

//! One run: workers and clients, from the first socket to the last.

use crate::{
    exchange::ask,
    load::Load,
    policy::Policy,
    sleepers::Sleepers,
    sockets::Sockets,
    worker::{work, Counts},
};
use anyhow::{bail, Context, Result};
use backend::Kind;
use std::{
    fmt,
    net::SocketAddr,
    sync::{
        atomic::{AtomicU64, Ordering::Relaxed},
        mpsc::{channel, Receiver, RecvTimeoutError, Sender},
        Arc,
    },
    thread,
    time::{Duration, Instant},
};

/// The parameters of a run.
#[derive(Clone, Copy)]
pub struct Plan {
    /// How the clients connect.
    pub load: Load,
    /// How the workers share the socket.
    pub policy: Policy,
    /// What the workers wait with.
    pub backend: Kind,
    /// The number of workers.
    pub workers: usize,
    /// The number of clients, if the load is heavy.
    pub clients: usize,
    /// How many connections all clients make together.
    pub connections: u64,
    /// The time limit for the run.
    pub limit: Duration,
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} load, {}, {}", self.load, self.policy, self.backend)
    }
}

/// The result of a run.
pub struct Outcome {
    /// The counts of each worker.
    pub workers: Vec<Counts>,
    /// The time from connect to reply, summed over all connections.
    pub response: Duration,
    /// From the first connection to the last.
    pub duration: Duration,
}

/// What threads report.
enum News {
    /// A worker has started; its ID.
    Began(i32),
    /// A client has made its last connection; how long it waited for replies.
    Asked(Result<Duration>),
    /// A worker has ended.
    Ended(usize, Result<Counts>),
}

/// Carries out `plan`. After an error, threads may remain that wait for ever.
pub fn run(plan: &Plan) -> Result<Outcome> {
    let asked = Arc::new(AtomicU64::new(0));
    drive(plan, &asked).with_context(|| {
        let begun = asked.load(Relaxed).min(plan.connections);
        format!("{plan}, connection {begun} of {}", plan.connections)
    })
}

fn drive(plan: &Plan, asked: &Arc<AtomicU64>) -> Result<Outcome> {
    let deadline = Instant::now() + plan.limit;
    let (sender, receiver) = channel();
    let news = Inbox { receiver, deadline };
    let sockets = Sockets::new(plan.policy, plan.backend, plan.workers)?;

    for (index, place) in sockets.places.iter().cloned().enumerate() {
        let sender = sender.clone();
        spawn(move || {
            tell(&sender, News::Began(thread_number()));
            tell(&sender, News::Ended(index, work(&place)));
        })?;
    }
    let mut threads = Vec::new();
    while threads.len() < plan.workers {
        match news.next()? {
            News::Began(number) => threads.push(number),
            other => other.fail()?,
        }
    }
    let sleepers = Arc::new(Sleepers::new(&threads, deadline)?);
    sleepers.wait()?;

    let begin = Instant::now();
    let clients = match plan.load {
        Load::Light => 1,
        Load::Heavy => plan.clients,
    };
    for _ in 0..clients {
        let client = Client {
            address: sockets.address,
            asked: asked.clone(),
            connections: plan.connections,
            patience: (plan.load == Load::Light).then(|| sleepers.clone()),
        };
        let sender = sender.clone();
        spawn(move || tell(&sender, News::Asked(client.run())))?;
    }
    let mut response = Duration::ZERO;
    for _ in 0..clients {
        match news.next()? {
            News::Asked(waited) => response += waited?,
            other => other.fail()?,
        }
    }
    let duration = begin.elapsed();

    sockets.stop()?;
    let mut workers = vec![Counts::default(); plan.workers];
    for _ in 0..plan.workers {
        match news.next()? {
            News::Ended(index, counts) => workers[index] = counts?,
            other => other.fail()?,
        }
    }
    Ok(Outcome {
        workers,
        response,
        duration,
    })
}

/// A client.
struct Client {
    address: SocketAddr,
    /// How many connections all clients have begun, or tried to begin.
    asked: Arc<AtomicU64>,
    connections: u64,
    /// The workers that have to sleep before each connection.
    patience: Option<Arc<Sleepers>>,
}

impl Client {
    fn run(&self) -> Result<Duration> {
        let mut waited = Duration::ZERO;
        loop {
            let number = self.asked.fetch_add(1, Relaxed);
            if number >= self.connections {
                return Ok(waited);
            }
            if let Some(sleepers) = &self.patience {
                sleepers.wait()?;
            }
            let begin = Instant::now();
            ask(self.address, number)?;
            waited += begin.elapsed();
        }
    }
}

/// Where the news arrive.
struct Inbox {
    receiver: Receiver<News>,
    deadline: Instant,
}

impl Inbox {
    fn next(&self) -> Result<News> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        match self.receiver.recv_timeout(left) {
            Ok(news) => Ok(news),
            Err(RecvTimeoutError::Timeout) => bail!("the time limit is reached"),
            Err(RecvTimeoutError::Disconnected) => bail!("a thread has panicked"),
        }
    }
}

impl News {
    /// News that are not expected yet can only be a failure.
    fn fail(self) -> Result<()> {
        match self {
            Self::Asked(Err(error)) => Err(error.context("a client")),
            Self::Ended(index, Err(error)) => Err(error.context(format!("worker {index}"))),
            _ => bail!("a thread ended too early"),
        }
    }
}

fn tell(sender: &Sender<News>, news: News) {
    // After a failure, nobody receives any more.
    let _ = sender.send(news);
}

fn spawn(what: impl FnOnce() + Send + 'static) -> Result<()> {
    thread::Builder::new()
        .stack_size(128 * 1024)
        .spawn(what)
        .context("cannot start a thread")?;
    Ok(())
}

fn thread_number() -> i32 {
    rustix::thread::gettid().as_raw_nonzero().get()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(load: Load, policy: Policy) -> Plan {
        Plan {
            load,
            policy,
            backend: Kind::Epoll,
            workers: 3,
            clients: 4,
            connections: 40,
            limit: Duration::from_secs(60),
        }
    }

    #[test]
    fn each_connection_is_somebodys() {
        for load in [Load::Light, Load::Heavy] {
            for policy in [
                Policy::Shared,
                Policy::Each,
                Policy::Exclusive,
                Policy::Reuseport,
            ] {
                let plan = plan(load, policy);
                let outcome = run(&plan).unwrap();
                let sum = |of: fn(&Counts) -> u64| outcome.workers.iter().map(of).sum::<u64>();
                assert_eq!(sum(|counts| counts.connections), 40, "{plan}");
                let wakeups = sum(|counts| counts.wakeups);
                assert!(wakeups >= 40 + sum(|counts| counts.useless), "{plan}");
            }
        }
    }

    /// Of workers that sleep, epoll wakes the one whose instance was added
    /// first.
    #[test]
    fn a_light_load_is_all_one_workers() {
        let outcome = run(&plan(Load::Light, Policy::Exclusive)).unwrap();
        assert_eq!(outcome.workers[0].connections, 40);
    }

    #[test]
    fn a_run_has_a_time_limit() {
        let mut plan = plan(Load::Light, Policy::Each);
        plan.limit = Duration::ZERO;
        let error = format!("{:#}", run(&plan).err().unwrap());
        assert!(error.contains("light load, each, epoll"), "{error}");
    }
}
