// SPDX-License-Identifier: GPL-2.0

//! A process that runs sequences, one for each of its seeds, until it has done enough steps.

use crate::{
    environment::Environment,
    pairs::Engines,
    poller::Engine,
    program::Program,
    sequence::{self, Sequence, Setting, Steps},
    step::Step,
    tally::Tally,
};
use anyhow::{Context, Result};
use proptest::{
    strategy::Strategy,
    test_runner::{Config, RngAlgorithm, TestError, TestRng, TestRunner},
};
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest};
use rustix::{
    process::{set_parent_process_death_signal, Signal},
    thread::{
        capabilities, sched_getaffinity, sched_setaffinity, set_capabilities, CapabilitySet, CpuSet,
    },
};
use serde::{Deserialize, Serialize};
use std::{
    fs::OpenOptions,
    panic,
    time::{Duration, Instant},
};

/// The task of a worker.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Task {
    pub(crate) steps: u64,
    /// The first seed, and the distance to the next.
    pub(crate) seed: u64,
    pub(crate) stride: u64,
    /// Steps in a sequence.
    pub(crate) length: usize,
    /// The number of this worker.
    pub(crate) worker: usize,
    /// Whether both of each pair are epolls.
    pub(crate) control: bool,
    /// Whether sockets are connected over the wire.
    pub(crate) wire: bool,
}

/// What a worker reports.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum News {
    /// A sequence with this seed starts, perhaps again, to shrink it.
    Begun(u64),
    /// What has been done since the last report.
    Done(Tally),
    /// A disagreement; then the worker ends.
    Found(Found),
}

/// A disagreement, shrunk.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Found {
    pub(crate) seed: u64,
    pub(crate) disagreement: String,
    pub(crate) steps: usize,
    pub(crate) program: String,
}

/// How often a worker reports.
const INTERVAL: Duration = Duration::from_secs(1);

/// Runs sequences.
pub(crate) fn run(task: Task, tell: impl Fn(News) -> Result<()>) -> Result<()> {
    prepare(task)?;
    let environment = use_engines(engines(task.control)?, task.wire)?;
    let result = run_all(task, tell);
    environment.remove();
    result
}

fn run_all(task: Task, tell: impl Fn(News) -> Result<()>) -> Result<()> {
    let mut steps = 0;
    let mut seed = task.seed;
    let mut told = Instant::now();
    let mut untold = Tally::default();
    while steps < task.steps {
        if let Some(found) = run_one(seed, task.length, &tell) {
            tell(News::Done(untold))?;
            return tell(News::Found(found));
        }
        seed = seed.wrapping_add(task.stride);
        let tally = sequence::take_tally();
        steps += tally.steps;
        untold.add(&tally);
        if told.elapsed() >= INTERVAL {
            tell(News::Done(std::mem::take(&mut untold)))?;
            told = Instant::now();
        }
    }
    tell(News::Done(untold))
}

/// The n-th processor in a set; after the last comes the first again.
fn nth_cpu(cpus: &CpuSet, n: usize) -> Option<usize> {
    let mut set = (0..CpuSet::MAX_CPU).filter(|&cpu| cpus.is_set(cpu));
    set.nth(n.checked_rem(cpus.count() as usize)?)
}

fn prepare(task: Task) -> Result<()> {
    // A worker does not outlive its parent, whatever ends that.
    set_parent_process_death_signal(Some(Signal::KILL))?;
    let mut cpus = CpuSet::new();
    cpus.set(nth_cpu(&sched_getaffinity(None)?, task.worker).context("there is no processor")?);
    sched_setaffinity(None, &cpus).context("cannot bind the process to a processor")?;
    // With this capability, EPOLLWAKEUP creates a wake-up source, and removing that waits for a
    // grace period; without it both ignore the bit.
    let mut mine = capabilities(None)?;
    mine.effective.remove(CapabilitySet::BLOCK_SUSPEND);
    set_capabilities(None, mine).context("cannot drop a capability")?;
    // While a sequence is shrunk, each disagreement is a panic.
    panic::set_hook(Box::new(|_| ()));
    Ok(())
}

/// Makes the sequences of this thread compare two kinds of eventpolls.
fn use_engines(engines: Engines, wire: bool) -> Result<&'static Environment> {
    let environment: &'static Environment = Box::leak(Box::new(Environment::new(wire)?));
    sequence::set(Box::leak(Box::new(Setting {
        engines,
        environment,
    })));
    Ok(environment)
}

fn engines(control: bool) -> Result<Engines> {
    if control {
        return Ok([Engine::Native, Engine::Native]);
    }
    let node = OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/repoll")
        .context("/dev/repoll")?;
    Ok([Engine::Native, Engine::Repoll(node.into())])
}

/// Runs the sequence with this seed. Returns a disagreement, if there is one.
fn run_one(seed: u64, length: usize, tell: impl Fn(News) -> Result<()>) -> Option<Found> {
    let config = Config {
        failure_persistence: None,
        max_shrink_iters: u32::MAX,
        ..Config::default()
    };
    let mut runner = runner(seed, config.clone());
    let tree = Steps::sequential_strategy(length)
        .new_tree(&mut runner)
        .ok()?;
    // If nobody receives it, the report after the sequence fails.
    let begin = || drop(tell(News::Begun(seed)));
    let outcome = runner.run_one(tree, |(state, steps, seen)| {
        begin();
        Sequence::test_sequential(config.clone(), state, steps, seen);
        Ok(())
    });
    match outcome {
        Err(TestError::Fail(reason, (_, steps, _))) => {
            let steps = without_idle_steps(steps, begin);
            Some(describe(seed, reason.message(), &steps))
        }
        _ => None,
    }
}

fn runner(seed: u64, config: Config) -> TestRunner {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes))
}

/// How often a shorter sequence is tried: a busy machine may disturb it.
const ATTEMPTS: usize = 3;

/// A sequence that still disagrees, without unnecessary steps. Proptest tries to delete each step,
/// then to simplify the rest, which makes some steps idle. Calls `begin` before each attempt.
fn without_idle_steps(mut steps: Vec<Step>, begin: impl Fn()) -> Vec<Step> {
    let disagrees = |steps: &[Step]| {
        (0..ATTEMPTS).any(|_| {
            begin();
            let mut sequence = Sequence::new(Program::none());
            steps.iter().any(|&step| sequence.step(step).is_err())
        })
    };
    let mut index = 0;
    while index < steps.len() {
        let step = steps.remove(index);
        if disagrees(&steps) {
            index = 0;
        } else {
            steps.insert(index, step);
            index += 1;
        }
    }
    steps
}

/// Runs the shrunk sequence again, to write it down.
fn describe(seed: u64, reason: &str, steps: &[Step]) -> Found {
    let mut sequence = Sequence::new(Program::new());
    let last = steps.iter().try_for_each(|&step| sequence.step(step));
    let disagreement = match last {
        Err(disagreement) => disagreement.to_string(),
        Ok(()) => format!("{reason} (but not when it was run once more)"),
    };
    Found {
        seed,
        program: sequence.program().text(&disagreement),
        disagreement,
        steps: steps.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interest;
    use proptest::strategy::ValueTree;
    use std::{
        io::Write,
        process::{Command, Stdio},
        sync::Mutex,
    };

    const LENGTH: usize = 200;

    /// Engines share the signals of the process, so a test that uses them must be the only one.
    static SIGNALS: Mutex<()> = Mutex::new(());

    fn first(seeds: std::ops::Range<u64>) -> Option<Found> {
        seeds
            .into_iter()
            .find_map(|seed| run_one(seed, LENGTH, |_| Ok(())))
    }

    fn compiles(program: &str) -> bool {
        let here = env!("CARGO_MANIFEST_DIR");
        let mut compiler = Command::new("cc")
            .args(["-fsyntax-only", "-Wall", "-Wextra", "-Werror"])
            .args(["-x", "c", "-"])
            .args(["", "/../lib", "/../../src/uapi"].map(|folder| format!("-I{here}{folder}")))
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = compiler.stdin.take().unwrap();
        input.write_all(program.as_bytes()).unwrap();
        drop(input);
        compiler.wait().unwrap().success()
    }

    #[test]
    fn workers_take_turns_on_the_processors_there_are() {
        let mut cpus = CpuSet::new();
        cpus.set(4);
        cpus.set(7);
        let taken = [0, 1, 2].map(|worker| nth_cpu(&cpus, worker));
        assert_eq!(taken, [Some(4), Some(7), Some(4)]);
    }

    #[test]
    fn a_fault_is_found_and_shrunk_to_what_it_takes() {
        let _signals = SIGNALS.lock();
        let environment = use_engines([Engine::Native, Engine::Faulty], false).unwrap();
        let found = first(0..20).unwrap();
        // Create a file, add it, wait twice; or the second and third in one step.
        assert!(matches!(found.steps, 3 | 4), "{found:?}");
        let oneshot = interest::in_c(libc::EPOLLONESHOT as u32);
        assert!(found.program.contains(&oneshot), "{found:?}");
        assert!(compiles(&found.program), "{found:?}");
        assert!(is_found_again(found.seed), "{found:?}");
        environment.remove();
    }

    /// Whether the sequence with this seed finds a fault, once nothing disturbs it.
    fn is_found_again(seed: u64) -> bool {
        loop {
            sequence::take_tally();
            let found = first(seed..seed + 1).is_some();
            if found || sequence::take_tally().disturbances() == 0 {
                return found;
            }
        }
    }

    #[test]
    fn whatever_a_sequence_does_makes_a_program() {
        let _signals = SIGNALS.lock();
        let environment = use_engines([Engine::Native, Engine::Native], false).unwrap();
        for seed in 0..8 {
            let mut runner = runner(seed, Config::default());
            let tree = Steps::sequential_strategy(LENGTH).new_tree(&mut runner);
            let found = describe(seed, "nothing", &tree.unwrap().current().1);
            assert!(compiles(&found.program), "{found:?}");
        }
        environment.remove();
    }
}
