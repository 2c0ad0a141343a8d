// SPDX-License-Identifier: GPL-2.0

//! Starts the workers and tells what they found, as KTAP.

use crate::{
    tally::Tally,
    worker::{
        Found,
        News, //
    },
};
use anyhow::{
    Context,
    Result, //
};
use std::{
    io::{
        self,
        BufRead,
        BufReader,
        Write, //
    },
    process::{
        Child,
        Command,
        ExitCode,
        Stdio, //
    },
    sync::mpsc::{
        self,
        Sender, //
    },
    thread,
    time::{
        Duration,
        Instant, //
    },
};

/// How often to say how far it is.
const INTERVAL: Duration = Duration::from_secs(10);

/// Tells the parent.
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
    let (sender, news) = mpsc::channel();
    let threads: Vec<_> = (0..workers)
        .map(|worker| start_worker(worker, workers, seed, sender.clone()))
        .collect::<Result<_>>()?;
    drop(sender);

    let mut total = Tally::default();
    let mut found = Vec::new();
    let mut said = start;
    for news in news {
        match news {
            News::Done(tally) => total.add(&tally),
            News::Found(disagreement) => found.push(disagreement),
        }
        if said.elapsed() >= INTERVAL {
            said = Instant::now();
            println!("# {}", summary(&total, start));
        }
    }
    let whole = threads
        .into_iter()
        .all(|mut worker| worker.wait().is_ok_and(|status| status.success()));

    for line in total.table().lines() {
        println!("# {line}");
    }
    println!("# {}", summary(&total, start));
    found.iter().for_each(show);
    let judged = total.disturbances() * 2 <= total.sequences;
    let good = found.is_empty() && whole && judged;
    if !whole {
        println!("# a worker did not end as it should");
    }
    if !judged {
        println!("# most sequences were disturbed: no verdict");
    }
    let verdict = if good { "ok" } else { "not ok" };
    println!("{verdict} 1 epoll and repoll agree, seed {seed}");
    Ok(if good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn start_worker(worker: usize, workers: usize, seed: u64, sender: Sender<News>) -> Result<Child> {
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
                // The receiver takes all there is.
                let _ = sender.send(news);
            }
        }
    });
    Ok(child)
}

/// Whether an option was given to this process, and so to its workers, too.
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
        "# seed {} disagrees; {} steps are left of it:\n{}",
        found.seed, found.steps, found.program
    );
}
