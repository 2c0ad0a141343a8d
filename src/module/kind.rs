// SPDX-License-Identifier: GPL-2.0

//! What a watched file is, as far as it matters to its watcher.

/// The kinds of watched files. [`kind_of`](crate::nesting::kind_of) tells them apart.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Nothing special.
    Plain,
    /// An instance of this module.
    Instance,
    /// An eventpoll of the kernel.
    Epoll,
}
