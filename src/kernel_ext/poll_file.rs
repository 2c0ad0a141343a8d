// SPDX-License-Identifier: GPL-2.0

//! What a watcher needs to know and to do of a file, beyond [`kernel::fs`].
//!
//! C headers: [`include/linux/fs.h`](srctree/include/linux/fs.h),
//! [`include/linux/poll.h`](srctree/include/linux/poll.h)

use crate::bindings;
use core::{
    marker::PhantomData,
    ops::Deref,
    ptr::{
        self,
        NonNull, //
    },
};
use kernel::{
    fs::LocalFile,
    prelude::*,
    sync::aref::ARef, //
};

/// A counted reference to a file.
pub(crate) type FileRef = ARef<LocalFile>;

/// A file that the current task has open, borrowed from its descriptor table for the time of a
/// system call: if nobody else uses that table, nothing is counted.
///
/// # Invariants
///
/// The word is what `fdget()` gave. Not `Send`, so that it stays with the task.
pub(crate) struct Borrowed(usize, PhantomData<*mut ()>);

impl Borrowed {
    /// The file with that descriptor number.
    ///
    /// # Errors
    ///
    /// `EBADF`, also if it was opened with `O_PATH`.
    pub(crate) fn get(fd: u32) -> Result<Self> {
        // SAFETY: The word is kept until the drop, in the same system call: the operations of a
        // file do not leave it behind.
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
    fn drop(&mut self) {
        if self.0 & bindings::RP_FDPUT_FPUT != 0 {
            // SAFETY: `fdget` counted a reference.
            unsafe { bindings::fput(self.as_ptr()) };
        }
    }
}

/// Whether the file has a `poll` operation.
pub(crate) fn can_poll(file: &LocalFile) -> bool {
    // SAFETY: The file is alive, and its operations do not change.
    unsafe { (*(*file.as_ptr()).f_op).poll }.is_some()
}

/// Gets a reference unless the file is being released.
///
/// # Safety
///
/// The file is allocated, and not yet freed for another one, during the call.
pub(crate) unsafe fn try_get(file: *const bindings::file) -> Option<FileRef> {
    // SAFETY: By the requirements.
    unsafe { get_raw(file).then(|| assume_got(file)) }
}

/// Gets a reference, to be had by [`assume_got`], unless the file is being released.
///
/// # Safety
///
/// As for [`try_get`].
#[inline]
pub(crate) unsafe fn get_raw(file: *const bindings::file) -> bool {
    // SAFETY: By the requirements.
    unsafe { bindings::rp_file_ref_get(file.cast_mut()) }
}

/// The reference that [`get_raw`] got.
///
/// # Safety
///
/// Called once for each.
#[inline]
pub(crate) unsafe fn assume_got(file: *const bindings::file) -> FileRef {
    // SAFETY: The count was raised, so there is a file; `LocalFile` is transparent.
    unsafe { ARef::from_raw(NonNull::new_unchecked(file.cast_mut()).cast()) }
}

/// How many references to the file there are. Others may come and go meanwhile.
pub(crate) fn references(file: &LocalFile) -> usize {
    // SAFETY: The file is alive.
    unsafe { bindings::rp_file_refs(file.as_ptr()) }
}

/// How the last close of a file can be heard of.
pub(crate) enum CloseSource {
    /// By a mark on the superblock. The files of kernel-internal file systems: sockets, pipes, and
    /// those without a place of their own.
    ///
    /// Some of them do not report what happens to them until told to by [`set_reporting`].
    SuperBlock(*mut bindings::super_block),
    /// By a mark on the inode: FIFOs, terminals, devices.
    Inode(*mut bindings::inode),
    /// Not at all: files that are silent for the security of others, as the master side of a
    /// pseudo-terminal.
    None,
}

/// How the last close of this file can be heard of.
pub(crate) fn close_source(file: &LocalFile) -> CloseSource {
    // SAFETY: The file is alive, and with it its dentry's inode.
    let inode = unsafe { bindings::rp_file_dentry_inode(file.as_ptr()) };
    // SAFETY: An inode's superblock does not change.
    let sb = unsafe { (*inode).i_sb };
    // SAFETY: The superblock is alive with its inode.
    let internal = unsafe { bindings::rp_sb_is_internal(sb) };
    if internal {
        CloseSource::SuperBlock(sb)
    } else if is_reporting(file) {
        CloseSource::Inode(inode)
    } else {
        CloseSource::None
    }
}

/// Whether the file reports what happens to it to fsnotify.
pub(crate) fn is_reporting(file: &LocalFile) -> bool {
    // SAFETY: The file is alive.
    unsafe { bindings::rp_file_is_reporting(file.as_ptr()) }
}

/// Makes a file on a kernel-internal superblock report its close, or no longer.
///
/// # Safety
///
/// The file is not yet released; its superblock is internal.
pub(crate) unsafe fn set_reporting(file: *const bindings::file, on: bool) {
    // SAFETY: By the requirements.
    unsafe { bindings::rp_file_set_reporting(file.cast_mut(), on) };
}

/// Whether the file is a socket.
pub(crate) fn is_socket(file: &LocalFile) -> bool {
    // SAFETY: The file is alive, and with it its inode, whose type does not change.
    let mode = u32::from(unsafe { (*(*file.as_ptr()).f_inode).i_mode });
    mode & bindings::S_IFMT == bindings::S_IFSOCK
}

/// The name that the kernel gave a file on a kernel-internal superblock.
pub(crate) fn internal_name(file: &LocalFile) -> Option<&CStr> {
    // SAFETY: As in `close_source`.
    let internal = unsafe {
        let inode = bindings::rp_file_dentry_inode(file.as_ptr());
        bindings::rp_sb_is_internal((*inode).i_sb)
    };
    if !internal {
        return None;
    }
    // SAFETY: Names on internal superblocks do not change, and live as long as the file.
    Some(unsafe { CStr::from_char_ptr(bindings::rp_file_dentry_name(file.as_ptr())) })
}

/// What `/proc/PID/fdinfo` says of a watched file.
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
    // SAFETY: The file is alive, and with it its inode; a torn position is no harm.
    unsafe {
        let inode = (*raw).f_inode;
        Identity {
            position: bindings::rp_file_pos(raw),
            inode: (*inode).i_ino,
            device: (*(*inode).i_sb).s_dev,
        }
    }
}
