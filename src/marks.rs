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
            CloseSource,
            FileRef, //
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
    prelude::*, //
};

/// The marks on superblocks that an instance uses, with how many of its items need each.
///
/// # Invariants
///
/// Each superblock is there once, with at least one item, and that item's file keeps it alive until
/// the item is dead.
pub(crate) struct Marks(KVec<(*mut bindings::super_block, MarkUse, usize)>);

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
    pub(crate) fn acquire(&mut self, file: &FileRef) -> Result<Source> {
        match poll_file::close_source(file) {
            CloseSource::SuperBlock(sb) => {
                match self.0.iter_mut().find(|(known, ..)| *known == sb) {
                    Some((_, _, items)) => *items += 1,
                    None => {
                        self.0.reserve(1, GFP_KERNEL_ACCOUNT)?;
                        // SAFETY: The file keeps its superblock alive now, and later the items
                        // that are counted do: the last one's removal drops the mark.
                        let mark = unsafe { watch::mark(Object::SuperBlock(sb)) }?;
                        self.0.push((sb, mark, 1), GFP_KERNEL_ACCOUNT)?;
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
        if let Some(at) = self.0.iter().position(|(known, ..)| *known == sb) {
            if let Some((_, _, items)) = self.0.get_mut(at) {
                *items -= 1;
                if *items == 0 {
                    let _ = self.0.remove(at);
                }
            }
        }
    }
}
