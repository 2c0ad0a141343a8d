// SPDX-License-Identifier: GPL-2.0

//! Consumers: they wait for events, mostly without a timeout.

use crate::{
    channel::Kind,
    tally::Tally,
    worker::Worker,
    world::{Task, World},
};
use rand::Rng;
use rustix::{
    event::{poll, PollFd, PollFlags},
    io::Errno,
};
use std::{sync::atomic::Ordering::SeqCst, time::Duration};

/// How often per round a consumer does something other than wait without a timeout. Without a
/// limit, this would find messages whose wake-up was lost.
const DIVERSIONS: u32 = 2;

/// How often per round a consumer sets a timer to send something just before it waits. The
/// interrupt comes to the same processor, at any point on the way to sleep.
const ALARMS: u32 = 8;

/// Consumes until the bell rings.
pub(crate) fn run(world: &World, consumer: usize) -> Tally {
    let sheet = &world.sheets[consumer];
    let poller = world.plan.consumers[consumer];
    let mut worker = Worker::new(world, consumer);
    let mut round = 0;
    let mut diversions = 0;
    let mut alarms = 0;
    sheet.sign();
    while !worker.over {
        sheet.set(Task::Between);
        let now = world.round.load(SeqCst);
        if now != round {
            round = now;
            diversions = worker.rng.random_range(0..=DIVERSIONS);
            alarms = worker.rng.random_range(0..=ALARMS);
            if worker.rng.random_ratio(1, 16) {
                worker.migrate();
            }
        }
        let room = if worker.rng.random_ratio(3, 4) { 1 } else { 3 };
        let mut timeout = None;
        let alarm = if alarms > 0 {
            alarms -= 1;
            set_alarm(&mut worker)
        } else {
            None
        };
        if diversions > 0 {
            diversions -= 1;
            sheet.set(Task::WaitingShortly);
            timeout = Some(match worker.rng.random_range(0..3) {
                0 => Duration::ZERO,
                // Around the time when the timer fires.
                _ if alarm.is_some() => alarm.unwrap_or_default(),
                1 => Duration::from_micros(worker.rng.random_range(1..50)),
                _ => Duration::from_micros(worker.rng.random_range(50..500)),
            });
        } else if worker.rng.random_ratio(1, 4) {
            sheet.set(Task::PollingForEver);
            sleep_in_poll(world, poller);
            timeout = Some(Duration::ZERO);
        } else {
            sheet.set(Task::WaitingForEver);
        }
        let events = worker.wait(poller, room, timeout);
        sheet.set(Task::Handling);
        worker.handle(&events);
    }
    sheet.set(Task::Gone);
    world.leave();
    worker.tally
}

/// Sends a message with a timer, if there is a usable one. Returns the time until it comes.
fn set_alarm(worker: &mut Worker<'_>) -> Option<Duration> {
    let channel = worker.rng.random_range(0..worker.world.channels.len());
    let timer = worker.world.channels[channel].kind == Kind::Timer;
    (timer && !worker.world.plan.owned).then(|| worker.send(channel))?
}

/// Sleeps until the instance is readable, or until a signal comes.
fn sleep_in_poll(world: &World, poller: usize) {
    let mut fds = [PollFd::new(&world.pollers[poller], PollFlags::IN)];
    match poll(&mut fds, None) {
        Ok(_) | Err(Errno::INTR) => (),
        Err(error) => world.fail(format_args!("poll: {error}")),
    }
}
