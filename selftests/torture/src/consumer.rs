// SPDX-License-Identifier: GPL-2.0

//! Who waits for events, without a timeout most of the time.

use crate::{
    hand::Hand,
    tally::Tally,
    world::{
        Task,
        World, //
    },
};
use rand::Rng;
use rustix::{
    event::{
        poll,
        PollFd,
        PollFlags, //
    },
    io::Errno,
};
use std::{
    sync::atomic::Ordering::SeqCst,
    time::Duration, //
};

/// How often in a round a consumer does something else than to wait for ever. Were there no limit,
/// these would find what a lost wake-up was about.
const DIVERSIONS: u32 = 2;

/// Until the bell rings.
pub(crate) fn run(world: &World, consumer: usize) -> Tally {
    let sheet = &world.sheets[consumer];
    let poller = world.plan.consumers[consumer];
    let mut hand = Hand::new(world, consumer);
    let mut round = 0;
    let mut diversions = 0;
    sheet.sign();
    while !hand.over {
        sheet.set(Task::Between);
        let now = world.round.load(SeqCst);
        if now != round {
            round = now;
            diversions = hand.rng.random_range(0..=DIVERSIONS);
            if hand.rng.random_ratio(1, 16) {
                hand.migrate();
            }
        }
        let room = if hand.rng.random_ratio(3, 4) { 1 } else { 3 };
        let mut timeout = None;
        if diversions > 0 {
            diversions -= 1;
            sheet.set(Task::WaitingShortly);
            timeout = Some(Duration::from_micros(match hand.rng.random_range(0..3) {
                0 => 0,
                1 => hand.rng.random_range(1..50),
                _ => hand.rng.random_range(50..500),
            }));
        } else if hand.rng.random_ratio(1, 4) {
            sheet.set(Task::PollingForEver);
            sleep_in_poll(world, poller);
            timeout = Some(Duration::ZERO);
        } else {
            sheet.set(Task::WaitingForEver);
        }
        let events = hand.wait(poller, room, timeout);
        sheet.set(Task::Handling);
        hand.handle(&events);
    }
    sheet.set(Task::Gone);
    world.settle(1);
    hand.tally
}

/// Until the instance is readable, or a signal comes.
fn sleep_in_poll(world: &World, poller: usize) {
    let mut fds = [PollFd::new(&world.pollers[poller], PollFlags::IN)];
    match poll(&mut fds, None) {
        Ok(_) | Err(Errno::INTR) => (),
        Err(error) => world.fail(format_args!("poll: {error}")),
    }
}
