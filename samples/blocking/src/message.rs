// SPDX-License-Identifier: GPL-2.0

//! The messages.

/// Bytes of a message: so few that one call sends or receives a whole message.
pub const MESSAGE: usize = 32;
