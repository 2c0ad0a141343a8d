// SPDX-License-Identifier: MIT OR Apache-2.0

//! Event notification by the repoll kernel module, for user space.
//!
//! A [`Poller`] watches files and tells which of them are ready, as an epoll
//! instance does. An [`Interest`] is what a file is watched for, a [`Mode`] when
//! that becomes an [`Event`]; an event carries the number that its file was
//! added with. [`Exclusive`] modes are for files that several instances watch,
//! and a [`Change`] is one of many that go to the kernel by one call.
//!
//! # Examples
//!
//! A server that sends back what it gets, on one thread:
//!
//! ```no_run
#![doc = include_str!("../examples/echo.rs")]
//! ```
//!
//! A program that goes on with the kernel's epoll where there is no module:
//!
//! ```
#![doc = include_str!("../examples/fallback.rs")]
//! ```
//!
//! Workers that share an instance, and arm again what they have dealt with by
//! the call that waits for more:
//!
//! ```no_run
#![doc = include_str!("../examples/rearm.rs")]
//! ```
//!
//! # Portability
//!
//! Linux with the repoll module loaded, and a `/dev/repoll` that the program may
//! open; [`Poller::try_new`] tells what is missing. Modules of version 0.2 and later:
//! what one lacks of what this crate offers its [`Features`] tell. Processors of 32 and of 64
//! bits, and programs of 32 bits on kernels of 64.
//!
//! Modes and events are those of epoll, with the same exceptions as the module
//! itself; a program moves from epoll by changing names. Other than most of its
//! wrappers this crate adds no wake-up descriptor, no re-arming and no copy: to
//! wake a waiting thread, watch an eventfd.
//!
//! With the feature `mio` a [`Poller`] is a source of events for mio's loop, and
//! mio's words are understood. Without it the descriptor ([`AsFd`], [`AsRawFd`])
//! is all that a loop needs to watch an instance: tokio's `AsyncFd`, async-io's `Async`
//! and polling's `Poller` take a [`Poller`] as it is.
//!
//! # Implementation notes
//!
//! A [`Poller`] owns one file descriptor, and knows whether its module takes direct
//! calls, which cost less than an ioctl ([`Features::DIRECT`]). Each method is one
//! such call, or one ioctl, put in place by the compiler with no function of libc's
//! in between, except that making an instance opens and closes `/dev/repoll`, too,
//! and asks for its features. (On x86 of 32 bits libc makes the direct calls, and
//! on other processors than x86 there are none.)
//!
//! Direct calls are made through `fadvise64`. Where a filter of system calls refuses
//! that, with `EPERM` or `ENOSYS`, the ioctl is made, and from then on no other: so a
//! program may as well install its filter later. It has to allow itself `ioctl`.
//!
//! A wait writes to the buffer of [`Events`], whose memory is not cleared
//! before; what a wait returns is borrowed from there.
//!
//! Descriptors are taken as [`AsFd`], so that a number which was closed cannot
//! be passed by mistake. They are not kept: the kernel forgets a file when its
//! last descriptor is closed.
//!
//! [`uapi`] has the kernel interface as it is, for what these types do not
//! offer: waits with a signal mask, say.
//!
//! [`AsFd`]: std::os::fd::AsFd
//! [`AsRawFd`]: std::os::fd::AsRawFd

mod busy_poll;
mod change;
mod command;
mod create;
mod direct;
mod event;
mod fadvise;
mod features;
pub mod info;
mod interest;
#[cfg(feature = "mio")]
pub mod mio;
mod mode;
mod poller;
pub mod uapi;
mod unavailable;

pub use busy_poll::BusyPoll;
pub use change::{Batch, Change, ChangeError, Operation};
pub use create::CreateFlags;
pub use event::{Event, Events, Iter};
pub use features::Features;
pub use interest::Interest;
pub use mode::{AddMode, Exclusive, Mode};
pub use poller::Poller;
pub use unavailable::Unavailable;

// Compiles the example of the readme.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
