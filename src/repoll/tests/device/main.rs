// SPDX-License-Identifier: MIT OR Apache-2.0

//! Tests of the crate with the real module. They need a `/dev/repoll` that they
//! may open, and root, because they also take the device away.

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

/// The files that are ready now, as (data, flags), sorted by data.
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

/// The errno of a failure.
fn errno<T>(result: io::Result<T>) -> Option<Errno> {
    let error = result.err()?;
    Errno::from_io_error(&error)
}
