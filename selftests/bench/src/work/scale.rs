// SPDX-License-Identifier: GPL-2.0

//! How costs grow with the number of watched files.

use crate::{
    backend::{Epoll, Patience, Poller},
    clock::{settle, Stopwatch},
    measure::{figure, Bench},
};
use anyhow::{ensure, Context, Result};
use repoll::{Events, Mode};
use rustix::{
    event::{eventfd, EventfdFlags},
    io::{read, write},
    process::{setrlimit, Resource, Rlimit},
};
use std::{
    fs,
    os::fd::{AsFd, OwnedFd},
};

/// A cost is the median of this many samples, each of many operations.
const SAMPLES: usize = 15;
const TIMES: usize = 6_000;

/// How wide the middle half of the samples may be: epoll frees by RCU, whose
/// batches make its costs vary by some 3 %, more slowly than samples are taken.
const WIDEST: f64 = 0.05;

const NAMES: [(&str, &str); 4] = [
    ("add", "add"),
    ("modify", "modify"),
    ("delete", "delete"),
    ("wait", "wait for one event"),
];

/// Makes the kernel allow this many descriptors and watches, and some more.
pub fn raise_limits(descriptors: u64) -> Result<()> {
    let limit = 2 * descriptors + 4096;
    for file in [
        "fs/nr_open",
        "fs/file-max",
        "fs/epoll/max_user_watches",
        "fs/repoll/max_user_watches",
    ] {
        let path = format!("/proc/sys/{file}");
        let now: u64 = fs::read_to_string(&path)
            .with_context(|| format!("cannot read {path}"))?
            .trim()
            .parse()?;
        if now < limit {
            fs::write(&path, limit.to_string()).with_context(|| format!("cannot write {path}"))?;
        }
    }
    let files = Rlimit {
        current: Some(limit),
        maximum: Some(limit),
    };
    setrlimit(Resource::Nofile, files).context("cannot raise the limit on descriptors")
}

/// Measures all sizes.
pub fn run(bench: &mut Bench, sizes: &[u64]) {
    let mut files = Vec::new();
    for &size in sizes {
        bench.record(&format!("scale-{size}"), |bench| {
            raise_limits(size)?;
            while files.len() < size as usize {
                files.push(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?);
            }
            let files = &files[..size as usize];
            let epoll = sample::<Epoll>(files)?;
            let repoll = sample::<repoll::Poller>(files)?;
            for ((name, title), (epoll, repoll)) in NAMES.iter().zip(epoll.into_iter().zip(repoll))
            {
                let key = format!("scale-{name}-{size}");
                let title = format!("{title}, among {size}");
                let mut figure = figure(&key, &title, "instructions", epoll, repoll);
                figure.watched = Some(size);
                bench.judge_by(figure, WIDEST);
            }
            Ok(())
        });
    }
}

/// Half of the files, or as many as necessary, from the whole set: never all,
/// because an instance that watches nothing behaves differently. If there are
/// enough, each sample takes other files, because files that were deleted and
/// added again have another place in the tree.
fn some(files: &[OwnedFd], sample: usize) -> Vec<&OwnedFd> {
    let count = TIMES.min(files.len().div_ceil(2));
    let step = files.len() as f64 / count as f64;
    let first = step * sample as f64 / (SAMPLES + 1) as f64;
    (0..count)
        .map(|at| &files[(first + at as f64 * step) as usize])
        .collect()
}

/// The costs of adding, modifying, deleting and waiting, with all files
/// watched.
fn sample<P: Poller>(files: &[OwnedFd]) -> Result<[Vec<f64>; 4]> {
    let poller = P::open()?;
    for (data, fd) in files.iter().enumerate() {
        poller.add(fd.as_fd(), Mode::LEVEL, data as u64)?;
    }
    settle();
    let mut costs = [const { Vec::new() }; 4];
    let mut events = Events::with_capacity(2);
    for sample in 0..=SAMPLES {
        let chosen = some(files, sample);
        let [mut add, mut modify, mut delete, mut wait] = [const { Stopwatch::new() }; 4];
        for _ in 0..TIMES.div_ceil(chosen.len()) {
            modify.laps(&chosen, |fd| poller.modify(fd.as_fd(), Mode::LEVEL, 1))?;
            delete.laps(&chosen, |fd| poller.delete(fd.as_fd()))?;
            add.laps(&chosen, |fd| poller.add(fd.as_fd(), Mode::LEVEL, 1))?;
            for fd in &chosen {
                write(fd, &1u64.to_ne_bytes())?;
                wait.lap(|| poller.wait(&mut events, Patience::None))?;
                ensure!(events.len() == 1, "{} events, not one", events.len());
                read(fd, &mut [0; 8])?;
                poller.wait(&mut events, Patience::None)?;
                ensure!(events.is_empty(), "an event that has passed");
            }
        }
        // The first sample is the warm-up.
        if sample > 0 {
            for (costs, watch) in costs.iter_mut().zip([add, modify, delete, wait]) {
                costs.push(watch.mean());
            }
        }
    }
    Ok(costs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sample_is_within_the_set() {
        let file = std::fs::File::open("/dev/null").unwrap();
        for count in [1, 2, 10, 100] {
            let files: Vec<OwnedFd> = (0..count)
                .map(|_| file.try_clone().unwrap().into())
                .collect();
            for sample in 0..=SAMPLES {
                assert_eq!(some(&files, sample).len(), files.len().div_ceil(2));
            }
        }
    }
}
