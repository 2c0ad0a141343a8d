// SPDX-License-Identifier: GPL-2.0

//! Values that several objects share, each of which lies in the first object that used it.
//!
//! Most values here have only one user. So each object has room for one, and creating an object
//! takes one allocation. If an object is dropped while others use the value in it, its memory stays
//! until the last of them is dropped.

use super::slab::{
    self,
    Cached,
    SlabBox, //
};
use core::{
    cell::UnsafeCell,
    mem::MaybeUninit,
    ops::Deref,
    ptr::NonNull, //
};
use kernel::{
    prelude::*,
    sync::{
        atomic::ordering::Acquire,
        Refcount, //
    },
};

/// A value that counts its users.
///
/// # Safety
///
/// The count is 1 when the value is created, and only this module changes it.
pub(crate) unsafe trait Counted: Send + Sync {
    /// The count.
    fn count(&self) -> &Refcount;
}

/// The current number of users, according to a count. (Atomics call a function for that.)
#[inline]
pub(crate) fn users(count: &Refcount) -> usize {
    // SAFETY: The pointer is valid and aligned; a word is read in one piece.
    let users = unsafe { count.as_atomic().as_ptr().read_volatile() };
    usize::try_from(users).unwrap_or(0)
}

/// An object that uses a shared value.
///
/// # Safety
///
/// `HOSTED` is the offset of the [`Hosted`] in the object, and [`Cached::DROP`] is [`drop_user`].
pub(crate) unsafe trait User: Cached + Send + Sync {
    /// The value.
    type Value: Counted;
    /// Offset of the [`Hosted`].
    const HOSTED: usize;
}

/// An object's part of the value that it uses: the location of the value, and room for one.
///
/// # Invariants
///
/// `host` is the memory of an object, with a value in its room. One count of this value belongs to
/// this.
pub(crate) struct Hosted<T: User> {
    host: NonNull<T>,
    room: UnsafeCell<MaybeUninit<T::Value>>,
}

// SAFETY: The value may be used and dropped by any thread.
unsafe impl<T: User> Send for Hosted<T> {}
// SAFETY: This only returns shared references to the value.
unsafe impl<T: User> Sync for Hosted<T> {}

impl<T: User> Hosted<T> {
    /// Creates a value in the object itself.
    #[inline]
    pub(crate) fn new<E>(value: impl PinInit<T::Value, E>) -> impl PinInit<Self, E> {
        let init = move |slot: *mut Self| {
            // SAFETY: There is room in the slot, which does not move.
            unsafe { pin_init::raw_try_init((&raw mut (*slot).room).cast::<T::Value>(), value) }?;
            let object = slot.wrapping_byte_sub(T::HOSTED).cast::<T>();
            // INVARIANT: The count of a new value is 1.
            // SAFETY: There is room in the slot; an object is not at the address 0.
            unsafe { (&raw mut (*slot).host).write(NonNull::new_unchecked(object)) };
            Ok(())
        };
        // SAFETY: Both fields are initialised, unless there is an error.
        unsafe { pin_init::pin_init_from_closure(init) }
    }

    /// Another reference to the value.
    #[inline]
    pub(crate) fn share(&self) -> Shared<T> {
        self.count().inc();
        // INVARIANT: The reference was just counted.
        Shared(self.host)
    }

    /// Makes a new object use another value than its own.
    ///
    /// # Safety
    ///
    /// Nobody else has a reference to the object or its value.
    pub(crate) unsafe fn join(object: &SlabBox<T>, value: Shared<T>) {
        let value = core::mem::ManuallyDrop::new(value);
        let hosted = of(NonNull::from(&**object));
        // SAFETY: By the requirements; the object was created with its own value.
        unsafe {
            (*hosted).room.get().cast::<T::Value>().drop_in_place();
            // INVARIANT: The count belonged to the argument.
            (&raw mut (*hosted).host).write(value.0);
        }
    }
}

impl<T: User> Deref for Hosted<T> {
    type Target = T::Value;

    #[inline]
    fn deref(&self) -> &T::Value {
        // SAFETY: By the type invariant.
        unsafe { value_in(self.host) }
    }
}

/// A counted reference to a shared value.
///
/// # Invariants
///
/// Those of [`Hosted`].
pub(crate) struct Shared<T: User>(NonNull<T>);

// SAFETY: The value may be used and dropped by any thread.
unsafe impl<T: User> Send for Shared<T> {}
// SAFETY: This only returns shared references to the value.
unsafe impl<T: User> Sync for Shared<T> {}

impl<T: User> Deref for Shared<T> {
    type Target = T::Value;

    #[inline]
    fn deref(&self) -> &T::Value {
        // SAFETY: By the type invariant.
        unsafe { value_in(self.0) }
    }
}

impl<T: User> Drop for Shared<T> {
    #[inline]
    fn drop(&mut self) {
        let count = self.count();
        // If this is the only reference, nobody can create others.
        if count.as_atomic().load(Acquire) == 1 || count.dec_and_test() {
            let hosted = of(self.0);
            // SAFETY: This was the last use of the value.
            unsafe { (*hosted).room.get().cast::<T::Value>().drop_in_place() };
            // SAFETY: The object was dropped; otherwise it would be a user.
            unsafe { slab::free(self.0) };
        }
    }
}

/// Drops an object, and also frees its memory unless others use the value in it.
///
/// # Safety
///
/// Those of [`Cached::DROP`].
#[inline]
pub(crate) unsafe fn drop_user<T: User>(object: NonNull<T>) {
    // SAFETY: The object is alive.
    let host = unsafe { (*of(object)).host };
    // SAFETY: By the requirements. This does not drop the room.
    unsafe { object.drop_in_place() };
    if host != object {
        // SAFETY: The object is dropped, and nobody uses its room.
        unsafe { slab::free(object) };
    }
    // The object's own reference.
    drop(Shared(host));
}

#[inline]
fn of<T: User>(object: NonNull<T>) -> *mut Hosted<T> {
    object.as_ptr().wrapping_byte_add(T::HOSTED).cast()
}

/// The value in an object's room.
///
/// # Safety
///
/// There is one during `'a`.
#[inline]
unsafe fn value_in<'a, T: User>(host: NonNull<T>) -> &'a T::Value {
    // SAFETY: By the requirements.
    unsafe { &*(*of(host)).room.get().cast::<T::Value>() }
}
