// SPDX-License-Identifier: GPL-2.0

//! What must hold however busy the machine is.

use crate::{
    server::Server,
    way::Way, //
};
use anyhow::Result;
use std::fmt::Write;

const CONNECTIONS: usize = 64;
const ROUNDS: usize = 10;

/// Tells whether it holds, in the form of a test.
pub fn check() -> Result<(String, bool)> {
    let ways: &[Way] = match std::path::Path::new("/dev/repoll").exists() {
        true => &[Way::Blocking, Way::Epoll, Way::Repoll],
        false => &[Way::Blocking, Way::Epoll],
    };
    let messages = (CONNECTIONS * ROUNDS) as u64;
    let mut text = format!("KTAP version 1\n1..{}\n", ways.len());
    let mut all = true;
    for (index, &way) in ways.iter().enumerate() {
        let (slept, holds, claim) = match way {
            Way::Blocking => {
                let slept = one_by_one(way)?;
                (slept, slept >= messages, "sleeps for each message")
            }
            _ => {
                let slept = all_at_once(way)?;
                (
                    slept,
                    slept * 4 <= messages,
                    "sleeps once for many messages",
                )
            }
        };
        let not = if holds { "" } else { "not " };
        all &= holds;
        writeln!(
            text,
            "# {way}: {slept} sleeps for {messages} messages\n{not}ok {} {way}: {claim}",
            index + 1
        )?;
    }
    Ok((text, all))
}

/// Each message finds its thread asleep.
fn one_by_one(way: Way) -> Result<u64> {
    let mut server = Server::start(way, CONNECTIONS)?;
    let before = server.counts()?;
    let mut after = before;
    for _ in 0..ROUNDS {
        server.send()?;
        server.receive()?;
        after = server.counts()?;
    }
    Ok((after - before).voluntary)
}

/// All messages of a round are there before the server looks: it is stopped until then,
/// which makes its threads sleep once or twice by itself.
fn all_at_once(way: Way) -> Result<u64> {
    let mut server = Server::start(way, CONNECTIONS)?;
    let before = server.counts()?;
    for _ in 0..ROUNDS {
        server.stop()?;
        server.send()?;
        server.wake()?;
        server.receive()?;
    }
    Ok((server.counts()? - before).voluntary)
}
