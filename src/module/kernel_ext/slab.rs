// SPDX-License-Identifier: GPL-2.0

//! Slab caches and owned objects from them.
//!
//! C header: [`include/linux/slab.h`](srctree/include/linux/slab.h)

use super::global::Global;
use crate::bindings;
use core::{
    marker::PhantomData,
    ops::Deref,
    ptr::NonNull, //
};
use kernel::{
    alloc::AllocError,
    prelude::*, //
};

/// A slab cache for objects of type `T`, charged to the memory cgroup of the allocating task.
///
/// # Invariants
///
/// `cache` is a live cache whose objects have the size and alignment of `T`.
pub(crate) struct Cache<T> {
    cache: NonNull<bindings::kmem_cache>,
    _objects: PhantomData<T>,
}

// SAFETY: A `struct kmem_cache` may be used from any thread, and the cache itself holds no `T`.
unsafe impl<T> Send for Cache<T> {}
// SAFETY: As above; allocation and release synchronise in the allocator.
unsafe impl<T> Sync for Cache<T> {}

impl<T> Cache<T> {
    /// Creates a cache that is shown as `name` in `/proc/slabinfo`.
    pub(crate) fn new(name: &'static CStr) -> Result<Self> {
        // SAFETY: The name is static, and size and alignment are those of a Rust type.
        let cache = unsafe {
            bindings::rp_cache_create(
                name.as_char_ptr(),
                core::mem::size_of::<T>() as u32,
                core::mem::align_of::<T>() as u32,
            )
        };
        // INVARIANT: The cache was just created for `T`.
        Ok(Self {
            cache: NonNull::new(cache).ok_or(ENOMEM)?,
            _objects: PhantomData,
        })
    }
}

impl<T> Drop for Cache<T> {
    fn drop(&mut self) {
        // SAFETY: By the type invariant, the cache is live. If objects are left, the kernel reports
        // them and keeps their memory.
        unsafe { bindings::kmem_cache_destroy(self.cache.as_ptr()) };
    }
}

/// A type with its own slab cache.
///
/// # Safety
///
/// It is always the same global, and its cache exists as long as there are objects in it.
pub(crate) unsafe trait Cached: Sized + 'static {
    /// The global that holds the cache while the module is loaded.
    fn cache() -> &'static Global<Cache<Self>>;

    /// Drops an object that was in a [`SlabBox`] and is not used any more, and frees its memory.
    const DROP: unsafe fn(NonNull<Self>) = drop_and_free::<Self>;
}

/// The default for [`Cached::DROP`].
///
/// # Safety
///
/// The object was in a [`SlabBox`], and is not used any more.
unsafe fn drop_and_free<T: Cached>(object: NonNull<T>) {
    // SAFETY: By the requirements.
    unsafe { object.drop_in_place() };
    // SAFETY: The object is from the cache, and its value is dropped.
    unsafe { free(object) };
}

/// Memory for an object in the slab cache of its type.
///
/// # Invariants
///
/// The pointer is an uninitialised object of the cache, owned by this slot.
pub(crate) struct Slot<T: Cached>(NonNull<T>);

impl<T: Cached> Slot<T> {
    /// Allocates. May sleep.
    pub(crate) fn new() -> Result<Self, AllocError> {
        let cache = T::cache().get().cache.as_ptr();
        // SAFETY: The cache is live by the invariant of `Cache`.
        let ptr = unsafe { bindings::kmem_cache_alloc_noprof(cache, bindings::GFP_KERNEL) };
        // INVARIANT: The object is fresh.
        Ok(Self(NonNull::new(ptr.cast()).ok_or(AllocError)?))
    }

    /// Moves `value` into the slot.
    pub(crate) fn fill(self, value: T) -> SlabBox<T> {
        let object = core::mem::ManuallyDrop::new(self).0;
        // SAFETY: By the type invariant, and the invariant of `Cache` on its size.
        unsafe { object.write(value) };
        // INVARIANT: Initialised, and owned by nobody else.
        SlabBox(object)
    }

    /// Initialises the value in place.
    #[inline]
    pub(crate) fn init<E>(self, value: impl PinInit<T, E>) -> Result<SlabBox<T>, E> {
        // SAFETY: By the type invariant there is room, which does not move; an error leaves it
        // uninitialised.
        unsafe { pin_init::raw_try_init(self.0.as_ptr(), value) }?;
        // INVARIANT: Initialised, and owned by nobody else.
        Ok(SlabBox(core::mem::ManuallyDrop::new(self).0))
    }
}

impl<T: Cached> Drop for Slot<T> {
    fn drop(&mut self) {
        // SAFETY: By the type invariant.
        unsafe { free(self.0) };
    }
}

/// Returns an object without a value to its cache.
///
/// # Safety
///
/// The caller owns the object, which is from that cache, and has dropped its value.
#[inline]
pub(super) unsafe fn free<T: Cached>(object: NonNull<T>) {
    let cache = T::cache().get().cache.as_ptr();
    // SAFETY: By the requirements.
    unsafe { bindings::kmem_cache_free(cache, object.as_ptr().cast()) };
}

/// An object in the slab cache of its type, freed on drop. It never moves.
///
/// # Invariants
///
/// The pointer is an initialised object of the cache, owned by this box.
pub(crate) struct SlabBox<T: Cached>(NonNull<T>);

// SAFETY: The box owns its object.
unsafe impl<T: Cached + Send> Send for SlabBox<T> {}
// SAFETY: A shared box only provides a shared reference.
unsafe impl<T: Cached + Sync> Sync for SlabBox<T> {}

impl<T: Cached> SlabBox<T> {
    /// Gives up ownership.
    pub(crate) fn into_raw(self) -> NonNull<T> {
        core::mem::ManuallyDrop::new(self).0
    }

    /// Takes ownership back.
    ///
    /// # Safety
    ///
    /// `ptr` comes from [`SlabBox::into_raw`], and ownership is taken back once.
    pub(crate) unsafe fn from_raw(ptr: NonNull<T>) -> Self {
        // INVARIANT: By the safety requirements.
        Self(ptr)
    }
}

impl<T: Cached> Deref for SlabBox<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: By the type invariant.
        unsafe { self.0.as_ref() }
    }
}

impl<T: Cached> Drop for SlabBox<T> {
    fn drop(&mut self) {
        // SAFETY: By the type invariant this is the only owner.
        unsafe { (T::DROP)(self.0) };
    }
}
