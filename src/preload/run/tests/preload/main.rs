// SPDX-License-Identifier: GPL-2.0

//! Tests of the library and its launcher, as programs see them.

/// What a program may expect of libc's epoll. These tests hold for the program
/// itself, and with repoll preloaded; so all of them run in both ways.
///
/// Where a native epoll can make the same calls, the tests expect nothing but
/// its answers.
mod behaviour {
    mod cancel;
    mod descriptors;
    mod errors;
    mod interrupt;
    mod lookup;
    mod processes;
    mod threads;
    mod wake;
}

mod direct;
mod epoll;
#[path = "../../../../repoll/tests/device/filter.rs"]
mod filter;
mod fixture;
mod gather;
mod launcher;
mod plugin;
mod pthread;
mod stepping;
mod subject;
