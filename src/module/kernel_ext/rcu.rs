// SPDX-License-Identifier: GPL-2.0

//! Boxes whose memory outlives their last owner by a grace period.
//!
//! C header: [`include/linux/rcupdate.h`](srctree/include/linux/rcupdate.h)

use crate::bindings;
use core::{
    mem::ManuallyDrop,
    ops::Deref,
    pin::Pin, //
};
use kernel::{
    alloc::Flags,
    prelude::*,
    types::Opaque, //
};

/// The content of an [`RcuBox`].
#[pin_data]
pub(crate) struct RcuInner<T> {
    #[pin]
    head: Opaque<bindings::callback_head>,
    #[pin]
    value: T,
}

/// A pinned box that is dropped and freed a grace period after its owner drops it. A task that
/// finds the value under `rcu_read_lock()` may use it until `rcu_read_unlock()`.
pub(crate) struct RcuBox<T: Send + Sync + 'static>(ManuallyDrop<Pin<KBox<RcuInner<T>>>>);

impl<T: Send + Sync + 'static> RcuBox<T> {
    /// Allocates a box and initialises its value in place.
    pub(crate) fn pin_init(init: impl PinInit<T, Error>, flags: Flags) -> Result<Self> {
        let inner = KBox::try_pin_init(
            try_pin_init!(RcuInner {
                head: Opaque::uninit(),
                value <- init,
            }),
            flags,
        )?;
        Ok(Self(ManuallyDrop::new(inner)))
    }

    /// Gives up ownership.
    pub(crate) fn into_raw(mut self) -> *const T {
        // SAFETY: `self` is forgotten, so that the box is not taken twice.
        let inner = unsafe { ManuallyDrop::take(&mut self.0) };
        core::mem::forget(self);
        // SAFETY: The value stays in place; `from_raw` makes a pinned box of it again.
        let inner = KBox::into_raw(unsafe { Pin::into_inner_unchecked(inner) });
        // SAFETY: `inner` is a live allocation.
        unsafe { &raw const (*inner).value }
    }

    /// Takes ownership back.
    ///
    /// # Safety
    ///
    /// `value` comes from [`RcuBox::into_raw`], and ownership is taken back once.
    pub(crate) unsafe fn from_raw(value: *const T) -> Self {
        // SAFETY: By the requirements `value` lies in an `RcuInner`.
        let inner = unsafe { kernel::container_of!(value.cast_mut(), RcuInner<T>, value) };
        // SAFETY: By the requirements the box was given up, and it was pinned.
        Self(ManuallyDrop::new(unsafe {
            Pin::new_unchecked(KBox::from_raw(inner))
        }))
    }
}

impl<T: Send + Sync + 'static> Deref for RcuBox<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0.value
    }
}

impl<T: Send + Sync + 'static> Drop for RcuBox<T> {
    fn drop(&mut self) {
        // SAFETY: The box is not used after this.
        let inner = unsafe { ManuallyDrop::take(&mut self.0) };
        // SAFETY: The value is not moved: `free` makes a pinned box of it again.
        let inner = KBox::into_raw(unsafe { Pin::into_inner_unchecked(inner) });
        // SAFETY: `inner` is live until `free` has run.
        let head = unsafe { (*inner).head.get() };
        // SAFETY: The head belongs to this box and is used once; before the module is unloaded, it
        // waits for all callbacks with `rcu_barrier()`.
        unsafe { bindings::call_rcu(head, Some(free::<T>)) };
    }
}

/// # Safety
///
/// `head` is the head of a box that was dropped, and a grace period has passed.
unsafe extern "C" fn free<T>(head: *mut bindings::callback_head) {
    let head = head.cast::<Opaque<bindings::callback_head>>();
    // SAFETY: By the requirements the head lies in an `RcuInner`.
    let inner = unsafe { kernel::container_of!(head, RcuInner<T>, head) };
    // SAFETY: `drop` gave up the box, and no reader can hold it any more.
    drop(unsafe { Pin::new_unchecked(KBox::from_raw(inner)) });
}

/// On drop, waits until all boxes that were dropped before are freed.
pub(crate) struct Barrier;

impl Drop for Barrier {
    fn drop(&mut self) {
        kernel::sync::rcu::rcu_barrier();
    }
}
