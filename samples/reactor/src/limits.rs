// SPDX-License-Identifier: GPL-2.0

//! What a client may take of memory and time.

use std::time::Duration;

/// The limits of a connection.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of a request's head.
    pub head: usize,
    /// Bytes of a request's body.
    pub body: u64,
    /// From the first byte of a head to its last, and from the connection to the
    /// first head's last.
    pub header_timeout: Duration,
    /// Without a byte that comes or goes: between requests, in a body, in a response.
    pub idle_timeout: Duration,
}

/// As much may wait to be sent before the next request is looked at.
pub const HIGH_WATER: usize = 64 << 10;

/// How long a client that was refused may go on sending what nobody reads: until it
/// has had the time to read why.
pub const LINGER: Duration = Duration::from_secs(2);
