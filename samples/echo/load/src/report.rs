// SPDX-License-Identifier: GPL-2.0

//! The result of a run.

use crate::{client::Client, script::Ending};
use backend::Kind;
use serde::Serialize;
use std::{fmt, time::Duration};

const MEBIBYTE: f64 = (1 << 20) as f64;

/// The figures of a run.
#[derive(Debug, Serialize)]
pub struct Report {
    /// What watched the connections.
    pub backend: Kind,
    /// How many connections were requested.
    pub connections: u64,
    /// How many were open at the same time.
    pub peak: u64,
    /// How many ended after their last echo.
    pub closed: u64,
    /// How many this side half-closed, and the server then ended.
    pub half_closed: u64,
    /// How many this side reset.
    pub reset: u64,
    /// How many failed.
    pub failed: u64,
    /// Messages that came back completely.
    pub messages: u64,
    /// Bytes that were sent.
    pub bytes_sent: u64,
    /// Bytes that came back and were compared.
    pub bytes_verified: u64,
    /// Waits for events.
    pub waits: u64,
    /// The events that all waits returned.
    pub events: u64,
    /// Seconds since the first connection.
    pub seconds: f64,
    /// Messages that came back completely, per second.
    pub messages_per_second: u64,
    /// Verified MiB, per second.
    pub mebibytes_per_second: f64,
    /// Whether every expected byte came back, unchanged and in order.
    pub verified: bool,
}

impl Report {
    /// The figures before the run.
    pub fn new(backend: Kind, connections: u64) -> Self {
        Self {
            backend,
            connections,
            peak: 0,
            closed: 0,
            half_closed: 0,
            reset: 0,
            failed: 0,
            messages: 0,
            bytes_sent: 0,
            bytes_verified: 0,
            waits: 0,
            events: 0,
            seconds: 0.0,
            messages_per_second: 0,
            mebibytes_per_second: 0.0,
            verified: false,
        }
    }

    /// Completes the figures of a run that took `duration`.
    pub fn finish(&mut self, duration: Duration) {
        let seconds = duration.as_secs_f64();
        let rounded = |figure: f64, parts: f64| (figure * parts).round() / parts;
        self.seconds = rounded(seconds, 1e6);
        self.messages_per_second = (self.messages as f64 / seconds).round() as u64;
        self.mebibytes_per_second = rounded(self.bytes_verified as f64 / MEBIBYTE / seconds, 10.0);
        self.verified = self.failed == 0;
    }

    /// Counts a connection that has ended, successfully or not.
    pub fn add(&mut self, client: &Client, ending: Option<Ending>) {
        let (sent, received) = client.bytes();
        self.bytes_sent += sent;
        self.bytes_verified += received;
        self.messages += client.messages();
        match ending {
            Some(Ending::Close) => self.closed += 1,
            Some(Ending::HalfClose) => self.half_closed += 1,
            Some(Ending::Reset) => self.reset += 1,
            None => self.failed += 1,
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} connections, {} at once: {} closed, {} half-closed, {} reset, {} failed",
            self.connections, self.peak, self.closed, self.half_closed, self.reset, self.failed
        )?;
        writeln!(
            f,
            "{} messages, {:.1} MiB in {:.2} s: {} messages/s, {} MiB/s",
            self.messages,
            self.bytes_verified as f64 / MEBIBYTE,
            self.seconds,
            self.messages_per_second,
            self.mebibytes_per_second
        )?;
        writeln!(
            f,
            "{} waits, {} events, {:.1} events per wait",
            self.waits,
            self.events,
            self.events as f64 / self.waits as f64
        )?;
        f.write_str(if self.verified {
            "every byte verified"
        } else {
            "NOT verified"
        })
    }
}
