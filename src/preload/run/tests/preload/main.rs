// SPDX-License-Identifier: GPL-2.0

//! The library and its launcher, as programs see them.

/// What a program may expect of libc's epoll. It holds as the program is, and
/// with repoll preloaded into it; so all of it is run either way.
///
/// Where a native epoll can be asked the same beside it, nothing else is
/// expected than its answers.
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
