// SPDX-License-Identifier: GPL-2.0

//! All instances by their ids, and the rules for who may see them.
//!
//! An instance is registered from the time when its file exists until that is released. Its memory
//! stays for one more grace period. So a task that finds an instance under the registry's lock can
//! take a reference to its file, and a task that finds one under RCU can use it without.

use crate::{
    cursor::Cipher,
    kernel_ext::{
        once::Once,
        poll_file::{
            self,
            FileRef, //
        },
        process::Process,
        rbtree::{
            Keyed,
            Node, //
        },
        rcu_tree::RcuTree,
        task, //
    },
};
use core::{
    mem::offset_of,
    ptr, //
};
use kernel::{
    new_spinlock,
    prelude::*,
    sync::{
        rcu,
        SpinLock, //
    },
};

/// An instance's node in the registry, and its creator.
pub(crate) struct Registration {
    /// Accessed under the registry's lock.
    node: Node,
    /// 0 before the instance is in the registry.
    id: Once<u64>,
    process: Process,
    /// The user whom the instance is charged to.
    user: u32,
    /// Whether the creator's real, effective and saved IDs were the same, namely `user` and
    /// `group`.
    private: bool,
    group: u32,
}

// SAFETY: The node is accessed under the lock, and the rest by any thread.
unsafe impl Send for Registration {}
// SAFETY: Only the node changes, under the lock, and the id, which is atomic.
unsafe impl Sync for Registration {}

impl Registration {
    /// The offset of the node.
    pub(crate) const NODE: usize = offset_of!(Self, node);

    /// The current task creates an instance.
    pub(crate) fn new() -> Self {
        Self {
            node: Node::new(),
            id: Once::new(0),
            process: Process::current(),
            user: task::current_user(),
            private: task::current_is_one_user(),
            group: task::current_effective_group(),
        }
    }

    /// The instance's id.
    pub(crate) fn id(&self) -> u64 {
        self.id.read()
    }

    /// The process that created it.
    pub(crate) fn process(&self) -> &Process {
        &self.process
    }

    /// The user that it is charged to.
    pub(crate) fn user(&self) -> u32 {
        self.user
    }
}

/// An object in the registry: an instance.
///
/// # Safety
///
/// The key is the registration's id. The object is inserted when its file, which is at that
/// address, was just created, and removed when the file is released. It is freed a grace period
/// after that.
pub(crate) unsafe trait Registered: Keyed<0, Key = u64> {
    /// Its registration.
    fn registration(&self) -> &Registration;

    /// The address of its file.
    fn file_address(&self) -> usize;
}

/// Which instances a caller may see.
#[derive(Clone, Copy)]
pub(crate) enum View {
    /// All instances.
    All,
    /// Those that the current task could have created, with its effective user and group.
    Own(u32, u32),
}

impl View {
    /// The current task's own instances, or all with `all`.
    ///
    /// # Errors
    ///
    /// `EPERM`.
    pub(crate) fn new(all: bool) -> Result<Self> {
        match all {
            true if task::may_administer_system() => Ok(Self::All),
            true => Err(EPERM),
            false => Ok(Self::Own(
                task::current_effective_user(),
                task::current_effective_group(),
            )),
        }
    }

    /// Whether the view includes an instance. An instance of a set-user-ID or set-group-ID program
    /// belongs to neither user, and tasks in a container do not see instances that were created
    /// outside. The rule is that of `ptrace`, except that a process cannot hide.
    pub(crate) fn has(self, instance: &Registration) -> bool {
        match self {
            Self::All => true,
            Self::Own(user, group) => {
                instance.private
                    && (instance.user, instance.group) == (user, group)
                    && instance.process.is_known_here()
            }
        }
    }
}

/// The instances.
///
/// # Invariants
///
/// Each has a file, which is not released yet.
struct Instances<T: Registered>(RcuTree<T>);

/// All instances.
#[pin_data]
pub(crate) struct Registry<T: Registered> {
    #[pin]
    instances: SpinLock<Instances<T>>,
    /// For walks through their items.
    cipher: Cipher,
}

impl<T: Registered> Registry<T> {
    /// No instances.
    pub(crate) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            instances <- new_spinlock!(Instances(RcuTree::new()), "repoll::registry"),
            cipher: Cipher::new(),
        })
    }

    /// The cipher for the cursors of walks through items.
    pub(crate) fn cipher(&self) -> &Cipher {
        &self.cipher
    }

    /// Inserts an instance whose file was just created.
    pub(crate) fn insert(&self, instance: &T, id: u64) {
        let mut instances = self.instances.lock();
        instance.registration().id.write(id);
        // SAFETY: By the requirements of the trait the instance is new. Its release removes it, and
        // it is freed a grace period later.
        unsafe { instances.0.insert(instance) };
    }

    /// Removes an instance whose file is being released, if it was inserted.
    pub(crate) fn remove(&self, instance: &T) {
        if instance.registration().id() != 0 {
            let mut instances = self.instances.lock();
            // SAFETY: It was inserted when it got its id, and is released once.
            unsafe { instances.0.remove(instance) };
        }
    }

    /// Calls `see` under RCU with the instance that has this id, or else with the one that has the
    /// next id.
    pub(crate) fn next<R>(&self, from: u64, see: impl FnOnce(&T) -> R) -> Option<R> {
        let reader = rcu::read_lock();
        let found = self.instances.lock().0.lower_bound(&from, &reader);
        found.map(see)
    }

    /// The file of the instance with this id, if `view` includes it.
    pub(crate) fn file_of(&self, id: u64, view: View) -> Option<FileRef> {
        let instances = self.instances.lock();
        let instance = instances.0.find(&id)?;
        if !view.has(instance.registration()) {
            return None;
        }
        let file = ptr::with_exposed_provenance(instance.file_address());
        // SAFETY: By the type invariant, and as the file is freed after its release.
        unsafe { poll_file::try_get(file) }
    }
}
