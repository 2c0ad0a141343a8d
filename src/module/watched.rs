// SPDX-License-Identifier: GPL-2.0

//! An open file that is watched: what all items on it share. [`crate::watch`] explains the whole
//! mechanism.

use crate::kernel_ext::{
    hosted::{
        self,
        Counted, //
    },
    once::Once,
    poll_file::{
        self,
        Eventfd, //
    },
};
use kernel::{
    fs::LocalFile,
    new_spinlock,
    prelude::*,
    sync::{
        Refcount,
        SpinLock, //
    },
};

/// How the module notices that the file was closed.
pub(crate) enum Source {
    /// By a mark on its superblock, which is one of the instance's [`Marks`](crate::marks::Marks).
    SuperBlock {
        /// Whether the file reported nothing before, and reports its close only while it is
        /// watched. Written under the bucket's lock.
        made_to_report: Once<bool>,
    },
    /// By its last wake-up.
    Eventfd(Eventfd),
    /// Not at all: the file is [`held`](crate::held).
    Held,
}

/// An open file that is watched. It lies in the memory of the first item on the file.
#[pin_data]
pub(crate) struct Watched {
    /// One for each item on the file, and one for each task that is about to unhook items.
    refs: Refcount,
    /// Held while an item leaves its wait queues and the table.
    #[pin]
    pub(crate) unhooking: SpinLock<()>,
    source: Source,
}

// SAFETY: `Watched::new` begins with 1, and nothing in this module changes the count.
unsafe impl Counted for Watched {
    fn count(&self) -> &Refcount {
        &self.refs
    }
}

impl Watched {
    /// A file whose close `source` shows.
    #[inline]
    pub(crate) fn new(source: Source) -> impl PinInit<Self> {
        pin_init!(Self {
            refs: Refcount::new(1),
            unhooking <- new_spinlock!((), "repoll::unhooking"),
            source,
        })
    }

    /// The address under which the table finds the items on this file, whose own address is `file`.
    /// No other file has it while there are items on this one.
    #[inline]
    pub(crate) fn address(&self, file: usize) -> usize {
        match &self.source {
            Source::Eventfd(eventfd) => eventfd.addr(),
            _ => file,
        }
    }

    /// Whether the file is held open, because nothing shows its close.
    #[inline]
    pub(crate) fn is_held(&self) -> bool {
        matches!(self.source, Source::Held)
    }

    /// Whether the file's wait queue exists as long as this does, and is woken with `POLLHUP` when
    /// the file is released.
    #[inline]
    pub(crate) fn hangs_up(&self) -> bool {
        matches!(self.source, Source::Eventfd(_))
    }

    /// The approximate number of items on the file.
    pub(crate) fn items(&self) -> usize {
        hosted::users(&self.refs)
    }

    /// Whether there is something to undo when the last item leaves the file.
    #[inline]
    pub(crate) fn has_to_end(&self) -> bool {
        match &self.source {
            Source::SuperBlock { made_to_report } => made_to_report.read(),
            Source::Eventfd(_) => false,
            Source::Held => true,
        }
    }

    /// Makes the file report its close, for its first item.
    pub(crate) fn begin(&self, file: &LocalFile) {
        if let Source::SuperBlock { made_to_report } = &self.source {
            if !poll_file::is_reporting(file) {
                made_to_report.write(true);
                poll_file::set_reporting(file, true);
            }
        }
    }
}
