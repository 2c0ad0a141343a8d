// SPDX-License-Identifier: GPL-2.0

//! The kinds of watched files, as far as they matter to the watcher.

/// The kind of a watched file. [`kind_of`](crate::nesting::kind_of) determines it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A file that is not an eventpoll.
    Plain,
    /// An instance of this module.
    Instance,
    /// An eventpoll of the kernel.
    Epoll,
}
