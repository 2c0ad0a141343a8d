// SPDX-License-Identifier: GPL-2.0

//! The limits on memory and time for a client.

use std::time::Duration;

/// The limits of a connection.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The size of a request's head in bytes.
    pub head: usize,
    /// The size of a request's body in bytes.
    pub body: u64,
    /// From the first byte of a head to its last; for the first head, from the start of
    /// the connection.
    pub header_timeout: Duration,
    /// The time without a byte in either direction: between requests, in a body, in a
    /// response.
    pub idle_timeout: Duration,
}

/// How much output may be unsent before the next request is handled.
pub const HIGH_WATER: usize = 64 << 10;

/// How long a refused client may continue to send data that nobody reads, so that it has
/// time to read the reason.
pub const LINGER: Duration = Duration::from_secs(2);
