// SPDX-License-Identifier: GPL-2.0

//! What repoll and epoll cost, side by side.

fn main() {}
