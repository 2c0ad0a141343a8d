// SPDX-License-Identifier: GPL-2.0

//! Several mutexes of one class, taken one inside the other.
//!
//! C header: [`include/linux/mutex.h`](srctree/include/linux/mutex.h)

use crate::bindings;
use core::ptr;
use kernel::sync::{
    lock::{
        mutex::MutexBackend,
        Guard, //
    },
    Mutex, //
};

/// Takes a mutex, telling lockdep that `subclass` others of its class, from 0 to 7, may be held by
/// the caller, in an order that cannot deadlock.
pub(crate) fn lock_nested<T>(mutex: &Mutex<T>, subclass: u32) -> Guard<'_, T, MutexBackend> {
    // The C mutex is the first field of a structure in C layout.
    let raw = ptr::from_ref(mutex).cast::<bindings::mutex>().cast_mut();
    // SAFETY: The mutex is initialised, as its existence shows.
    unsafe { bindings::rp_mutex_lock_nested(raw, subclass) };
    // SAFETY: It was just taken.
    unsafe { Guard::new(mutex, ()) }
}
