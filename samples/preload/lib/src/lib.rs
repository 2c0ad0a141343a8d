// SPDX-License-Identifier: GPL-2.0

//! Puts the epoll of unmodified programs on repoll: a library to be preloaded.

mod create;
mod ctl;
mod entry;
mod exit;
mod kernel;
mod message;
mod settings;
mod stats;
mod wait;
