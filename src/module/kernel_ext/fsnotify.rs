// SPDX-License-Identifier: GPL-2.0

//! Notification of the last close of files, through marks on superblocks.
//!
//! A [`Group`] receives a call for each file that is released while its superblock carries a mark
//! of the group, before the file's own `release`. A mark stays as long as a [`MarkUse`] of it
//! exists, and a little longer: a use can end in atomic context, but removing a mark may sleep, so
//! a work item removes it.
//!
//! # Why superblocks
//!
//! Fsnotify destroys the marks of an object when the object ends. An open file keeps its mount, and
//! so its superblock, whose marks are destroyed only when it is no longer mounted anywhere. **So a
//! mark on a superblock stays while a file of that superblock is open**, unless its group removes
//! it.
//!
//! A mark on an inode does not: `dentry_unlink_inode()` decides that an inode without links and
//! names is dead, and then destroys its marks. No lock prevents a new name, and with it a newly
//! opened file, in between. `freeing_mark` is too late to handle that: before it is called, the
//! mark has ceased to be attached. If the mask of the inode is recalculated then, it loses the
//! events of the mark, so a close in between is missed.
//!
//! Locking: [`Group`]'s mutex is taken with nothing else held except the caller's own mutexes. The
//! listener is called inside an SRCU read-side section that all of fsnotify shares, where a sleep
//! delays the removal of all marks: the listener must not wait for other tasks.
//!
//! C header: [`include/linux/fsnotify_backend.h`](srctree/include/linux/fsnotify_backend.h)

use super::poll_file;
use crate::bindings;
use core::{
    ffi::{
        c_int,
        c_void, //
    },
    ptr, //
};
use kernel::{
    error::{
        from_err_ptr,
        to_result, //
    },
    fs::LocalFile,
    prelude::*,
    sync::{
        atomic::{
            ordering::{
                Full,
                Relaxed, //
            },
            Atomic, //
        },
        new_mutex,
        Arc,
        Mutex, //
    },
    time::{
        delay::fsleep,
        Delta, //
    },
    types::Opaque,
    workqueue::{
        impl_has_work,
        new_work,
        Queue,
        Work,
        WorkItem, //
    },
};

/// Receives a call for each file that is closed.
pub(crate) trait CloseListener: 'static {
    /// The last reference to `file` is gone; its wait queues are not torn down yet, and
    /// `release` comes later. The pointer is valid during the call. Must not wait for other tasks.
    fn closing(file: *const bindings::file);
}

/// The operations of a group, for a static.
pub(crate) struct GroupOperations(bindings::fsnotify_ops);

impl GroupOperations {
    /// The operations of a group whose listener is `L`.
    pub(crate) const fn new<L: CloseListener>() -> Self {
        Self(bindings::fsnotify_ops {
            handle_event: Some(handle_event::<L>),
            handle_inode_event: None,
            free_group_priv: None,
            freeing_mark: None,
            free_event: None,
            free_mark: Some(free_mark),
        })
    }
}

/// A mark. Fsnotify's own reference to it holds one reference count of the [`Arc`], which the
/// group's `free_mark` drops.
#[pin_data]
struct Mark {
    #[pin]
    mark: Opaque<bindings::fsnotify_mark>,
    #[pin]
    removal: Work<Mark>,
    core: Arc<Core>,
    users: Atomic<i32>,
    /// Whether the mark was removed from its object. Written under [`Core::finds`].
    removed: Atomic<bool>,
}

// SAFETY: The C object synchronises itself.
unsafe impl Send for Mark {}
// SAFETY: As above.
unsafe impl Sync for Mark {}

impl_has_work! { impl HasWork<Self> for Mark { self.removal } }

impl WorkItem for Mark {
    type Pointer = Arc<Self>;

    /// Removes the mark if it has no more users.
    fn run(this: Arc<Self>) {
        {
            let _finds = this.core.finds.lock();
            if this.users.load(Relaxed) != 0 || this.removed.xchg(true, Relaxed) {
                return;
            }
            // SAFETY: The mark was added. It is removed only here and at the end of its superblock,
            // after which `fsnotify_destroy_mark` may still be called. Our own reference to it still
            // exists, and the group is alive until all work has run.
            unsafe { bindings::fsnotify_destroy_mark(this.mark.get(), this.core.group) };
        }
        // SAFETY: This is the reference from `fsnotify_init_mark`, dropped once.
        unsafe { bindings::fsnotify_put_mark(this.mark.get()) };
    }
}

/// Keeps a mark attached.
pub(crate) struct MarkUse(Arc<Mark>);

impl MarkUse {
    /// Whether the mark is still attached to its superblock. It is detached when the superblock is
    /// released, which happens before another superblock can have the same address.
    #[inline]
    pub(crate) fn is_attached(&self) -> bool {
        // SAFETY: The mark is alive; a flag is read in one piece.
        let flags = unsafe { (&raw const (*self.0.mark.get()).flags).read_volatile() };
        flags & bindings::RP_MARK_ATTACHED != 0
    }
}

impl Drop for MarkUse {
    fn drop(&mut self) {
        if self.0.users.fetch_sub(1, Full) == 1 {
            // An error means that the work is queued already.
            let _ = self.0.core.queue().enqueue(self.0.clone());
        }
    }
}

/// The part of a group that its marks use.
///
/// # Invariants
///
/// `group` and `workqueue` are alive until [`Group`] is dropped, and are used only by work that is
/// done by then.
#[pin_data]
struct Core {
    group: *mut bindings::fsnotify_group,
    workqueue: *mut bindings::workqueue_struct,
    /// Serialises finding and removing marks.
    #[pin]
    finds: Mutex<()>,
}

// SAFETY: The pointers are to objects that synchronise themselves.
unsafe impl Send for Core {}
// SAFETY: As above.
unsafe impl Sync for Core {}

impl Core {
    fn queue(&self) -> &Queue {
        // SAFETY: By the type invariant.
        unsafe { Queue::from_raw(self.workqueue) }
    }
}

/// A group of marks.
pub(crate) struct Group(Arc<Core>);

impl Group {
    /// A group without marks, whose events go to the listener of its operations.
    pub(crate) fn new(operations: &'static GroupOperations) -> Result<Self> {
        // SAFETY: The format has no arguments.
        let workqueue = unsafe {
            bindings::alloc_workqueue_noprof(
                c"repoll_marks".as_char_ptr(),
                bindings::wq_flags_WQ_UNBOUND,
                0,
            )
        };
        if workqueue.is_null() {
            return Err(ENOMEM);
        }
        // SAFETY: The operations are static.
        let group = from_err_ptr(unsafe { bindings::fsnotify_alloc_group(&operations.0, 0) })
            .inspect_err(|_| {
                // SAFETY: The workqueue was created above and has no work.
                unsafe { bindings::destroy_workqueue(workqueue) }
            })?;
        let core = Arc::pin_init(
            pin_init!(Core {
                group,
                workqueue,
                finds <- new_mutex!(()),
            }),
            GFP_KERNEL,
        )
        .inspect_err(|_| {
            // SAFETY: Both were created above, and nobody else knows them.
            unsafe {
                bindings::fsnotify_put_group(group);
                bindings::destroy_workqueue(workqueue);
            }
        })?;
        Ok(Self(core))
    }

    /// Makes sure that the superblock of a file carries a mark as long as the returned value
    /// exists: the listener is notified of each release of a file that starts after this call. (A
    /// mark does not keep the superblock alive: see [`MarkUse::is_attached`].)
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn mark(&self, file: &LocalFile) -> Result<MarkUse> {
        let kind = bindings::RP_OBJ_SB;
        // The file keeps the superblock alive during the call.
        let raw = poll_file::super_block(file).cast::<c_void>();
        let find = || {
            // SAFETY: The superblock is alive.
            let found = unsafe { bindings::fsnotify_find_mark(raw, kind, self.0.group) };
            if found.is_null() {
                return None;
            }
            let opaque = found.cast::<Opaque<bindings::fsnotify_mark>>();
            // SAFETY: All marks of the group lie in a `Mark` in an `Arc`. Fsnotify's reference owns
            // a count of it.
            let mark = unsafe { Arc::from_raw(kernel::container_of!(opaque, Mark, mark)) };
            let user = MarkUse(mark.clone());
            let _ = Arc::into_raw(mark);
            user.0.users.add(1, Relaxed);
            // SAFETY: `fsnotify_find_mark` took a reference.
            unsafe { bindings::fsnotify_put_mark(found) };
            Some(user)
        };
        {
            let _finds = self.0.finds.lock();
            if let Some(user) = find() {
                return Ok(user);
            }
        }

        // Without the mutex, which all users share: at the limit of a memory cgroup, the allocation
        // may take long.
        let mark = Arc::pin_init(
            pin_init!(Mark {
                mark <- Opaque::ffi_init(|slot: *mut bindings::fsnotify_mark| {
                    // SAFETY: `slot` is valid for the type.
                    unsafe { ptr::write_bytes(slot, 0, 1) };
                    // SAFETY: The mark is zeroed, and the group alive.
                    unsafe { bindings::fsnotify_init_mark(slot, self.0.group) };
                    // SAFETY: The mark is initialised, and nobody else has it.
                    unsafe { (*slot).mask = bindings::RP_CLOSE_MASK };
                }),
                removal <- new_work!("repoll::removal"),
                core: self.0.clone(),
                users: Atomic::new(1),
                removed: Atomic::new(false),
            }),
            GFP_KERNEL_ACCOUNT,
        )?;
        // Fsnotify's reference, which `free_mark` drops.
        let raw_mark = mark.mark.get();
        let _ = Arc::into_raw(mark.clone());

        let _finds = self.0.finds.lock();
        let added = match find() {
            Some(user) => Err(Ok(user)),
            // SAFETY: The mark is initialised and not added, and the superblock is alive.
            None => to_result(unsafe { bindings::fsnotify_add_mark(raw_mark, raw, kind, 0) })
                .map_err(Err),
        };
        if let Err(instead) = added {
            // SAFETY: This is the reference from `fsnotify_init_mark`; without an error, it is kept
            // until the mark is removed.
            unsafe { bindings::fsnotify_put_mark(raw_mark) };
            return instead;
        }
        Ok(MarkUse(mark))
    }
}

impl Drop for Group {
    /// Waits until nobody refers to the group any more, so that none of its operations is called
    /// afterwards. Other tasks may hold a reference to a mark for a moment: while they destroy the
    /// marks of a superblock, or while they wait for a permission.
    fn drop(&mut self) {
        // All users are gone, so each mark either was removed already, or is removed by work for
        // which this waits.
        // SAFETY: By the invariant of `Core`.
        unsafe { bindings::destroy_workqueue(self.0.workqueue) };
        // SAFETY: This owns the group.
        while !unsafe { bindings::rp_fsnotify_wait_for_users(self.0.group, WORD_MS) } {
            pr_info!("unloading waits for somebody's permission to open or read a file\n");
        }
        let mut rounds = 0u32;
        loop {
            // Waits for running listeners and for `free_mark`.
            // SAFETY: The only requirement is a context that may sleep.
            unsafe { bindings::fsnotify_wait_marks_destroyed() };
            // SAFETY: This owns the group.
            if !unsafe { bindings::rp_fsnotify_has_marks(self.0.group) } {
                break;
            }
            if rounds % ROUNDS_A_WORD == ROUNDS_A_WORD - 1 {
                pr_info!("unloading waits for a superblock to let go of its mark\n");
            }
            rounds = rounds.wrapping_add(1);
            fsleep(Delta::from_millis(ROUND_MS.into()));
        }
        // SAFETY: This owns the group, and no mark refers to it any more.
        unsafe { bindings::fsnotify_put_group(self.0.group) };
    }
}

/// How often, in milliseconds, the drop of a [`Group`] logs what it waits for.
const WORD_MS: u32 = 10_000;

/// How often, in milliseconds, it checks whether marks are left.
const ROUND_MS: u32 = 10;

/// After how many checks it logs that marks are left.
const ROUNDS_A_WORD: u32 = WORD_MS / ROUND_MS;

/// # Safety
///
/// Called by fsnotify for an event of a marked superblock.
unsafe extern "C" fn handle_event<L: CloseListener>(
    _group: *mut bindings::fsnotify_group,
    mask: u32,
    data: *const c_void,
    data_type: c_int,
    _dir: *mut bindings::inode,
    _name: *const bindings::qstr,
    _cookie: u32,
    _iter: *mut bindings::fsnotify_iter_info,
) -> c_int {
    if mask & bindings::RP_CLOSE_MASK != 0 && data_type == bindings::RP_EVENT_PATH {
        // SAFETY: The path of a close event is the one inside the file, which is being released.
        L::closing(unsafe { bindings::rp_file_of_path(data) });
    }
    0
}

/// # Safety
///
/// Called by fsnotify for a mark of the group whose last reference is gone.
unsafe extern "C" fn free_mark(mark: *mut bindings::fsnotify_mark) {
    let mark = mark.cast::<Opaque<bindings::fsnotify_mark>>();
    // SAFETY: The mark lies in a `Mark`, and fsnotify's reference owned a count.
    drop(unsafe { Arc::from_raw(kernel::container_of!(mark, Mark, mark)) });
}
