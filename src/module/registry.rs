// SPDX-License-Identifier: GPL-2.0

//! All instances, by their ids, and who may be told of which.
//!
//! An instance is here from when its file exists until that is released; its memory stays for a
//! grace period more. So who finds one under the registry's lock can get its file, and who finds it
//! under RCU can look at it without.

use crate::{
    cursor::Cipher,
    eventpoll::Eventpoll,
    kernel_ext::{
        global::{
            Global,
            Installed,
            Loading, //
        },
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

/// An instance's place in the registry, and who made it.
pub(crate) struct Registration {
    /// Accessed under the registry's lock.
    node: Node,
    /// 0 before the instance is in the registry.
    id: Once<u64>,
    process: Process,
    /// The user whom the instance is charged to.
    user: u32,
    /// Whether that user alone stands behind it, with that group.
    private: bool,
    group: u32,
}

// SAFETY: The node is accessed by who holds the lock, the rest may be by anybody.
unsafe impl Send for Registration {}
// SAFETY: What changes is the node, under the lock, and the id, which is atomic.
unsafe impl Sync for Registration {}

// SAFETY: The offset is that of the node, which nothing else uses; the id does not change while the
// instance is in the tree.
unsafe impl Keyed<0> for Eventpoll {
    type Key = u64;
    const OFFSET: usize = offset_of!(Eventpoll, registration) + offset_of!(Registration, node);
    fn key(&self) -> u64 {
        self.registration.id()
    }
}

impl Registration {
    /// The current task makes an instance.
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

    /// The process that made it.
    pub(crate) fn process(&self) -> &Process {
        &self.process
    }

    /// The user whom it is charged to.
    pub(crate) fn user(&self) -> u32 {
        self.user
    }
}

/// Which instances somebody may be told of.
#[derive(Clone, Copy)]
pub(crate) enum View {
    /// All.
    All,
    /// Those that the current task could have made, by its effective user and group.
    Own(u32, u32),
}

impl View {
    /// The current task's, or a view of `all`.
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

    /// Whether the instance is among them. A program with the rights of another user or group than
    /// its caller's is neither's, and what is made outside of a container is not for who is inside.
    /// As with `ptrace`, but that a process cannot hide.
    pub(crate) fn has(self, instance: &Eventpoll) -> bool {
        let registration = &instance.registration;
        match self {
            Self::All => true,
            Self::Own(user, group) => {
                registration.private
                    && (registration.user, registration.group) == (user, group)
                    && registration.process.is_known_here()
            }
        }
    }
}

/// The instances.
///
/// # Invariants
///
/// Each has a file, which is not released yet.
struct Instances(RcuTree<Eventpoll>);

/// All instances, and what goes with them for as long as the module is loaded.
#[pin_data]
pub(crate) struct Registry {
    #[pin]
    instances: SpinLock<Instances>,
    /// For walks through their items.
    cipher: Cipher,
}

static REGISTRY: Global<Pin<KBox<Registry>>> = Global::empty();

/// Makes the registry, for as long as the result is kept.
pub(crate) fn install(loading: &Loading) -> Result<Installed<Pin<KBox<Registry>>>> {
    let registry = pin_init!(Registry {
        instances <- new_spinlock!(Instances(RcuTree::new()), "repoll::registry"),
        cipher: Cipher::new(),
    });
    REGISTRY.install(loading, KBox::pin_init(registry, GFP_KERNEL)?)
}

/// What makes the cursors of walks through items.
pub(crate) fn cipher() -> &'static Cipher {
    &REGISTRY.get().cipher
}

/// Puts an instance in, whose file was just made.
pub(crate) fn insert(instance: &Eventpoll) {
    let mut registry = REGISTRY.get().instances.lock();
    instance.registration.id.write(instance.ready.id.number());
    // SAFETY: The instance is new; its release takes it out, and it is freed a grace period later.
    unsafe { registry.0.insert(instance) };
}

/// Takes an instance out, if it was put in. Its file is being released.
pub(crate) fn remove(instance: &Eventpoll) {
    if instance.registration.id() != 0 {
        let mut registry = REGISTRY.get().instances.lock();
        // SAFETY: It was put in when it got its id, and is released once.
        unsafe { registry.0.remove(instance) };
    }
}

/// Shows the instance with that id, or else the one with the next id, to `see`, under RCU.
pub(crate) fn next<T>(from: u64, see: impl FnOnce(&Eventpoll) -> T) -> Option<T> {
    let reader = rcu::read_lock();
    let found = REGISTRY
        .get()
        .instances
        .lock()
        .0
        .lower_bound(&from, &reader);
    found.map(see)
}

/// The file of the instance with that id, if `view` has that.
pub(crate) fn file_of(id: u64, view: View) -> Option<FileRef> {
    let registry = REGISTRY.get().instances.lock();
    let found = registry.0.find(&id).filter(|found| view.has(found))?;
    // SAFETY: By the type invariant, and as the file is freed after the release.
    unsafe { poll_file::try_get(ptr::with_exposed_provenance(found.vertex.file())) }
}
