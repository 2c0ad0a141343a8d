// SPDX-License-Identifier: GPL-2.0

//! Statements that must hold no matter how busy the machine is.

use crate::{server::Server, strategy::Strategy};
use anyhow::Result;
use std::fmt::Write;

const CONNECTIONS: usize = 64;
const ROUNDS: usize = 10;

/// Checks them, and returns the result in the format of tests.
pub fn check() -> Result<(String, bool)> {
    let strategies: &[Strategy] = match std::path::Path::new("/dev/repoll").exists() {
        true => &[Strategy::Blocking, Strategy::Epoll, Strategy::Repoll],
        false => &[Strategy::Blocking, Strategy::Epoll],
    };
    let messages = (CONNECTIONS * ROUNDS) as u64;
    let mut text = format!("KTAP version 1\n1..{}\n", strategies.len());
    let mut all = true;
    for (index, &strategy) in strategies.iter().enumerate() {
        let (slept, holds, claim) = match strategy {
            Strategy::Blocking => {
                let slept = one_by_one(strategy)?;
                (slept, slept >= messages, "sleeps for each message")
            }
            _ => {
                let slept = all_at_once(strategy)?;
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
            "# {strategy}: {slept} sleeps for {messages} messages\n{not}ok {} {strategy}: {claim}",
            index + 1
        )?;
    }
    Ok((text, all))
}

/// Each message finds its thread asleep.
fn one_by_one(strategy: Strategy) -> Result<u64> {
    let mut server = Server::start(strategy, CONNECTIONS)?;
    let before = server.counts()?;
    let mut after = before;
    for _ in 0..ROUNDS {
        server.send()?;
        server.receive()?;
        after = server.counts()?;
    }
    Ok((after - before).voluntary)
}

/// All messages of a round arrive before the server sees them: it is stopped until then,
/// which alone makes its threads sleep once or twice.
fn all_at_once(strategy: Strategy) -> Result<u64> {
    let mut server = Server::start(strategy, CONNECTIONS)?;
    let before = server.counts()?;
    for _ in 0..ROUNDS {
        server.stop()?;
        server.send()?;
        server.wake()?;
        server.receive()?;
    }
    Ok((server.counts()? - before).voluntary)
}
