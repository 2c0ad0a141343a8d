// SPDX-License-Identifier: GPL-2.0

//! Values that several objects share, each of which lies in the object that had it first.
//!
//! Most values here are shared by nobody. So each object has room for one, and making an object
//! takes one allocation. If an object goes while others use the value in it, its memory stays until
//! the last of them is gone.

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
/// The count is 1 when the value is made, and nothing but this module changes it.
pub(crate) unsafe trait Counted: Send + Sync {
    /// The count.
    fn count(&self) -> &Refcount;
}

/// How many users there are, at this moment, by a count. (Atomics call a function for that.)
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

/// An object's part of the value that it uses: where that is, and room for one.
///
/// # Invariants
///
/// `host` is an object's memory, in whose room there is a value, of whose count one belongs to
/// this.
pub(crate) struct Hosted<T: User> {
    host: NonNull<T>,
    room: UnsafeCell<MaybeUninit<T::Value>>,
}

// SAFETY: The value may be used and dropped by any thread.
unsafe impl<T: User> Send for Hosted<T> {}
// SAFETY: Nothing but shared references to the value is handed out.
unsafe impl<T: User> Sync for Hosted<T> {}

impl<T: User> Hosted<T> {
    /// Makes a value of the object's own.
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
        // INVARIANT: It was just counted.
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
        // SAFETY: By the requirements; the object was made with a value of its own.
        unsafe {
            (*hosted).room.get().cast::<T::Value>().drop_in_place();
            // INVARIANT: The count was the argument's.
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
/// As those of [`Hosted`].
pub(crate) struct Shared<T: User>(NonNull<T>);

// SAFETY: The value may be used and dropped by any thread.
unsafe impl<T: User> Send for Shared<T> {}
// SAFETY: Nothing but shared references to the value is handed out.
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
        // If this is the only reference, nobody can make others.
        if count.as_atomic().load(Acquire) == 1 || count.dec_and_test() {
            let hosted = of(self.0);
            // SAFETY: This was the last use of the value.
            unsafe { (*hosted).room.get().cast::<T::Value>().drop_in_place() };
            // SAFETY: The object was dropped, or it would be a user.
            unsafe { slab::free(self.0) };
        }
    }
}

/// Drops an object, and its memory unless others use the value in it.
///
/// # Safety
///
/// As [`Cached::DROP`].
#[inline]
pub(crate) unsafe fn drop_user<T: User>(object: NonNull<T>) {
    // SAFETY: The object is alive.
    let host = unsafe { (*of(object)).host };
    // SAFETY: By the requirements. The room is not dropped with it.
    unsafe { object.drop_in_place() };
    if host != object {
        // SAFETY: The object is dropped, and nobody uses its room.
        unsafe { slab::free(object) };
    }
    // The object's own.
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
