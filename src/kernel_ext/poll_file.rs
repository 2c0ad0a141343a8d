// SPDX-License-Identifier: GPL-2.0

//! What a watcher needs to know and to do of a file, beyond [`kernel::fs`].
//!
//! C headers: [`include/linux/fs.h`](srctree/include/linux/fs.h),
//! [`include/linux/poll.h`](srctree/include/linux/poll.h)

use crate::bindings;
use core::ptr::NonNull;
use kernel::{
    fs::LocalFile,
    prelude::*,
    sync::aref::ARef, //
};

/// A counted reference to a file.
pub(crate) type FileRef = ARef<LocalFile>;

/// Whether the file has a `poll` operation.
pub(crate) fn can_poll(file: &LocalFile) -> bool {
    // SAFETY: The file is alive.
    unsafe { bindings::rp_file_can_poll(file.as_ptr()) }
}

/// Gets a reference unless the file is being released.
///
/// # Safety
///
/// The file is allocated, and not yet freed for another one, during the call.
pub(crate) unsafe fn try_get(file: *const bindings::file) -> Option<FileRef> {
    let file = NonNull::new(file.cast_mut())?;
    // SAFETY: By the requirements.
    if !unsafe { bindings::rp_file_ref_get(file.as_ptr()) } {
        return None;
    }
    // SAFETY: The count was just raised; `LocalFile` is transparent.
    Some(unsafe { ARef::from_raw(file.cast()) })
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
