// SPDX-License-Identifier: GPL-2.0

//! What the items of an instance need so that the close of their files is heard of.

use crate::{
    held,
    kernel_ext::{
        fsnotify::{
            MarkUse,
            Object, //
        },
        poll_file::{
            self,
            CloseSource, //
        },
    },
    watch::{
        self,
        Source, //
    },
};
use core::cell::Cell;
use kernel::{
    bindings,
    fs::LocalFile,
    prelude::*, //
};

/// A mark on a superblock, and how many items of the instance need it.
struct Marked {
    sb: *mut bindings::super_block,
    mark: MarkUse,
    items: usize,
}

/// The marks on superblocks that an instance uses, and those that it has used: the next item is as
/// likely as not to need them again.
///
/// # Invariants
///
/// Each superblock is there once. It is alive if the mark is attached.
pub(crate) struct Marks(KVec<Marked>);

// SAFETY: The pointers are only compared.
unsafe impl Send for Marks {}

impl Marks {
    /// None.
    pub(crate) const fn new() -> Self {
        Self(KVec::new())
    }

    /// Makes sure that the close of `file` will be heard of, once it is in the table. All dead
    /// items of the instance must have been removed by the caller. To be undone by
    /// [`Marks::release`].
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn acquire(&mut self, file: &LocalFile) -> Result<Source> {
        match poll_file::close_source(file) {
            CloseSource::SuperBlock(sb) => {
                match self.0.iter_mut().find(|marked| marked.sb == sb) {
                    Some(marked) if marked.mark.is_attached() => marked.items += 1,
                    Some(marked) => {
                        // The dead items of another superblock, if any, are about to go.
                        // SAFETY: As below.
                        marked.mark = unsafe { watch::mark(Object::SuperBlock(sb)) }?;
                        marked.items += 1;
                    }
                    None => {
                        self.0
                            .retain(|marked| marked.items > 0 || marked.mark.is_attached());
                        self.0.reserve(1, GFP_KERNEL_ACCOUNT)?;
                        // SAFETY: The file keeps its superblock alive now. Later the mark is used
                        // while it is attached.
                        let mark = unsafe { watch::mark(Object::SuperBlock(sb)) }?;
                        let items = 1;
                        self.0
                            .push(Marked { sb, mark, items }, GFP_KERNEL_ACCOUNT)?;
                    }
                }
                Ok(Source::SuperBlock {
                    sb,
                    silent: Cell::new(false),
                    watchers: Cell::new(0),
                })
            }
            CloseSource::Inode(inode) => Ok(Source::Inode {
                // SAFETY: The file keeps its inode alive, and the mark does.
                _mark: unsafe { watch::mark(Object::Inode(inode)) }?,
                watchers: Cell::new(0),
            }),
            CloseSource::None => {
                held::hold(file)?;
                Ok(Source::Held {
                    watchers: Cell::new(0),
                })
            }
        }
    }

    /// Undoes [`Marks::acquire`] for an item on the file with that address, which is out of the
    /// table.
    pub(crate) fn release(&mut self, source: &Source, file: usize) {
        match source {
            Source::SuperBlock { sb, .. } => self.release_super_block(*sb),
            Source::Inode { .. } => (),
            Source::Held { .. } => held::release(file),
        }
    }

    fn release_super_block(&mut self, sb: *mut bindings::super_block) {
        if let Some(marked) = self.0.iter_mut().find(|marked| marked.sb == sb) {
            marked.items -= 1;
        }
    }

    /// Lets go of all marks, when there are no items any more.
    pub(crate) fn clear(&mut self) {
        self.0 = KVec::new();
    }
}
