// SPDX-License-Identifier: GPL-2.0

//! Trees of objects that stay alive for a grace period after they have left.
//!
//! C headers: [`include/linux/rbtree.h`](srctree/include/linux/rbtree.h),
//! [`include/linux/rcupdate.h`](srctree/include/linux/rcupdate.h)

use super::rbtree::{
    Keyed,
    RawTree, //
};
use core::ptr::NonNull;
use kernel::sync::rcu;

/// A tree by the objects' node number 0. It does not own the objects.
///
/// # Invariants
///
/// Each object in the tree is alive, and will be for a grace period after it has left.
pub(crate) struct RcuTree<T: Keyed<0>>(RawTree<T, 0>);

impl<T: Keyed<0>> RcuTree<T> {
    /// An empty tree.
    pub(crate) const fn new() -> Self {
        Self(RawTree::new())
    }

    /// The object with this key, as long as it cannot leave.
    pub(crate) fn find(&self, key: &T::Key) -> Option<&T> {
        let found = self.0.find(key)?;
        // SAFETY: By the type invariant, because a removal needs `&mut self`.
        Some(unsafe { found.as_ref() })
    }

    /// The object with the least key that is not below `key`. It stays valid as long as the reader
    /// reads, even if the tree changes meanwhile.
    pub(crate) fn lower_bound<'a>(&self, key: &T::Key, _reader: &'a rcu::Guard) -> Option<&'a T> {
        let found = self.0.lower_bound(key)?;
        // SAFETY: The object is in the tree now. By the type invariant, the grace period before it
        // is freed begins later, and does not end before the reader does.
        Some(unsafe { found.as_ref() })
    }

    /// Inserts an object whose key is not in the tree yet.
    ///
    /// # Safety
    ///
    /// The object is in no tree by this node. It stays in place until it is removed, and for a
    /// grace period after that.
    pub(crate) unsafe fn insert(&mut self, object: &T) {
        // INVARIANT: By the requirements.
        // SAFETY: By the requirements.
        unsafe { self.0.insert(NonNull::from(object)) };
    }

    /// Removes an object.
    ///
    /// # Safety
    ///
    /// The object is in this tree.
    pub(crate) unsafe fn remove(&mut self, object: &T) {
        // SAFETY: By the requirements.
        unsafe { self.0.remove(NonNull::from(object)) };
    }
}
