// SPDX-License-Identifier: GPL-2.0

//! How many events several threads receive through one instance.

use crate::{
    backend::{Patience, Poller},
    measure::Work,
};
use anyhow::{anyhow, Result};
use repoll::{Events, Mode};
use rustix::{
    event::{eventfd, EventfdFlags},
    io::{read, write, Errno},
};
use std::{
    os::fd::{AsFd, OwnedFd},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::Instant,
};

/// The number of writes of each producer.
const EVENTS: usize = 5_000;

/// The data of the file that ends the consumers.
const STOP: u64 = u64::MAX;

/// Producers each raise a semaphore, and consumers lower the semaphores. The
/// cost is the time for each unit.
pub struct Throughput {
    semaphores: Vec<OwnedFd>,
    stop: OwnedFd,
    consumers: usize,
}

impl Throughput {
    pub fn new(producers: usize, consumers: usize) -> Result<Self> {
        let flags = EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK;
        let semaphore = |_| eventfd(0, flags | EventfdFlags::SEMAPHORE);
        Ok(Self {
            semaphores: (0..producers).map(semaphore).collect::<Result<_, _>>()?,
            stop: eventfd(0, flags)?,
            consumers,
        })
    }

    fn produce(&self, semaphore: &OwnedFd) -> Result<()> {
        for _ in 0..EVENTS {
            write(semaphore, &1u64.to_ne_bytes())?;
        }
        Ok(())
    }

    fn consume<P: Poller>(&self, poller: &P, left: &AtomicUsize) -> Result<()> {
        let mut events = Events::with_capacity(self.semaphores.len() + 1);
        loop {
            poller.wait(&mut events, Patience::Endless)?;
            for event in &events {
                let data = event.data();
                if data == STOP {
                    return Ok(());
                }
                match read(&self.semaphores[data as usize], &mut [0; 8]) {
                    Ok(_) if left.fetch_sub(1, Ordering::Relaxed) == 1 => {
                        write(&self.stop, &1u64.to_ne_bytes())?;
                    }
                    // Another consumer was faster.
                    Ok(_) | Err(Errno::AGAIN) => (),
                    Err(error) => return Err(error.into()),
                }
            }
        }
    }
}

impl Work for Throughput {
    fn sample<P: Poller>(&mut self) -> Result<f64> {
        let poller = P::open()?;
        for (data, semaphore) in self.semaphores.iter().enumerate() {
            poller.add(semaphore.as_fd(), Mode::LEVEL, data as u64)?;
        }
        poller.add(self.stop.as_fd(), Mode::LEVEL, STOP)?;
        let all = EVENTS * self.semaphores.len();
        let left = AtomicUsize::new(all);
        let start = Instant::now();
        thread::scope(|scope| {
            let consumers =
                (0..self.consumers).map(|_| scope.spawn(|| self.consume(&poller, &left)));
            let producers = self
                .semaphores
                .iter()
                .map(|one| scope.spawn(|| self.produce(one)));
            let threads: Vec<_> = consumers.chain(producers).collect();
            for thread in threads {
                thread.join().map_err(|_| anyhow!("a thread panicked"))??;
            }
            anyhow::Ok(())
        })?;
        let took = start.elapsed();
        read(&self.stop, &mut [0; 8])?;
        Ok(took.as_nanos() as f64 / all as f64)
    }
}
