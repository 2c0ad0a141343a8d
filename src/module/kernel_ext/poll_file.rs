// SPDX-License-Identifier: GPL-2.0

//! Operations on files that a watcher needs, beyond [`kernel::fs`].
//!
//! C headers: [`include/linux/fs.h`](srctree/include/linux/fs.h),
//! [`include/linux/poll.h`](srctree/include/linux/poll.h)

use crate::bindings;
use core::{
    marker::PhantomData,
    mem::{
        ManuallyDrop,
        MaybeUninit, //
    },
    ops::Deref,
    ptr::{
        self,
        NonNull, //
    },
};
use kernel::{
    fs::LocalFile,
    prelude::*, //
};

/// A counted reference to a file.
///
/// The drop of the last reference has to release the file. `fput()` does that when the current task
/// returns to user mode, so a task that sleeps before it returns would keep the file open as long
/// as it sleeps. The drop of this type makes a worker release the file instead. A caller without
/// locks may release the file at once, with [`LastRefs`].
///
/// # Invariants
///
/// The reference is owned, and does not use the file's position.
pub(crate) struct FileRef(NonNull<LocalFile>);

// SAFETY: A reference may be dropped by any task, and the position is not used.
unsafe impl Send for FileRef {}
// SAFETY: Sharing it provides shared access to the file, which has its own locks.
unsafe impl Sync for FileRef {}

impl FileRef {
    /// Takes a reference to a file that is open.
    pub(crate) fn new(file: &LocalFile) -> Self {
        let file = NonNull::from(file);
        // SAFETY: The file is open, as the argument shows. INVARIANT: The count is raised.
        unsafe { bindings::rp_get_file(file.as_ptr().cast()) };
        Self(file)
    }

    /// Drops the reference and returns true, unless it is the last one. In that case, keeps it.
    ///
    /// # Safety
    ///
    /// If the reference was dropped, it is not used any more.
    #[inline(always)]
    unsafe fn put_unless_last(&self) -> bool {
        // SAFETY: The reference is owned.
        unsafe { bindings::rp_file_put_unless_last(self.0.as_ptr().cast()) }
    }
}

impl Deref for FileRef {
    type Target = LocalFile;

    fn deref(&self) -> &LocalFile {
        // SAFETY: By the type invariant.
        unsafe { self.0.as_ref() }
    }
}

impl Drop for FileRef {
    #[inline]
    fn drop(&mut self) {
        #[cold]
        fn put_last(file: *mut bindings::file) {
            // SAFETY: The reference was owned, and is dropped here.
            unsafe { bindings::rp_fput_by_worker(file) };
        }
        // SAFETY: The reference is not used afterwards.
        if !unsafe { self.put_unless_last() } {
            put_last(self.0.as_ptr().cast());
        }
    }
}

/// References that turned out to be the last ones of their files when they were dropped. Nobody can
/// take new ones, so these files are as good as closed.
///
/// # Invariants
///
/// The first `len` slots hold references.
pub(crate) struct LastRefs<const N: usize> {
    len: usize,
    slots: [MaybeUninit<FileRef>; N],
}

impl<const N: usize> LastRefs<N> {
    /// No references.
    #[inline]
    pub(crate) const fn new() -> Self {
        Self {
            len: 0,
            slots: [const { MaybeUninit::uninit() }; N],
        }
    }

    /// Drops a reference, or keeps it if it is the last one. If there is no room for it, a worker
    /// releases the file.
    #[inline(always)]
    pub(crate) fn put(&mut self, file: FileRef) {
        let file = ManuallyDrop::new(file);
        // SAFETY: The reference is not used any more if it was dropped.
        if !unsafe { file.put_unless_last() } {
            self.keep(ManuallyDrop::into_inner(file));
        }
    }

    #[cold]
    fn keep(&mut self, last: FileRef) {
        if let Some(slot) = self.slots.get_mut(self.len) {
            // INVARIANT: The slot is filled.
            slot.write(last);
            self.len += 1;
        }
    }

    /// Whether there are no references.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Releases the files now. May sleep as long as their `release` does, and takes any lock that
    /// this may take, so the caller must hold none.
    pub(crate) fn release(mut self) {
        while let Some(file) = self.pop() {
            let file = ManuallyDrop::new(file);
            // SAFETY: The reference is owned, and is dropped here.
            unsafe { bindings::__fput_sync(file.as_ptr()) };
        }
    }

    fn pop(&mut self) -> Option<FileRef> {
        self.len = self.len.checked_sub(1)?;
        // SAFETY: By the type invariant, the slot held a reference; it does not count any more.
        Some(unsafe { self.slots.get(self.len)?.assume_init_read() })
    }
}

impl<const N: usize> Drop for LastRefs<N> {
    #[inline]
    fn drop(&mut self) {
        while let Some(file) = self.pop() {
            drop(file);
        }
    }
}

/// A file that the current task has open, borrowed from its descriptor table for the duration of a
/// system call: if nobody else uses that table, no reference is counted.
///
/// # Invariants
///
/// The word is the result of `fdget()`. Not `Send`, so that it stays with the task.
pub(crate) struct Borrowed(usize, PhantomData<*mut ()>);

impl Borrowed {
    /// The file with this descriptor number.
    ///
    /// # Errors
    ///
    /// `EBADF`, also if it was opened with `O_PATH`.
    pub(crate) fn get(fd: u32) -> Result<Self> {
        // SAFETY: The word is kept until the drop, in the same system call, because the operations
        // of a file do not keep it when they return.
        match unsafe { bindings::rp_fdget(fd) } {
            0 => Err(EBADF),
            word => Ok(Self(word, PhantomData)),
        }
    }
}

impl Deref for Borrowed {
    type Target = LocalFile;

    fn deref(&self) -> &LocalFile {
        let file = self.0 & !bindings::RP_FDPUT_FLAGS;
        // SAFETY: By the type invariant the file stays open, and its position is not in use here.
        unsafe { LocalFile::from_raw_file(ptr::with_exposed_provenance(file)) }
    }
}

impl Drop for Borrowed {
    #[inline]
    fn drop(&mut self) {
        #[cold]
        fn put(file: *mut bindings::file) {
            // SAFETY: `fdget` counted a reference, which is dropped once.
            drop(unsafe { assume_got(file) });
        }
        if self.0 & bindings::RP_FDPUT_FPUT != 0 {
            put(self.as_ptr());
        }
    }
}

/// Whether the file has a `poll` operation.
pub(crate) fn can_poll(file: &LocalFile) -> bool {
    // SAFETY: The file is alive, and its operations do not change.
    unsafe { (*(*file.as_ptr()).f_op).poll }.is_some()
}

/// Takes a reference unless the file is being released.
///
/// # Safety
///
/// During the call, the file is allocated, and its memory is not reused for another one.
pub(crate) unsafe fn try_get(file: *const bindings::file) -> Option<FileRef> {
    // SAFETY: By the requirements.
    unsafe { get_raw(file).then(|| assume_got(file)) }
}

/// Takes a reference, for [`assume_got`], unless the file is being released.
///
/// # Safety
///
/// Those of [`try_get`].
#[inline]
pub(crate) unsafe fn get_raw(file: *const bindings::file) -> bool {
    // SAFETY: By the requirements.
    unsafe { bindings::rp_file_ref_get(file.cast_mut()) }
}

/// The reference that [`get_raw`] has taken.
///
/// # Safety
///
/// Called once for each reference.
#[inline]
pub(crate) unsafe fn assume_got(file: *const bindings::file) -> FileRef {
    // SAFETY: The count was raised, so the file exists; `LocalFile` is transparent.
    // INVARIANT: By the requirements, the caller owns the reference.
    FileRef(unsafe { NonNull::new_unchecked(file.cast_mut()).cast() })
}

/// The number of references to the file. Others may come and go meanwhile.
pub(crate) fn references(file: &LocalFile) -> usize {
    // SAFETY: The file is alive.
    unsafe { bindings::rp_file_refs(file.as_ptr()) }
}

/// How the last close of a file can be noticed.
pub(crate) enum CloseSource {
    /// By a mark on its superblock.
    ///
    /// On kernel-internal superblocks some files do not report to fsnotify until
    /// [`set_reporting`] makes them.
    SuperBlock,
    /// By the file's own last wake-up.
    Eventfd(Eventfd),
    /// Not at all: the file reports nothing for the security of other users, like the master side
    /// of a pseudo-terminal.
    None,
}

/// The superblock whose marks are notified of events on a file. It is alive as long as the file is
/// open.
#[inline]
pub(crate) fn super_block(file: &LocalFile) -> *mut bindings::super_block {
    // SAFETY: The file is alive, and with it its dentry's inode, whose superblock does not change.
    unsafe { (*bindings::rp_file_dentry_inode(file.as_ptr())).i_sb }
}

/// How the last close of this file can be noticed.
pub(crate) fn close_source(file: &LocalFile) -> CloseSource {
    let sb = super_block(file);
    if is_reporting(file) {
        return CloseSource::SuperBlock;
    }
    if let Some(eventfd) = Eventfd::of(file) {
        return CloseSource::Eventfd(eventfd);
    }
    // SAFETY: The superblock is alive with its file.
    match unsafe { bindings::rp_sb_is_internal(sb) } {
        true => CloseSource::SuperBlock,
        false => CloseSource::None,
    }
}

/// The context of an eventfd's files, with its wait queue. It may outlive them.
///
/// Their release wakes that queue with `POLLHUP`, which nothing else does: KVM's irqfds also rely
/// on this.
///
/// C header: [`include/linux/eventfd.h`](srctree/include/linux/eventfd.h)
///
/// # Invariants
///
/// A reference to the context is owned.
pub(crate) struct Eventfd(NonNull<bindings::eventfd_ctx>);

// SAFETY: A context is reference-counted and has its own lock.
unsafe impl Send for Eventfd {}
// SAFETY: A shared reference can only be used to get the address.
unsafe impl Sync for Eventfd {}

impl Eventfd {
    /// The eventfd of the file, if it has one.
    fn of(file: &LocalFile) -> Option<Self> {
        // SAFETY: The file is alive.
        NonNull::new(unsafe { bindings::rp_eventfd_of(file.as_ptr()) }).map(Self)
    }

    /// The address of the context, which no other context has while this exists.
    pub(crate) fn addr(&self) -> usize {
        self.0.addr().get()
    }
}

impl Drop for Eventfd {
    fn drop(&mut self) {
        // SAFETY: By the type invariant.
        unsafe { bindings::rp_eventfd_put(self.0.as_ptr()) };
    }
}

/// Whether the file reports to fsnotify.
#[inline]
pub(crate) fn is_reporting(file: &LocalFile) -> bool {
    // SAFETY: The file is alive; the mode is read in one piece.
    let mode = unsafe { (&raw const (*file.as_ptr()).f_mode).read_volatile() };
    mode & bindings::RP_FMODE_FSNOTIFY != bindings::RP_FMODE_NONOTIFY
}

/// Makes a file on a kernel-internal superblock report its close, or not report it.
pub(crate) fn set_reporting(file: &LocalFile, on: bool) {
    // SAFETY: The file is alive.
    unsafe { bindings::rp_file_set_reporting(file.as_ptr(), on) };
}

/// Whether the file is a socket.
pub(crate) fn is_socket(file: &LocalFile) -> bool {
    // SAFETY: The file is alive, and with it its inode, whose type does not change.
    let mode = u32::from(unsafe { (*(*file.as_ptr()).f_inode).i_mode });
    mode & bindings::S_IFMT == bindings::S_IFSOCK
}

/// The name that the kernel gave a file on a kernel-internal superblock.
pub(crate) fn internal_name(file: &LocalFile) -> Option<&CStr> {
    // SAFETY: The superblock is alive with its file.
    if !unsafe { bindings::rp_sb_is_internal(super_block(file)) } {
        return None;
    }
    // SAFETY: Names on internal superblocks do not change, and live as long as the file.
    Some(unsafe { CStr::from_char_ptr(bindings::rp_file_dentry_name(file.as_ptr())) })
}

/// The identity of a watched file in `/proc/PID/fdinfo`.
pub(crate) struct Identity {
    /// File position.
    pub(crate) position: i64,
    /// Inode number.
    pub(crate) inode: u64,
    /// Device of the superblock.
    pub(crate) device: u32,
}

/// Reads a file's identity.
pub(crate) fn identity(file: &LocalFile) -> Identity {
    let raw = file.as_ptr();
    // SAFETY: The file is alive, and with it its inode; a torn position does no harm.
    unsafe {
        let inode = (*raw).f_inode;
        Identity {
            position: bindings::rp_file_pos(raw),
            inode: (*inode).i_ino,
            device: (*(*inode).i_sb).s_dev,
        }
    }
}
