// SPDX-License-Identifier: GPL-2.0

//! The wait queue of the module's own files.
//!
//! C header: [`include/linux/wait.h`](srctree/include/linux/wait.h)

use crate::bindings;
use core::{
    ffi::c_void,
    ptr, //
};
use kernel::{
    prelude::*,
    sync::{
        atomic::{
            ordering::Relaxed,
            Atomic, //
        },
        LockClassKey, //
    },
    types::Opaque, //
};

/// A queue that pollers of a file join through a poll table, with their own functions.
#[pin_data]
pub(crate) struct Pollers {
    #[pin]
    head: Opaque<bindings::wait_queue_head>,
    /// For lockdep: how many queues the holder of this queue's lock has locked, namely this one and
    /// those whose wake-up caused its wake-up.
    level: Atomic<u32>,
}

// SAFETY: A wait queue head may be used from any thread.
unsafe impl Send for Pollers {}
// SAFETY: All operations take the lock inside the head, or read one word.
unsafe impl Sync for Pollers {}

impl Pollers {
    /// An empty queue.
    pub(crate) fn new(name: &'static CStr, key: Pin<&'static LockClassKey>) -> impl PinInit<Self> {
        pin_init!(Self {
            // SAFETY: `slot` is valid while the closure runs; name and key are static.
            head <- Opaque::ffi_init(|slot| unsafe {
                bindings::__init_waitqueue_head(slot, name.as_char_ptr(), key.as_ptr())
            }),
            level: Atomic::new(0),
        })
    }

    /// The C object.
    pub(super) fn as_ptr(&self) -> *mut bindings::wait_queue_head {
        self.head.get()
    }

    /// Whether there are pollers. Only meaningful to a caller that synchronises with them, with a
    /// lock that they take after they have joined or with a barrier; so there is no barrier in
    /// here.
    #[inline]
    pub(crate) fn is_active(&self) -> bool {
        let head = self.as_ptr();
        // SAFETY: The head is initialised; a pointer is read in one piece.
        let first = unsafe { (&raw const (*head).head.next).read_volatile() };
        // SAFETY: The head is initialised; only an address is taken.
        !ptr::eq(first, unsafe { &raw const (*head).head })
    }

    /// Wakes the pollers with these events. Callable from any context. `cause` is the queue of
    /// pollers whose wake-up, which is in progress, causes this one. The pollers of a queue are
    /// never, directly or indirectly, the cause of its wake-up. (io_uring and aio, which also turn
    /// a wake-up into a wake-up of another queue, use a separate task for that.)
    pub(crate) fn wake(&self, events: u32, cause: Option<&Self>) {
        let key = ptr::without_provenance_mut::<c_void>(events as usize);
        let level = cause.map_or(0, |cause| cause.level.load(Relaxed));
        // SAFETY: The head is initialised, and only this changes the level.
        unsafe { bindings::rp_wake_pollers(self.as_ptr(), key, self.level.as_ptr(), level) };
    }

    /// The number of entries, up to `most`. Holds the queue's lock while it counts.
    pub(crate) fn count(&self, most: u32) -> u32 {
        // SAFETY: The head is initialised.
        unsafe { bindings::rp_count_entries(self.as_ptr(), most) }
    }
}
