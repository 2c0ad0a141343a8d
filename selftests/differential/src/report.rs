// SPDX-License-Identifier: GPL-2.0

//! Starts the workers and reports their results as KTAP.

use crate::{
    tally::Tally,
    worker::{Found, News},
};
use anyhow::{Context, Result};
use std::{
    io::{self, BufRead, BufReader, Write},
    process::{Command, ExitCode, Stdio},
    sync::mpsc::{self, RecvTimeoutError, Sender},
    thread,
    time::{Duration, Instant},
};

/// How often to report progress.
const INTERVAL: Duration = Duration::from_secs(10);

/// How long a worker may be silent. It reports each sequence, which takes some milliseconds.
const LIMIT: Duration = Duration::from_secs(60);

/// What this process knows about a worker.
#[derive(Clone)]
struct Worker {
    /// The seed of its current sequence.
    seed: Option<u64>,
    heard: Instant,
    /// Whether it succeeded, once it has ended.
    ended: Option<bool>,
}

impl Worker {
    fn new(now: Instant) -> Self {
        Self {
            seed: None,
            heard: now,
            ended: None,
        }
    }

    fn hangs(&self, now: Instant) -> bool {
        self.ended.is_none() && now.duration_since(self.heard) >= LIMIT
    }
}

/// What this process receives from a worker.
enum Word {
    News(News),
    /// It has ended: did it succeed?
    Ended(bool),
}

/// Sends news to the parent.
pub(crate) fn tell(news: News) -> Result<()> {
    let mut out = io::stdout().lock();
    serde_json::to_writer(&mut out, &news)?;
    writeln!(out)?;
    Ok(())
}

/// Runs all workers to their end.
pub(crate) fn run(workers: usize, seed: u64, steps: u64) -> Result<ExitCode> {
    let start = Instant::now();
    println!("KTAP version 1\n1..1\n# {steps} steps, {workers} workers, seed {seed}");
    let (sender, words) = mpsc::channel();
    for worker in 0..workers {
        start_worker(worker, workers, seed, sender.clone())?;
    }
    drop(sender);
    let mut workers = vec![Worker::new(Instant::now()); workers];

    let mut total = Tally::default();
    let mut found = Vec::new();
    let mut said = start;
    loop {
        match words.recv_timeout(INTERVAL) {
            Ok((worker, word)) => {
                let worker = &mut workers[worker];
                worker.heard = Instant::now();
                match word {
                    Word::News(News::Begun(seed)) => worker.seed = Some(seed),
                    Word::News(News::Done(tally)) => total.add(&tally),
                    Word::News(News::Found(disagreement)) => found.push(disagreement),
                    Word::Ended(well) => worker.ended = Some(well),
                }
            }
            Err(RecvTimeoutError::Timeout) => (),
            Err(RecvTimeoutError::Disconnected) => break,
        }
        // When this process ends, the kernel ends the workers, as far as it can.
        let now = Instant::now();
        if workers.iter().any(|worker| worker.hangs(now)) {
            break;
        }
        if said.elapsed() >= INTERVAL {
            said = Instant::now();
            println!("# {}", summary(&total, start));
        }
    }
    let whole = workers.iter().all(|worker| worker.ended == Some(true));

    for line in total.table().lines() {
        println!("# {line}");
    }
    println!("# {}", summary(&total, start));
    found.iter().for_each(show);
    let judged = total.disturbances() * 2 <= total.sequences;
    let good = found.is_empty() && whole && judged;
    for worker in &workers {
        let at = match worker.seed {
            Some(seed) => format!("in the sequence of seed {seed}"),
            None => "before its first sequence".to_owned(),
        };
        match worker.ended {
            Some(true) => (),
            Some(false) => println!("# a worker failed, {at}"),
            None if worker.hangs(Instant::now()) => {
                println!("# a worker has hung for {} s, {at}", LIMIT.as_secs());
            }
            None => println!("# a worker was abandoned, {at}"),
        }
    }
    if !judged {
        println!("# most sequences were disturbed, so there is no verdict");
    }
    let verdict = if good { "ok" } else { "not ok" };
    println!("{verdict} 1 epoll and repoll agree, seed {seed}");
    Ok(if good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn start_worker(
    worker: usize,
    workers: usize,
    seed: u64,
    sender: Sender<(usize, Word)>,
) -> Result<()> {
    let mut child = Command::new(std::env::current_exe()?)
        .args(std::env::args_os().skip(1))
        .arg(format!("--worker={worker}"))
        .args((!given("--workers")).then(|| format!("--workers={workers}")))
        .args((!given("--seed")).then(|| format!("--seed={seed}")))
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start a worker")?;
    let output = BufReader::new(child.stdout.take().context("no output")?);
    thread::spawn(move || {
        for line in output.lines().map_while(Result::ok) {
            if let Ok(news) = serde_json::from_str(&line) {
                // If a worker hangs, nobody receives news of the others any more.
                let _ = sender.send((worker, Word::News(news)));
            }
        }
        let well = child.wait().is_ok_and(|status| status.success());
        let _ = sender.send((worker, Word::Ended(well)));
    });
    Ok(())
}

/// Whether this process has an option, which its workers then also have.
fn given(option: &str) -> bool {
    std::env::args().any(|word| word.split('=').next() == Some(option))
}

fn summary(total: &Tally, start: Instant) -> String {
    let seconds = start.elapsed().as_secs_f64();
    format!(
        "{} steps in {} sequences, {} comparisons, {} disturbed, {} events, {:.0} s, {:.0} steps/s",
        total.steps,
        total.sequences,
        total.comparisons,
        total.disturbances(),
        total.events,
        seconds,
        total.steps as f64 / seconds
    )
}

fn show(found: &Found) {
    println!(
        "# seed {}: the answers differ; shrunk to {} steps:",
        found.seed, found.steps
    );
    for line in found.program.lines() {
        println!("# {line}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_hangs_that_says_nothing_and_does_not_end() {
        let start = Instant::now();
        let mut worker = Worker::new(start);
        assert!(!worker.hangs(start + LIMIT / 2));
        assert!(worker.hangs(start + LIMIT));
        worker.heard = start + LIMIT / 2;
        assert!(!worker.hangs(start + LIMIT));
        worker.ended = Some(false);
        assert!(!worker.hangs(start + 2 * LIMIT));
    }
}
