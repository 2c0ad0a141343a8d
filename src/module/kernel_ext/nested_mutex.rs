// SPDX-License-Identifier: GPL-2.0

//! Mutexes of one class that are taken one inside the other, and interruptible attempts to take a
//! mutex.
//!
//! C header: [`include/linux/mutex.h`](srctree/include/linux/mutex.h)

use crate::bindings;
use core::ptr;
use kernel::{
    prelude::*,
    sync::{
        lock::{
            mutex::MutexBackend,
            Guard, //
        },
        Mutex, //
    },
};

fn raw<T>(mutex: &Mutex<T>) -> *mut bindings::mutex {
    // The C mutex is the first field of a structure in C layout.
    ptr::from_ref(mutex).cast::<bindings::mutex>().cast_mut()
}

/// Takes a mutex, unless the task is being killed first. Declares to lockdep that the caller may
/// hold `subclass` other mutexes of the same class (from 0 to 7), in an order that cannot deadlock.
///
/// # Errors
///
/// `EINTR`.
#[inline]
pub(crate) fn lock_killable<T>(
    mutex: &Mutex<T>,
    subclass: u32,
) -> Result<Guard<'_, T, MutexBackend>> {
    // SAFETY: The mutex is initialised, as its existence shows.
    if unsafe { bindings::rp_mutex_lock_killable(raw(mutex), subclass) } != 0 {
        return Err(EINTR);
    }
    // SAFETY: It was just taken.
    Ok(unsafe { Guard::new(mutex, ()) })
}

/// Takes a mutex, unless a signal comes first.
///
/// # Errors
///
/// `EINTR`.
pub(crate) fn lock_interruptible<T>(mutex: &Mutex<T>) -> Result<Guard<'_, T, MutexBackend>> {
    // SAFETY: The mutex is initialised, as its existence shows.
    if !unsafe { bindings::rp_mutex_lock_interruptible(raw(mutex)) } {
        return Err(EINTR);
    }
    // SAFETY: It was just taken.
    Ok(unsafe { Guard::new(mutex, ()) })
}
