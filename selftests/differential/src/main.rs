// SPDX-License-Identifier: GPL-2.0

//! Compares the kernel's epoll and repoll: it performs random operations on random files that both
//! watch, and expects the same answers from both.

mod act;
mod barrier;
mod environment;
mod file;
mod interest;
mod pairs;
mod poller;
mod program;
mod report;
mod sequence;
mod step;
mod tally;
mod witness;
mod worker;
mod world;

use anyhow::Result;
use clap::Parser;
use std::{num::NonZeroUsize, process::ExitCode};
use worker::Task;

/// Compare the kernel's epoll and repoll with random operations
#[derive(Parser)]
struct Options {
    /// Minimum number of steps
    #[arg(long, default_value_t = 100_000)]
    steps: u64,
    /// Seed of the first sequence; each next sequence has the next seed [default: random]
    #[arg(long)]
    seed: Option<u64>,
    /// Steps in a sequence; a sequence that takes more than a minute counts as hung
    #[arg(long, default_value_t = NonZeroUsize::new(400).unwrap())]
    length: NonZeroUsize,
    /// Processes to run at the same time, each bound to a processor [default: one per processor]
    #[arg(long)]
    workers: Option<NonZeroUsize>,
    /// Compare epoll with epoll, which must find nothing
    #[arg(long)]
    control: bool,
    /// Connect TCP and UDP sockets over the wire between the guest's two network cards
    #[arg(long)]
    wire: bool,
    /// Run as the worker with this number
    #[arg(long, hide = true)]
    worker: Option<usize>,
}

impl Options {
    fn task(&self, worker: usize, workers: usize, seed: u64) -> Task {
        Task {
            steps: self.steps.div_ceil(workers as u64),
            seed: seed.wrapping_add(worker as u64),
            stride: workers as u64,
            length: self.length.get(),
            worker,
            control: self.control,
            wire: self.wire,
        }
    }
}

fn main() -> Result<ExitCode> {
    let options = Options::parse();
    let workers = match options.workers {
        Some(workers) => workers,
        None => std::thread::available_parallelism()?,
    };
    let seed = options.seed.unwrap_or_else(rand_seed);
    if let Some(worker) = options.worker {
        let task = options.task(worker, workers.get(), seed);
        worker::run(task, report::tell)?;
        return Ok(ExitCode::SUCCESS);
    }
    report::run(workers.get(), seed, options.steps)
}

/// A seed that is easy to type.
fn rand_seed() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(()) % 1_000_000_000
}
