// SPDX-License-Identifier: GPL-2.0

//! Event notification by the repoll kernel module, for user space.
//!
//! A [`Poller`] watches files and tells which of them are ready, as an epoll
//! instance does. An [`Interest`] is what a file is watched for, a [`Mode`] when
//! that becomes an [`Event`]; an event carries the number that its file was
//! added with.
//!
//! ```no_run
//! use repoll::{Events, Interest, Mode, Poller};
//! use std::net::TcpListener;
//!
//! # fn main() -> std::io::Result<()> {
//! let listener = TcpListener::bind("127.0.0.1:7007")?;
//! let poller = Poller::new()?;
//! poller.add(&listener, Interest::READABLE, Mode::LEVEL, 1)?;
//!
//! let mut events = Events::with_capacity(64);
//! loop {
//!     poller.wait(&mut events, None)?;
//!     for event in &events {
//!         println!("{} is ready", event.data());
//!     }
//! }
//! # }
//! ```

mod busy_poll;
mod change;
mod command;
mod create;
mod event;
mod interest;
mod mode;
mod poller;
pub mod uapi;
mod unavailable;

pub use busy_poll::BusyPoll;
pub use change::{
    Batch,
    Change,
    Operation, //
};
pub use create::CreateFlags;
pub use event::{
    Event,
    Events,
    Iter, //
};
pub use interest::Interest;
pub use mode::{
    AddMode,
    Exclusive,
    Mode, //
};
pub use poller::Poller;
pub use unavailable::Unavailable;
