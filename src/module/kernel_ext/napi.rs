// SPDX-License-Identifier: GPL-2.0

//! Receive queues of network devices. A task can poll them instead of waiting for them.
//!
//! C header: [`include/net/busy_poll.h`](srctree/include/net/busy_poll.h)

use super::unreleased::Unreleased;
use crate::bindings;
use core::{
    num::NonZeroU32,
    ptr, //
};
use kernel::ffi::{
    c_ulong,
    c_void, //
};

/// The greatest number of packets that a task may take from a queue at once.
pub(crate) const MAX_BUDGET: u16 = bindings::NAPI_POLL_WEIGHT as u16;

/// The queue from which the packets of a file come, if it is a socket that has received some.
pub(crate) fn queue_of(file: Unreleased<'_>) -> Option<NonZeroU32> {
    // SAFETY: Neither the file nor its socket is torn down.
    NonZeroU32::new(unsafe { bindings::rp_file_napi_id(file.as_ptr()) })
}

/// A point in time, in units of about a microsecond.
#[derive(Clone, Copy)]
pub(crate) struct Instant(c_ulong);

impl Instant {
    /// Whether more than `usecs` microseconds have passed since then.
    pub(crate) fn is_over(self, usecs: u32) -> bool {
        // SAFETY: No requirements.
        let now = unsafe { bindings::rp_busy_loop_time() };
        now.wrapping_sub(self.0) > usecs as c_ulong
    }
}

/// Takes packets from a queue, `budget` at once (0: as many as the kernel decides), until `done`,
/// which receives the time of the start, returns true, or another task wants the processor.
pub(crate) fn busy_loop<F: Fn(Instant) -> bool>(
    queue: NonZeroU32,
    prefer: bool,
    budget: u16,
    done: &F,
) {
    let arg = ptr::from_ref(done).cast_mut().cast();
    // SAFETY: The argument is what the function expects, and outlives the call.
    unsafe { bindings::rp_napi_busy_loop(queue.get(), Some(loop_end::<F>), arg, prefer, budget) };
}

/// # Safety
///
/// `done` points to an `F`.
unsafe extern "C" fn loop_end<F: Fn(Instant) -> bool>(done: *mut c_void, start: c_ulong) -> bool {
    // SAFETY: By the requirements.
    let done = unsafe { &*done.cast::<F>() };
    done(Instant(start))
}
