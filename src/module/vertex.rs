// SPDX-License-Identifier: GPL-2.0

//! An instance as a vertex in the graph of instances and their links. [`crate::nesting`] walks
//! through it.

use crate::kernel_ext::once::Once;
use kernel::sync::{
    atomic::{
        ordering::Relaxed,
        Atomic, //
    },
    lock::{
        mutex::MutexBackend,
        Guard, //
    },
};

/// How many links between eventpolls may follow one another.
pub(crate) const MAX_NESTS: usize = 4;

/// The vertex of an instance, with the records of walks.
pub(crate) struct Vertex {
    /// The address of the instance's own file.
    file: Atomic<usize>,
    /// Whether another instance may watch this one. Changed with the mutex of the topology held.
    watched: Once<bool>,
    /// The last walk under that mutex that came here, and how far it was from its first link.
    pub(crate) visit: Atomic<u64>,
    /// The same for a walk without the mutex, which would overwrite the records of the others.
    pub(crate) path_visit: Atomic<u64>,
}

impl Vertex {
    /// An instance without a file.
    pub(crate) const fn new() -> Self {
        Self {
            file: Atomic::new(0),
            watched: Once::new(false),
            visit: Atomic::new(0),
            path_visit: Atomic::new(0),
        }
    }

    /// Sets the address of the instance's own file, before anybody else can know the instance; or
    /// sets it to 0 when the file is gone.
    pub(crate) fn set_file(&self, file: usize) {
        self.file.store(file, Relaxed);
    }

    /// The address of the instance's own file, or 0.
    pub(crate) fn file(&self) -> usize {
        self.file.load(Relaxed)
    }

    /// Records whether another instance may watch this one. The guard is that of the topology's
    /// mutex.
    pub(crate) fn set_watched(&self, watched: bool, _: &Guard<'_, u64, MutexBackend>) {
        self.watched.write(watched);
    }

    /// Whether another instance may watch this one. If a caller with the set's mutex gets false, it
    /// holds that mutex before a new watcher looks for files below.
    pub(crate) fn is_watched(&self) -> bool {
        self.watched.read()
    }
}
