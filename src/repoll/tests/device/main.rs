// SPDX-License-Identifier: MIT OR Apache-2.0

//! The crate on the module itself: it wants a `/dev/repoll` that may be opened,
//! and root, who takes it away to see what is said then.

mod batch;
mod create;
mod descriptor;
mod direct;
mod examples;
mod filter;
mod info;
mod interest;
mod wait;

use repoll::{Events, Poller};
use rustix::io::Errno;
use std::{io, os::unix::net::UnixStream, time::Duration};

/// Bits of events, by the names of `<sys/epoll.h>`.
const EPOLLIN: u32 = 0x1;
const EPOLLOUT: u32 = 0x4;
const EPOLLERR: u32 = 0x8;
const EPOLLHUP: u32 = 0x10;

fn pair() -> (UnixStream, UnixStream) {
    UnixStream::pair().unwrap()
}

/// What is ready now, as (data, flags), in the order of the data.
fn ready(poller: &Poller) -> Vec<(u64, u32)> {
    let mut events = Events::with_capacity(16);
    poller.wait(&mut events, Some(Duration::ZERO)).unwrap();
    let mut ready: Vec<_> = events
        .iter()
        .map(|event| (event.data(), event.flags()))
        .collect();
    ready.sort_by_key(|&(data, _)| data);
    ready
}

/// What an error was.
fn errno<T>(result: io::Result<T>) -> Option<Errno> {
    let error = result.err()?;
    Errno::from_io_error(&error)
}
