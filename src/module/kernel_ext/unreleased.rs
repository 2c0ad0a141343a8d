// SPDX-License-Identifier: GPL-2.0

//! Files that still exist although their last reference may be gone.
//!
//! A callback for a file's wait queue or for its last close has no reference to the file, and may
//! not be able to take one. But the file is not torn down before the callback returns.
//!
//! C header: [`include/linux/fs.h`](srctree/include/linux/fs.h)

use super::poll_file::{
    self,
    FileRef, //
};
use crate::bindings;
use core::{
    marker::PhantomData,
    ptr::NonNull, //
};
use kernel::fs::LocalFile;

/// A file that is not torn down during `'a`.
///
/// # Invariants
///
/// The file's `release` is not called before the end of `'a`, so everything that belongs to the
/// file, such as its inode, exists.
#[derive(Clone, Copy)]
pub(crate) struct Unreleased<'a>(NonNull<bindings::file>, PhantomData<&'a bindings::file>);

impl Unreleased<'_> {
    /// The file at this address.
    ///
    /// # Safety
    ///
    /// The file is not released before the end of `'a`.
    #[inline]
    pub(crate) unsafe fn new(file: *mut bindings::file) -> Self {
        // INVARIANT: By the requirements.
        // SAFETY: By the requirements, there is a file at the address, so it is not null.
        Self(unsafe { NonNull::new_unchecked(file) }, PhantomData)
    }

    /// The C object.
    pub(super) fn as_ptr(self) -> *mut bindings::file {
        self.0.as_ptr()
    }

    /// The number of the file's inode.
    pub(crate) fn inode_number(self) -> u64 {
        // SAFETY: By the type invariant, the file and its inode exist; neither the file's inode nor
        // the inode's number changes.
        unsafe { (*(*self.as_ptr()).f_inode).i_ino }
    }

    /// Takes a reference, for [`poll_file::assume_got`], unless the last one is gone.
    #[inline]
    pub(crate) fn get(self) -> bool {
        // SAFETY: By the type invariant the file is not freed yet.
        unsafe { poll_file::get_raw(self.as_ptr()) }
    }

    /// Returns a reference, unless the last one is gone.
    #[inline]
    pub(crate) fn try_get(self) -> Option<FileRef> {
        // SAFETY: By the type invariant the file is not freed yet.
        unsafe { poll_file::try_get(self.as_ptr()) }
    }
}

impl<'a> From<&'a LocalFile> for Unreleased<'a> {
    #[inline]
    fn from(file: &'a LocalFile) -> Self {
        // SAFETY: A file to which there is a reference is not released.
        unsafe { Self::new(file.as_ptr()) }
    }
}
