// SPDX-License-Identifier: GPL-2.0

//! The keys of an item: in the tree of its instance, and in the watch table.

use kernel::{
    bindings,
    fs::LocalFile, //
};

/// The key in the instance's tree: the open file and the number under which it was added.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ItemKey {
    /// The open file. Only compared.
    file: *mut bindings::file,
    /// The descriptor number.
    fd: i32,
}

// SAFETY: The pointer is only compared.
unsafe impl Send for ItemKey {}

impl ItemKey {
    /// Below all other keys.
    pub(crate) const FIRST: Self = Self {
        file: core::ptr::null_mut(),
        fd: i32::MIN,
    };

    /// The key of `file` under the number `fd`.
    pub(crate) fn new(file: &LocalFile, fd: i32) -> Self {
        Self::of_raw(file.as_ptr(), fd)
    }

    /// The same for a file that may not be open any more.
    #[inline]
    pub(crate) fn of_raw(file: *mut bindings::file, fd: i32) -> Self {
        Self { file, fd }
    }

    /// The key for a file that is or was at this address, if any was; only for comparisons.
    pub(crate) fn at(address: usize, fd: i32) -> Self {
        Self {
            file: core::ptr::without_provenance_mut(address),
            fd,
        }
    }

    /// Above this key, and not above the next one.
    pub(crate) fn next(&self) -> Self {
        match self.fd.checked_add(1) {
            Some(fd) => Self { fd, ..*self },
            None => self.next_file(),
        }
    }

    /// Above all keys of this file, and below those of the next one.
    pub(crate) fn next_file(&self) -> Self {
        Self {
            file: self.file.wrapping_byte_add(1),
            fd: i32::MIN,
        }
    }

    /// The file's address.
    pub(crate) fn address(&self) -> usize {
        self.file.addr()
    }

    /// The descriptor number.
    pub(crate) fn fd(&self) -> i32 {
        self.fd
    }
}

/// The key in the watch table.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct WatchKey {
    /// The file, as [`Watched::address`](crate::watched::Watched::address) has it.
    pub(crate) address: usize,
    /// The user who made the instance.
    user: u32,
    /// The address of the item, which distinguishes items of one user.
    item: usize,
}

impl WatchKey {
    /// The key of the item at the address `item`.
    #[inline]
    pub(crate) fn new(address: usize, user: u32, item: usize) -> Self {
        Self {
            address,
            user,
            item,
        }
    }

    /// Not above the key of any item on this file.
    pub(crate) fn first(address: usize) -> Self {
        Self::first_of(address, 0)
    }

    /// Not above the key of any item that the user has on that file.
    pub(crate) fn first_of(address: usize, user: u32) -> Self {
        Self::new(address, user, 0)
    }

    /// Above this key, and not above the next one.
    pub(crate) fn next(self) -> Self {
        Self {
            item: self.item + 1,
            ..self
        }
    }
}
