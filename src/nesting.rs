// SPDX-License-Identifier: GPL-2.0

//! Which files may be watched, as far as files that watch others themselves are concerned.
//!
//! An instance can be watched by select(2), poll(2) and epoll. It watches no instance itself yet,
//! of either kind: a cycle through both kinds could be seen by neither and would wake itself
//! without end.

use crate::{
    eventpoll::Eventpoll,
    kernel_ext::{
        anon_file,
        poll_file, //
    },
};
use kernel::fs::LocalFile;

/// Whether the file is an eventpoll, of this module or of the kernel.
pub(crate) fn is_eventpoll(file: &LocalFile) -> bool {
    anon_file::of_file::<Eventpoll>(file).is_some()
        || poll_file::internal_name(file).is_some_and(|name| name == c"[eventpoll]")
}
