// SPDX-License-Identifier: GPL-2.0

//! Changes to an instance's interest list: one, or many with one call.
//!
//! Many changes are made in runs of [`RUN`]. A run is read as a whole. Then the task holds the
//! mutex while it makes the changes of the run, except changes that have to release it. So the
//! mutex is held for bounded work, and never while user memory is written.

use crate::{
    event,
    eventpoll::{
        Eventpoll,
        Mutexes, //
    },
    item::Asked,
    kernel_ext::{
        array::Array,
        poll_file::{
            self,
            Borrowed, //
        },
        task, //
    },
    uapi::{
        self,
        op,
        Batch,
        Change, //
    },
};
use core::mem::size_of;
use kernel::{
    fs::File,
    prelude::*, //
};

/// The number of changes in a run.
const RUN: usize = 16;

/// The progress of a batch of changes.
pub(crate) struct Progress {
    /// How many were tried.
    pub(crate) done: u32,
    /// How many of these failed.
    pub(crate) failed: u32,
}

/// Whether a change with non-zero flags or padding requests an item that takes turns.
///
/// # Errors
///
/// `EINVAL`.
#[cold]
fn takes_turns(change: &Change) -> Result<bool> {
    let exclusive = change.op == op::ADD && change.events & event::EXCLUSIVE != 0;
    match (change.flags, change.__pad) {
        (uapi::ROUND_ROBIN, 0) if exclusive => Ok(true),
        _ => Err(EINVAL),
    }
}

impl Eventpoll {
    /// Makes a change. `me` is the instance's own file.
    ///
    /// # Errors
    ///
    /// Those of `REPOLL_CTL`.
    #[inline(always)]
    pub(crate) fn change(&self, mutexes: &mut Mutexes<'_>, me: &File, change: &Change) -> Result {
        let takes_turns = change.flags | change.__pad != 0 && takes_turns(change)?;
        let file = Borrowed::get(change.fd as u32)?;
        if !poll_file::can_poll(&file) {
            return Err(EPERM);
        }
        let mut asked = Asked {
            events: change.events,
            data: change.data,
            takes_turns,
        };
        if asked.events & event::WAKEUP != 0 && !task::may_block_suspend() {
            asked.events &= !event::WAKEUP;
        }
        if core::ptr::eq(file.as_ptr(), me.as_ptr()) {
            return Err(EINVAL);
        }
        match change.op {
            op::ADD => self.add(mutexes, &file, change.fd, asked),
            op::MODIFY => self.modify(mutexes, &file, change.fd, asked.events, asked.data),
            op::DELETE => self.delete(mutexes, &file, change.fd),
            _ => Err(EINVAL),
        }
    }

    /// Makes many changes, one after the other. Stops early if a signal comes, or after a fault.
    ///
    /// # Errors
    ///
    /// `EINVAL` if there are too many changes or unknown flags; `EFAULT` if not even the first
    /// change can be read and its result stored.
    pub(crate) fn change_many(&self, me: &File, batch: &Batch) -> Result<Progress> {
        if batch.flags != 0 || batch.count > uapi::MAX_CHANGES {
            return Err(EINVAL);
        }
        let mut at = uapi::address(batch.changes)?;
        let mut progress = Progress { done: 0, failed: 0 };
        while progress.done < batch.count {
            let mut run = Array::<Change, RUN>::new();
            let wanted = (batch.count - progress.done).min(RUN as u32) as usize;
            uapi::read_changes(&mut run, at, wanted);
            let faults = run.as_slice().len() < wanted;
            if faults && run.as_slice().is_empty() && progress.done == 0 {
                return Err(EFAULT);
            }
            let stored = self.change_run(me, run.as_slice(), at, &mut progress);
            if faults || !stored || task::signal_pending() {
                break;
            }
            at += RUN * size_of::<Change>();
            task::cond_resched();
        }
        Ok(progress)
    }

    /// Makes the changes of a run, which is at the user's address `at`. Returns false if a result
    /// could not be stored.
    fn change_run(&self, me: &File, run: &[Change], at: usize, progress: &mut Progress) -> bool {
        let mut mutexes = Mutexes::new(self);
        for (index, change) in run.iter().enumerate() {
            if let Err(error) = self.change(&mut mutexes, me, change) {
                progress.failed += 1;
                mutexes.leave();
                if !uapi::write_result(at + index * size_of::<Change>(), error) {
                    progress.done += index as u32 + 1;
                    return false;
                }
            }
        }
        progress.done += run.len() as u32;
        true
    }
}
