// SPDX-License-Identifier: GPL-2.0

//! Work in process context: the work of an object, or a function that is called periodically.
//!
//! C header: [`include/linux/workqueue.h`](srctree/include/linux/workqueue.h)

use crate::bindings;
use core::{
    marker::PhantomData,
    ptr::NonNull, //
};
use kernel::{
    prelude::*,
    static_lock_class,
    sync::Arc,
    time::{
        msecs_to_jiffies,
        Jiffies, //
    },
    types::Opaque,
    workqueue::{
        impl_has_delayed_work,
        new_delayed_work,
        DelayedWork,
        Queue,
        Work,
        WorkItem, //
    },
};

/// The kernel's queue for work that may run anywhere. The kernel crate only has its old name.
fn queue() -> &'static Queue {
    // SAFETY: The queue is created at boot and stays.
    unsafe { Queue::from_raw(bindings::system_dfl_wq) }
}

/// A workqueue of this module, whose work may run on any processor.
///
/// # Invariants
///
/// The pointer refers to a workqueue that lives until the drop.
pub(crate) struct Workqueue(NonNull<bindings::workqueue_struct>);

// SAFETY: A workqueue may be used from any thread.
unsafe impl Send for Workqueue {}
// SAFETY: It has its own locks.
unsafe impl Sync for Workqueue {}

impl Workqueue {
    /// A queue whose workers are shown as `name`. About `most` of them run at the same time.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn new(name: &'static CStr, most: i32) -> Result<Self> {
        // SAFETY: The format takes one string, which is static.
        let queue = unsafe {
            bindings::alloc_workqueue_noprof(
                c"%s".as_char_ptr(),
                bindings::wq_flags_WQ_UNBOUND,
                most,
                name.as_char_ptr(),
            )
        };
        // INVARIANT: The queue was just created.
        Ok(Self(NonNull::new(queue).ok_or(ENOMEM)?))
    }
}

impl Drop for Workqueue {
    /// Waits for pending work.
    fn drop(&mut self) {
        // SAFETY: By the type invariant.
        unsafe { bindings::destroy_workqueue(self.0.as_ptr()) };
    }
}

/// An object with its own work.
///
/// # Safety
///
/// Each [`OwnWork`] for this type lies in an object of the type, at `OFFSET`, and the object calls
/// [`OwnWork::stop`] before it is dropped.
pub(crate) unsafe trait Worker: Send + Sync + Sized + 'static {
    /// Offset of the [`OwnWork`] in the object.
    const OFFSET: usize;

    /// Does the work, in process context. Not called while a call is in progress.
    fn work(&self);
}

/// The work of a `T` that contains this.
#[pin_data]
pub(crate) struct OwnWork<T> {
    #[pin]
    work: Opaque<bindings::work_struct>,
    _object: PhantomData<fn(&T)>,
}

// SAFETY: A `struct work_struct` may be used from any thread, and this contains no `T`.
unsafe impl<T> Send for OwnWork<T> {}
// SAFETY: The operations on a `struct work_struct` exclude each other.
unsafe impl<T> Sync for OwnWork<T> {}

impl<T: Worker> OwnWork<T> {
    /// Nothing is pending.
    pub(crate) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            work <- Opaque::ffi_init(|slot| {
                // SAFETY: `slot` is valid while the closure runs; name and key are static.
                unsafe {
                    bindings::init_work_with_key(
                        slot,
                        Some(work::<T>),
                        false,
                        c"repoll::OwnWork".as_char_ptr(),
                        static_lock_class!().as_ptr(),
                    )
                }
            }),
            _object: PhantomData,
        })
    }

    /// Makes a worker call [`Worker::work`], once more if a call is in progress. Does nothing if a
    /// call is pending already, or after [`OwnWork::stop`]. Callable from any context.
    pub(crate) fn start(&self, queue: &Workqueue) {
        // SAFETY: The work is initialised, as its existence shows, and by the requirements of the
        // trait it exists as long as it is pending or in progress.
        unsafe {
            bindings::queue_work_on(
                bindings::wq_misc_consts_WORK_CPU_UNBOUND as i32,
                queue.0.as_ptr(),
                self.work.get(),
            )
        };
    }

    /// Makes sure that no call is pending or in progress, and that none comes later. May sleep. Not
    /// called by the work itself.
    pub(crate) fn stop(&self) {
        // SAFETY: The work is initialised, as its existence shows.
        unsafe { bindings::disable_work_sync(self.work.get()) };
    }
}

/// # Safety
///
/// `work` lies in an [`OwnWork`] that was started.
unsafe extern "C" fn work<T: Worker>(work: *mut bindings::work_struct) {
    let work = work.cast::<Opaque<bindings::work_struct>>();
    // SAFETY: By the requirements.
    let own: *mut OwnWork<T> = unsafe { kernel::container_of!(work, OwnWork<T>, work) };
    // SAFETY: By the requirements of the trait, that lies in a `T` at this offset, which is alive.
    unsafe { &*own.byte_sub(T::OFFSET).cast::<T>() }.work();
}

/// Whether the current context is work of a workqueue, and not another task or an interrupt.
pub(crate) fn is_at_work() -> bool {
    // SAFETY: No requirements.
    !unsafe { bindings::current_work() }.is_null()
}

#[pin_data]
struct Timer {
    #[pin]
    work: DelayedWork<Timer>,
    tick: fn() -> bool,
    period: Jiffies,
}

impl_has_delayed_work! { impl HasDelayedWork<Self> for Timer { self.work } }

impl WorkItem for Timer {
    type Pointer = Arc<Self>;

    fn run(this: Arc<Self>) {
        if (this.tick)() {
            let period = this.period;
            // An error means that the work was started again meanwhile.
            let _ = queue().enqueue_delayed(this, period);
        }
    }
}

/// A function that is called periodically in process context, until it returns that nothing is left
/// to do.
pub(crate) struct Periodic(Arc<Timer>);

impl Periodic {
    /// Once started, calls `tick` every `period_ms` milliseconds until it returns false.
    pub(crate) fn new(tick: fn() -> bool, period_ms: u32) -> Result<Self> {
        Ok(Self(Arc::pin_init(
            pin_init!(Timer {
                work <- new_delayed_work!("repoll::Periodic"),
                tick,
                period: msecs_to_jiffies(period_ms),
            }),
            GFP_KERNEL,
        )?))
    }

    /// Starts the calls, unless they are already in progress. Callable from any context.
    pub(crate) fn start(&self) {
        let timer = self.0.clone();
        let period = timer.period;
        // An error means that a call is pending already.
        let _ = queue().enqueue_delayed(timer, period);
    }
}

impl Drop for Periodic {
    fn drop(&mut self) {
        // SAFETY: The work lives in the timer, and is the first field of a C `delayed_work`.
        let pending = unsafe {
            let work = DelayedWork::raw_as_work(&raw const self.0.work);
            bindings::cancel_delayed_work_sync(Work::raw_get(work).cast())
        };
        if pending {
            // SAFETY: The pending call, which will not run, owned a reference.
            drop(unsafe { Arc::from_raw(Arc::as_ptr(&self.0)) });
        }
    }
}
