// SPDX-License-Identifier: GPL-2.0

//! The torture of eventpolls: messages travel through watched files, while the items, the files and
//! the waiters come, go and change. Every message has to arrive.

mod actor;
mod channel;
mod consumer;
mod ioctl;
mod ledger;
mod life;
mod report;
mod scenario;
mod tally;
mod victim;
mod worker;
mod world;

use anyhow::{Context, Result};
use backend::Kind;
use clap::{Parser, ValueEnum};
use life::Limits;
use scenario::Scenario;
use std::{
    hash::{BuildHasher, RandomState},
    num::NonZeroUsize,
    process::ExitCode,
    sync::{
        atomic::{AtomicU64, Ordering::SeqCst},
        Mutex,
    },
    thread,
    time::{Duration, Instant},
};
use tally::Tally;
use world::Origin;

/// The approximate number of threads of a world.
const THREADS_PER_WORLD: usize = 6;

/// Search for lost wake-ups: send messages through watched files while everything changes
#[derive(Parser)]
struct Options {
    /// How long to run, in seconds
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Seed that determines all operations, but not their timing [default: random]
    #[arg(long)]
    seed: Option<u64>,
    /// Approximate number of threads
    #[arg(long, default_value_t = NonZeroUsize::new(24).unwrap())]
    threads: NonZeroUsize,
    /// The poller to test
    #[arg(long, value_enum, default_value_t = Kind::Repoll)]
    backend: Kind,
    /// Run only these scenarios
    #[arg(long, value_enum)]
    scenario: Vec<Scenario>,
    /// Send over the wire between the guest's two network cards
    #[arg(long)]
    wire: bool,
    /// Fail if a message takes longer than this, in seconds
    #[arg(long, default_value_t = 20)]
    bound: u64,
}

/// The result of a scenario.
#[derive(Clone, Default)]
struct Outcome {
    worlds: u64,
    tally: Tally,
}

fn main() -> Result<ExitCode> {
    let options = Options::parse();
    // A seed that is easy to type.
    let seed = options
        .seed
        .unwrap_or_else(|| RandomState::new().hash_one(()) % 1_000_000_000);
    let start = Instant::now();
    let limits = Limits {
        end: start + Duration::from_secs(options.seconds),
        bound: Duration::from_secs(options.bound),
    };
    let all = Scenario::value_variants();
    let wanted = |scenario: &&Scenario| {
        (options.scenario.is_empty() || options.scenario.contains(scenario))
            && scenario.is_kept_by(options.backend)
    };
    let scenarios: Vec<_> = all.iter().filter(wanted).copied().collect();
    anyhow::ensure!(!scenarios.is_empty(), "no scenario is left to run");
    let slots = (options.threads.get() / THREADS_PER_WORLD).max(1);
    println!("KTAP version 1\n1..{}", all.len());
    println!(
        "# {:?}, {slots} worlds at a time, seed {seed}",
        options.backend
    );
    ignore_interruptions().context("cannot handle signals")?;

    let outcomes = Mutex::new(vec![Outcome::default(); all.len()]);
    let worlds = AtomicU64::new(0);
    thread::scope(|scope| {
        let slots = (0..slots).map(|_| {
            scope.spawn(|| loop {
                let number = worlds.fetch_add(1, SeqCst);
                // Each scenario runs at least once.
                if number >= scenarios.len() as u64 && Instant::now() >= limits.end {
                    return Ok(());
                }
                let scenario = scenarios[(number % scenarios.len() as u64) as usize];
                let origin = Origin {
                    scenario,
                    seed,
                    number,
                    wire: options.wire,
                };
                let tally = life::live(origin, options.backend, limits)?;
                let mut outcomes = outcomes.lock().expect("nobody panics with it");
                let outcome = &mut outcomes[scenario as usize];
                outcome.worlds += 1;
                outcome.tally += &tally;
            })
        });
        let slots: Vec<_> = slots.collect();
        let joined = slots
            .into_iter()
            .map(|slot| slot.join().expect("a panic ends the process"));
        joined.collect::<Result<()>>()
    })?;

    let mut total = Tally::default();
    let mut good = true;
    let outcomes = outcomes.into_inner().expect("nobody panicked");
    for (number, (scenario, Outcome { worlds, tally })) in all.iter().zip(&outcomes).enumerate() {
        total += tally;
        let name = scenario.name();
        let (verdict, why) = match (scenarios.contains(scenario), tally.messages) {
            (false, _) if scenario.is_kept_by(options.backend) => ("ok", " # SKIP not requested"),
            (false, _) => ("ok", " # SKIP epoll does not guarantee this"),
            (true, 0) => ("not ok", ": no message was sent"),
            (true, _) => ("ok", ""),
        };
        println!("# {name}: {worlds} worlds, {tally}");
        println!("{verdict} {} {name}{why}", number + 1);
        good &= verdict == "ok";
    }
    let seconds = start.elapsed().as_secs_f64();
    println!("# {total}");
    println!(
        "# {} messages in {seconds:.0} s, no message lost; seed {seed}",
        total.messages
    );
    Ok(if good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Makes the signal that interrupts waits do nothing else.
fn ignore_interruptions() -> std::io::Result<()> {
    extern "C" fn nothing(_signal: libc::c_int) {}
    // SAFETY: Zeros are a valid `sigaction`: no flags, in particular no restart of interrupted
    // calls, and an empty mask.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = nothing as extern "C" fn(libc::c_int) as usize;
    // SAFETY: The handler does nothing.
    if unsafe { libc::sigaction(libc::SIGUSR1, &action, std::ptr::null_mut()) } < 0 {
        return Err(std::io::Error::last_os_error());
    }
    Ok(())
}
