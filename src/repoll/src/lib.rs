// SPDX-License-Identifier: MIT OR Apache-2.0

//! Event notification with the repoll kernel module, for user space.
//!
//! A [`Poller`] watches files and reports which of them are ready, as an epoll instance
//! does. An [`Interest`] states what a file is watched for, and a [`Mode`] when that
//! becomes an [`Event`]. An event carries the number that its file was added with.
//! [`Exclusive`] modes are for files that several instances watch. A [`Change`] is part
//! of a batch, which one call passes to the kernel.
//!
//! # Examples
//!
//! A single-threaded server that sends back what it receives:
//!
//! ```no_run
#![doc = include_str!("../examples/echo.rs")]
//! ```
//!
//! A program that falls back to the kernel's epoll if the module is not loaded:
//!
//! ```
#![doc = include_str!("../examples/fallback.rs")]
//! ```
//!
//! Workers that share an instance, and re-arm items with the call that waits for more
//! events:
//!
//! ```no_run
#![doc = include_str!("../examples/rearm.rs")]
//! ```
//!
//! # Portability
//!
//! The crate requires Linux with the repoll module loaded, and a `/dev/repoll` that the
//! program may open; the error of [`Poller::try_new`] shows which of these is missing. It
//! works with version 0.2 of the module and later; [`Features`] show what a module lacks.
//! It supports 32-bit and 64-bit processors, and 32-bit programs on 64-bit kernels.
//!
//! Modes and events are those of epoll, with the same exceptions as the module itself, so
//! a program moves from epoll to repoll by changing names. Unlike most wrappers of epoll,
//! this crate adds no wake-up descriptor, no re-arming and no copy. To wake a waiting
//! thread, watch an eventfd.
//!
//! With the feature `mio`, a [`Poller`] is an event source for mio's loop, and mio's
//! types convert to repoll's. Other loops only need the descriptor ([`AsFd`],
//! [`AsRawFd`]) to watch an instance: tokio's `AsyncFd`, async-io's `Async` and polling's
//! `Poller` accept a [`Poller`] without changes.
//!
//! # Implementation notes
//!
//! A [`Poller`] owns one file descriptor, and remembers whether its module answers direct
//! calls, which cost less than ioctls ([`Features::DIRECT`]). Each method makes one
//! direct call or one ioctl. The compiler inlines it, without a function of libc.
//! Creating an instance also opens and closes `/dev/repoll`, and queries the features.
//! (On 32-bit x86, libc makes the direct calls. On processors other than x86, there are
//! none.)
//!
//! Direct calls use `fadvise64`. If a system call filter refuses it with `EPERM` or
//! `ENOSYS`, the instance makes the ioctl instead, and then no more direct calls. So a
//! program may also install its filter later. The filter must allow `ioctl`.
//!
//! A wait writes to the buffer of [`Events`], which is not cleared before. What a wait
//! returns is borrowed from that buffer.
//!
//! Methods take descriptors as [`AsFd`], so that a closed number cannot be passed by
//! mistake. The crate does not keep descriptors: the kernel stops watching a file when
//! its last descriptor is closed.
//!
//! [`uapi`] is the raw kernel interface, for what these types do not offer, such as waits
//! with a signal mask.
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

// Compiles the example in the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
