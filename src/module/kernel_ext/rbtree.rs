// SPDX-License-Identifier: GPL-2.0

//! Red-black trees whose nodes lie in the objects.
//!
//! [`kernel::rbtree`] allocates and owns its nodes. Here the object contains the node, so that it
//! can come from its own slab cache with one allocation, and be in several trees at once.
//!
//! C header: [`include/linux/rbtree.h`](srctree/include/linux/rbtree.h)

use super::slab::{
    Cached,
    SlabBox, //
};
use crate::bindings;
use core::{
    cmp::Ordering,
    marker::PhantomData,
    ptr::{
        self,
        NonNull, //
    },
};
use kernel::types::Opaque;

/// The node inside an object.
#[repr(transparent)]
pub(crate) struct Node(Opaque<bindings::rb_node>);

impl Node {
    /// A node that is in no tree.
    pub(crate) const fn new() -> Self {
        Self(Opaque::uninit())
    }
}

/// An object that can be in a tree by its node number `ID`.
///
/// # Safety
///
/// `OFFSET` is the offset of that [`Node`] in the object, only the tree uses the node, and the key
/// does not change while the object is in the tree.
pub(crate) unsafe trait Keyed<const ID: usize>: Sized {
    /// The type of the keys by which the tree is sorted.
    type Key: Ord;
    /// Offset of the node in the object.
    const OFFSET: usize;
    /// The key.
    fn key(&self) -> Self::Key;
}

/// A tree that does not own its objects.
///
/// # Invariants
///
/// Every node below `root` lies in an object that is alive; no two keys are equal; the nodes are in
/// the order of their keys.
pub(crate) struct RawTree<T: Keyed<ID>, const ID: usize> {
    root: bindings::rb_root,
    _objects: PhantomData<NonNull<T>>,
}

// SAFETY: The tree only returns pointers, whose users have their own safety comments.
unsafe impl<T: Keyed<ID> + Send + Sync, const ID: usize> Send for RawTree<T, ID> {}

impl<T: Keyed<ID>, const ID: usize> RawTree<T, ID> {
    /// An empty tree.
    pub(crate) const fn new() -> Self {
        Self {
            root: bindings::rb_root {
                rb_node: core::ptr::null_mut(),
            },
            _objects: PhantomData,
        }
    }

    fn node(object: NonNull<T>) -> *mut bindings::rb_node {
        object.as_ptr().wrapping_byte_add(T::OFFSET).cast()
    }

    fn object(node: *mut bindings::rb_node) -> *mut T {
        node.wrapping_byte_sub(T::OFFSET).cast()
    }

    /// Any object, namely the one at the root.
    pub(crate) fn any(&self) -> Option<NonNull<T>> {
        if self.root.rb_node.is_null() {
            return None;
        }
        NonNull::new(Self::object(self.root.rb_node))
    }

    /// The object with this key.
    #[inline]
    pub(crate) fn find(&self, key: &T::Key) -> Option<NonNull<T>> {
        let mut node = self.root.rb_node;
        while !node.is_null() {
            let object = Self::object(node);
            // SAFETY: By the type invariant the object is alive.
            node = match key.cmp(&unsafe { &*object }.key()) {
                Ordering::Equal => return NonNull::new(object),
                // SAFETY: The node is alive with its object.
                Ordering::Less => unsafe { (*node).rb_left },
                // SAFETY: As above.
                Ordering::Greater => unsafe { (*node).rb_right },
            };
        }
        None
    }

    /// The object with the least key that is not below `key`.
    pub(crate) fn lower_bound(&self, key: &T::Key) -> Option<NonNull<T>> {
        let mut node = self.root.rb_node;
        let mut above = None;
        while !node.is_null() {
            let object = Self::object(node);
            // SAFETY: By the type invariant the object is alive.
            match key.cmp(&unsafe { &*object }.key()) {
                Ordering::Equal => return NonNull::new(object),
                Ordering::Less => {
                    above = NonNull::new(object);
                    // SAFETY: The node is alive with its object.
                    node = unsafe { (*node).rb_left };
                }
                // SAFETY: As above.
                Ordering::Greater => node = unsafe { (*node).rb_right },
            }
        }
        above
    }

    /// Like [`RawTree::lower_bound`]: objects are alive, and a removal needs `&mut self`.
    #[inline]
    pub(crate) fn get_from(&self, key: &T::Key) -> Option<&T> {
        let object = self.lower_bound(key)?;
        // SAFETY: By the type invariant, and as stated above.
        Some(unsafe { object.as_ref() })
    }

    /// The object with the next key.
    ///
    /// # Safety
    ///
    /// `object` is in this tree.
    pub(crate) unsafe fn next(&self, object: NonNull<T>) -> Option<NonNull<T>> {
        // SAFETY: By the requirements.
        let next = unsafe { bindings::rb_next(Self::node(object)) };
        if next.is_null() {
            return None;
        }
        NonNull::new(Self::object(next))
    }

    /// The place for an object with this key. `None` if there is one already.
    #[inline(always)]
    fn gap(&mut self, key: &T::Key) -> Option<Gap> {
        let mut parent = ptr::null_mut();
        let mut link = &raw mut self.root.rb_node;
        // SAFETY: `link` points to the child pointer of the root or of a live node.
        while let Some(node) = NonNull::new(unsafe { *link }) {
            parent = node.as_ptr();
            // SAFETY: By the type invariant the object is alive.
            link = match key.cmp(&unsafe { &*Self::object(parent) }.key()) {
                Ordering::Equal => return None,
                // SAFETY: The node is alive.
                Ordering::Less => unsafe { &raw mut (*parent).rb_left },
                // SAFETY: As above.
                Ordering::Greater => unsafe { &raw mut (*parent).rb_right },
            };
        }
        Some(Gap { parent, link })
    }

    /// Inserts `object` at this place.
    ///
    /// # Safety
    ///
    /// The object is in no tree by this node, and stays alive and in place until it is removed. The
    /// place was just found in this tree, for its key.
    #[inline(always)]
    unsafe fn insert_at(&mut self, Gap { parent, link }: Gap, object: NonNull<T>) {
        let node = Self::node(object);
        // SAFETY: `link` is the empty child pointer of `parent` where the order requires the node,
        // and the node is in no tree. If only the bits of the parent are set, the node is red.
        unsafe {
            node.write(bindings::rb_node {
                __rb_parent_color: parent.expose_provenance() as kernel::ffi::c_ulong,
                rb_right: ptr::null_mut(),
                rb_left: ptr::null_mut(),
            });
            *link = node;
        }
        // SAFETY: The node was just linked into this tree.
        unsafe { bindings::rb_insert_color(node, &mut self.root) };
    }

    /// Inserts `object` and returns true. If its key is there already, does nothing and returns
    /// false.
    ///
    /// # Safety
    ///
    /// The object is in no tree by this node, and stays alive and in place until it is removed.
    pub(crate) unsafe fn insert(&mut self, object: NonNull<T>) -> bool {
        // SAFETY: By the requirements.
        let key = unsafe { object.as_ref() }.key();
        let Some(gap) = self.gap(&key) else {
            return false;
        };
        // SAFETY: By the requirements, and as just found.
        unsafe { self.insert_at(gap, object) };
        true
    }

    /// Removes `object`.
    ///
    /// # Safety
    ///
    /// `object` is in this tree.
    pub(crate) unsafe fn remove(&mut self, object: NonNull<T>) {
        // SAFETY: By the requirements.
        unsafe { bindings::rb_erase(Self::node(object), &mut self.root) };
    }
}

/// An empty place in a tree, as long as that does not change.
struct Gap {
    parent: *mut bindings::rb_node,
    link: *mut *mut bindings::rb_node,
}

/// A place for an object in a tree.
pub(crate) struct Vacancy<'a, T: Keyed<0>> {
    tree: &'a mut RawTree<T, 0>,
    gap: Gap,
    key: T::Key,
}

impl<'a, T: Keyed<0> + Cached> Vacancy<'a, T> {
    /// Inserts `object`, whose key must be the one that was searched for.
    #[inline(always)]
    pub(crate) fn fill(self, object: SlabBox<T>) -> &'a T {
        debug_assert!(object.key() == self.key);
        let object = object.into_raw();
        // SAFETY: A boxed object is in no tree that owns it; it lives until it is removed. The tree
        // was borrowed when the place was found.
        unsafe { self.tree.insert_at(self.gap, object) };
        // SAFETY: As in `Tree::lower_bound`.
        unsafe { object.as_ref() }
    }
}

/// A tree that owns its objects, by their node number 0.
///
/// # Invariants
///
/// All objects in `raw` came from [`SlabBox::into_raw`].
pub(crate) struct Tree<T: Keyed<0> + Cached> {
    raw: RawTree<T, 0>,
    _objects: PhantomData<SlabBox<T>>,
}

impl<T: Keyed<0> + Cached> Tree<T> {
    /// An empty tree.
    pub(crate) const fn new() -> Self {
        Self {
            raw: RawTree::new(),
            _objects: PhantomData,
        }
    }

    /// The object with this key.
    #[inline]
    pub(crate) fn find(&self, key: &T::Key) -> Option<&T> {
        let object = self.raw.find(key)?;
        // SAFETY: As in `lower_bound`.
        Some(unsafe { object.as_ref() })
    }

    /// The object with the least key that is not below `key`.
    pub(crate) fn lower_bound(&self, key: &T::Key) -> Option<&T> {
        let object = self.raw.lower_bound(key)?;
        // SAFETY: The object lives as long as it is in the tree, and a removal needs `&mut self`.
        Some(unsafe { object.as_ref() })
    }

    /// The object with the next key after that of `object`, which is in this tree.
    pub(crate) fn after(&self, object: &T) -> Option<&T> {
        let object = self.raw.lower_bound(&object.key())?;
        // SAFETY: The object was just found here; it lives as stated in `lower_bound`.
        unsafe { self.raw.next(object).map(|object| object.as_ref()) }
    }

    /// The place for an object with this key. `None` if there is one already.
    #[inline(always)]
    pub(crate) fn vacancy(&mut self, key: T::Key) -> Option<Vacancy<'_, T>> {
        let gap = self.raw.gap(&key)?;
        Some(Vacancy {
            tree: &mut self.raw,
            gap,
            key,
        })
    }

    /// Inserts `object`. Returns it if its key is there already.
    pub(crate) fn insert(&mut self, object: SlabBox<T>) -> Result<&T, SlabBox<T>> {
        let object = object.into_raw();
        // SAFETY: A boxed object is in no tree that owns it; it lives until it is removed.
        if unsafe { self.raw.insert(object) } {
            // SAFETY: As in `lower_bound`.
            Ok(unsafe { object.as_ref() })
        } else {
            // SAFETY: The tree did not take the object.
            Err(unsafe { SlabBox::from_raw(object) })
        }
    }

    /// Removes the object with this key.
    pub(crate) fn remove(&mut self, key: &T::Key) -> Option<SlabBox<T>> {
        let object = NonNull::from(self.find(key)?);
        // SAFETY: The object was just found here.
        Some(unsafe { self.take(object) })
    }

    /// Removes any object.
    pub(crate) fn pop(&mut self) -> Option<SlabBox<T>> {
        let object = self.raw.any()?;
        // SAFETY: The object was just found here.
        Some(unsafe { self.take(object) })
    }

    /// # Safety
    ///
    /// `object` is in this tree.
    unsafe fn take(&mut self, object: NonNull<T>) -> SlabBox<T> {
        // SAFETY: By the requirements.
        unsafe { self.raw.remove(object) };
        // SAFETY: The object came from a box, and nothing else owns it now.
        unsafe { SlabBox::from_raw(object) }
    }
}

impl<T: Keyed<0> + Cached> Drop for Tree<T> {
    fn drop(&mut self) {
        while self.pop().is_some() {}
    }
}
