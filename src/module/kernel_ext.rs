// SPDX-License-Identifier: GPL-2.0

//! Safe wrappers of kernel functions that the kernel crate lacks. Nearly all unsafe code of the
//! module is here. Nothing here knows what an eventpoll is.

pub(crate) mod anon_file;
pub(crate) mod array;
pub(crate) mod barrier;
pub(crate) mod fsnotify;
pub(crate) mod global;
pub(crate) mod hint;
pub(crate) mod hook;
pub(crate) mod hosted;
pub(crate) mod list;
pub(crate) mod napi;
pub(crate) mod nested_mutex;
pub(crate) mod once;
pub(crate) mod poll;
pub(crate) mod poll_file;
pub(crate) mod process;
pub(crate) mod rbtree;
pub(crate) mod rcu;
pub(crate) mod rcu_tree;
pub(crate) mod siphash;
pub(crate) mod slab;
pub(crate) mod sysctl;
pub(crate) mod task;
pub(crate) mod tracepoint;
pub(crate) mod unreleased;
pub(crate) mod user;
pub(crate) mod wait_queue;
pub(crate) mod waiters;
pub(crate) mod wakeup_source;
pub(crate) mod work;
