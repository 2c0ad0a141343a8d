// SPDX-License-Identifier: GPL-2.0

//! Polls of files.
//!
//! C header: [`include/linux/poll.h`](srctree/include/linux/poll.h)

use super::hint;
use crate::bindings;
use kernel::fs::LocalFile;

/// Polls files without hooking onto their wait queues.
pub(crate) struct Look(bindings::poll_table_struct);

impl Look {
    /// A table for polls of any number of files.
    #[inline]
    pub(crate) fn new() -> Self {
        Self(bindings::poll_table_struct {
            _qproc: None,
            _key: 0,
        })
    }

    /// Those of `events` that the file has.
    #[inline]
    pub(crate) fn poll(&mut self, file: &LocalFile, events: u32) -> u32 {
        self.0._key = events;
        // SAFETY: The table has no function.
        events & unsafe { vfs_poll(file, &mut self.0) }
    }
}

/// Polls `file` for `events` without hooking onto its wait queues.
#[inline]
pub(crate) fn poll(file: &LocalFile, events: u32) -> u32 {
    Look::new().poll(file, events)
}

/// The events of `file`. A file without a `poll` operation has the default events.
///
/// # Safety
///
/// The table is what its function expects.
#[inline]
pub(super) unsafe fn vfs_poll(file: &LocalFile, table: *mut bindings::poll_table_struct) -> u32 {
    let file = file.as_ptr();
    // SAFETY: The file is alive, and its operations do not change.
    match unsafe { (*(*file).f_op).poll } {
        // SAFETY: By the requirements.
        Some(poll) => unsafe { poll(file, table) },
        None => {
            hint::cold_path();
            bindings::RP_DEFAULT_POLLMASK
        }
    }
}
