// SPDX-License-Identifier: GPL-2.0

//! What is echoed.

/// Bytes of a message: so few that one call sends and one receives all of it.
pub const MESSAGE: usize = 32;
