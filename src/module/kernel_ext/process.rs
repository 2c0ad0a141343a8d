// SPDX-License-Identifier: GPL-2.0

//! Processes that may have ended.
//!
//! C header: [`include/linux/pid.h`](srctree/include/linux/pid.h)

use crate::bindings;
use core::ptr::NonNull;

/// Bytes of a thread's name.
const NAME: usize = bindings::TASK_COMM_LEN as usize;

/// A process, identified by its numbers. After its end, another process may get them.
///
/// # Invariants
///
/// A reference to the `struct pid` is held; it is never `None` for a process that is alive.
pub(crate) struct Process {
    pid: Option<NonNull<bindings::pid>>,
    name: [u8; NAME],
}

// SAFETY: Any task may use and put a `struct pid`.
unsafe impl Send for Process {}
// SAFETY: As above.
unsafe impl Sync for Process {}

impl Process {
    /// The process of the current task, with that task's name.
    pub(crate) fn current() -> Self {
        let mut name = [0; NAME];
        // SAFETY: There is room for a name.
        unsafe { bindings::rp_current_name(name.as_mut_ptr()) };
        Self {
            // INVARIANT: The helper returns a reference.
            // SAFETY: No requirements.
            pid: NonNull::new(unsafe { bindings::rp_current_process() }),
            name,
        }
    }

    /// Its number in the current task's namespace; 0 if it has none there, or has ended.
    pub(crate) fn number(&self) -> i32 {
        self.pid.map_or(0, |pid| {
            // SAFETY: By the type invariant.
            unsafe { bindings::rp_process_number(pid.as_ptr()) }
        })
    }

    /// Whether it has, or had, a number in the current task's namespace.
    pub(crate) fn is_known_here(&self) -> bool {
        self.pid.is_some_and(|pid| {
            // SAFETY: By the type invariant.
            unsafe { bindings::rp_process_is_known_here(pid.as_ptr()) }
        })
    }

    /// The name, padded with zeros.
    pub(crate) fn name(&self) -> [u8; NAME] {
        self.name
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(pid) = self.pid {
            // SAFETY: By the type invariant.
            unsafe { bindings::rp_process_put(pid.as_ptr()) };
        }
    }
}
