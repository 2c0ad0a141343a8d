// SPDX-License-Identifier: GPL-2.0

//! The life of a world: its rounds and its end.

use crate::{
    actor,
    channel::{self, become_of},
    consumer,
    tally::Tally,
    world::{Origin, World, OVER},
};
use anyhow::{Context, Result};
use backend::Kind;
use rand::{rngs::SmallRng, Rng, SeedableRng};
use std::{
    os::fd::AsFd,
    sync::atomic::{AtomicUsize, Ordering::SeqCst},
    thread::{self, ScopedJoinHandle, Thread},
    time::{Duration, Instant},
};

/// The greatest number of rounds of a world.
const ROUNDS: u64 = 200;

/// The time between two checks whether something is lost.
const TICK: Duration = Duration::from_millis(100);

/// When to stop.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// After this time, a world in which a message was sent begins no more rounds.
    pub(crate) end: Instant,
    /// How long messages of a round may take. It is counted in ticks of the conductor, so that no
    /// time passes while the whole machine stands still.
    pub(crate) bound: Duration,
}

/// Creates a world and runs it to its end.
pub(crate) fn live(origin: Origin, kind: Kind, limits: Limits) -> Result<Tally> {
    let mut rng = SmallRng::seed_from_u64(origin.thread_seed(u64::from(u16::MAX)));
    let mut plan = origin.scenario.plan(&mut rng, kind);
    if origin.wire {
        for kind in &mut plan.channels {
            if matches!(kind, channel::Kind::Tcp | channel::Kind::Unix) {
                *kind = channel::Kind::Wire;
            }
        }
    }
    let world = World::new(origin, plan).context("cannot create a world")?;
    let world = &world;
    let mut tally = Tally::default();
    tally.adds += world.plan.watches.len() as u64;
    thread::scope(|scope| {
        let consumers = (0..world.plan.consumers.len())
            .map(|number| scope.spawn(move || consumer::run(world, number)));
        let consumers: Vec<_> = consumers.collect();
        let actors =
            (0..world.plan.actors).map(|number| scope.spawn(move || actor::run(world, number)));
        let actors: Vec<_> = actors.collect();
        let threads: Vec<_> = actors
            .iter()
            .map(ScopedJoinHandle::thread)
            .cloned()
            .collect();
        for round in 1..=rng.random_range(ROUNDS / 2..=ROUNDS) {
            world.pending.fetch_add(world.plan.actors, SeqCst);
            begin(world, &threads, round);
            if !settle(&world.pending, limits.bound) {
                world.fail("a message was lost");
            }
            // A round may pass without a message, and a world may begin after the end.
            if Instant::now() >= limits.end && world.has_sent() {
                break;
            }
        }
        end(world, &threads, &mut rng, limits.bound);
        for thread in consumers.into_iter().chain(actors) {
            tally += &thread.join().expect("a panic would have ended the process");
        }
    });
    Ok(tally)
}

/// Starts a round.
fn begin(world: &World, actors: &[Thread], round: u64) {
    world.round.store(round, SeqCst);
    actors.iter().for_each(Thread::unpark);
}

/// Waits until nothing is left, but not much longer than the bound. Returns whether nothing is
/// left.
fn settle(left: &AtomicUsize, bound: Duration) -> bool {
    let mut waited = Duration::ZERO;
    while left.load(SeqCst) != 0 {
        if waited >= bound {
            return false;
        }
        let start = Instant::now();
        thread::park_timeout(TICK);
        if start.elapsed() >= TICK {
            waited += TICK;
        }
    }
    true
}

/// Ends all threads. The bell is an event that nobody consumes: a thread that receives it leaves it
/// for the next one, so that all threads end one after the other, even those on a closed instance.
fn end(world: &World, actors: &[Thread], rng: &mut SmallRng, bound: Duration) {
    begin(world, actors, OVER);
    world.closing.store(true, SeqCst);
    let close = || {
        for poller in &world.pollers {
            world.check("close", become_of(poller.as_fd(), world.void.as_fd()));
        }
    };
    let before = rng.random();
    if before {
        close();
    }
    let rung = rustix::io::write(&world.bell, &1u64.to_ne_bytes());
    world.check("write", rung.map_err(Into::into));
    if !before {
        close();
    }
    if !settle(&world.present, bound) {
        world.fail("a waiter was left behind");
    }
    // Nobody watches any more.
    for channel in &world.channels {
        // Some have been hung up.
        let _ = channel.disturb();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::world;

    #[test]
    fn what_is_not_received_is_noticed() {
        let world = world();
        assert!(settle(&world.pending, Duration::ZERO));
        world.pending.store(1, SeqCst);
        assert!(!settle(&world.pending, TICK));
    }

    #[test]
    fn what_is_received_is_settled() {
        let world = world();
        world.pending.store(2, SeqCst);
        thread::scope(|scope| {
            scope.spawn(|| world.settle(1));
            scope.spawn(|| world.settle(1));
            assert!(settle(&world.pending, Duration::from_secs(60)));
        });
    }
}
