// SPDX-License-Identifier: GPL-2.0

//! The report of a failure: the state of the world.

use crate::{
    scenario::Target,
    world::{Sheet, World},
};
use rustix::event::{poll, PollFd, PollFlags, Timespec};
use std::{
    fmt, fs,
    io::{self, Write},
    os::fd::{AsFd, AsRawFd},
    process,
    sync::{atomic::Ordering::SeqCst, Mutex},
};

/// Ends the process while all other threads stay as they are.
pub(crate) fn failure(world: &World, what: &dyn fmt::Display) -> ! {
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock();
    // There is nobody left to report an error to.
    let _ = describe(&mut io::stdout(), world, what);
    process::exit(1);
}

/// Prints what happened, and then everything that may explain it. What takes locks in the kernel
/// comes last.
fn describe(out: &mut impl Write, world: &World, what: &dyn fmt::Display) -> io::Result<()> {
    let origin = world.origin;
    let number = origin.scenario as usize + 1;
    writeln!(
        out,
        "not ok {number} {}: {what}, seed {}",
        origin.scenario.name(),
        origin.seed
    )?;
    writeln!(
        out,
        "# world {}, round {}, {} pending, closing: {}",
        origin.number,
        world.round.load(SeqCst),
        world.pending.load(SeqCst),
        world.closing.load(SeqCst)
    )?;
    threads(out, world)?;
    channels(out, world)?;
    items(out, world)?;
    pollers(out, world)
}

/// Prints the contents of a file, if it can be read.
fn file(out: &mut impl Write, path: &str) -> io::Result<()> {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines()
        .try_for_each(|line| writeln!(out, "#     {line}"))
}

fn threads(out: &mut impl Write, world: &World) -> io::Result<()> {
    let consumers = &world.plan.consumers;
    for (number, (poller, sheet)) in consumers.iter().zip(&world.sheets).enumerate() {
        thread(
            out,
            &format!("consumer {number} on instance {poller}"),
            sheet,
        )?;
    }
    for (number, sheet) in world.sheets[consumers.len()..].iter().enumerate() {
        thread(out, &format!("actor {number}"), sheet)?;
    }
    Ok(())
}

fn thread(out: &mut impl Write, who: &str, sheet: &Sheet) -> io::Result<()> {
    let tid = sheet.tid.load(SeqCst);
    writeln!(out, "# {who}, thread {tid}: {:?}", sheet.task())?;
    file(out, &format!("/proc/self/task/{tid}/stack"))
}

fn channels(out: &mut impl Write, world: &World) -> io::Result<()> {
    for (number, (channel, account)) in world.channels.iter().zip(&world.accounts).enumerate() {
        let fd = channel.reader();
        writeln!(
            out,
            "# channel {number}, {:?}, descriptor {}: {}; {}",
            channel.kind,
            fd.as_raw_fd(),
            account.describe(),
            readable(fd)
        )?;
        file(out, &format!("/proc/self/fdinfo/{}", fd.as_raw_fd()))?;
    }
    Ok(())
}

fn items(out: &mut impl Write, world: &World) -> io::Result<()> {
    let watches = world.plan.watches.iter().enumerate();
    for (number, watch) in watches.filter(|(_, watch)| watch.target != Target::Bell) {
        writeln!(
            out,
            "# item {number} of instance {} watches {:?}, descriptor {}, as one of {:?}",
            watch.poller,
            watch.target,
            world.target(watch).as_raw_fd(),
            watch.modes
        )?;
    }
    Ok(())
}

fn pollers(out: &mut impl Write, world: &World) -> io::Result<()> {
    for (number, poller) in world.pollers.iter().enumerate() {
        let fd = poller.as_fd();
        writeln!(
            out,
            "# instance {number}, {:?}, descriptor {}:",
            world.plan.pollers[number],
            fd.as_raw_fd()
        )?;
        file(out, &format!("/proc/self/fdinfo/{}", fd.as_raw_fd()))?;
        writeln!(out, "# instance {number}: {}", readable(fd))?;
    }
    Ok(())
}

/// Whether poll reports a file as readable.
fn readable(fd: impl AsFd) -> &'static str {
    match poll(
        &mut [PollFd::new(&fd, PollFlags::IN)],
        Some(&Timespec::default()),
    ) {
        Ok(0) => "not readable",
        Ok(_) => "readable",
        Err(_) => "cannot be polled",
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::{scenario::Scenario, world::Origin};
    use backend::Kind;
    use rand::{rngs::SmallRng, SeedableRng};

    /// A world on epoll without threads.
    pub(crate) fn world() -> World {
        let origin = Origin {
            scenario: Scenario::Shared,
            seed: 1,
            number: 2,
            wire: false,
        };
        let plan = origin
            .scenario
            .plan(&mut SmallRng::seed_from_u64(1), Kind::Epoll);
        World::new(origin, plan).unwrap()
    }

    #[test]
    fn everything_is_told() {
        let world = world();
        assert!(world.accounts[0].send(1));
        let mut text = Vec::new();
        describe(&mut text, &world, &"it broke").unwrap();
        let text = String::from_utf8(text).unwrap();
        for told in [
            "not ok 1 shared: it broke, seed 1\n",
            "# consumer 0 on instance 0, ",
            "# actor 0, ",
            ": 1 sent, 1 outstanding, ",
            "# item 0 of instance 0 watches Channel(0), ",
            "#     tfd:",
            "# instance 0: not readable\n",
        ] {
            assert!(text.contains(told), "{told}: {text}");
        }
    }
}
