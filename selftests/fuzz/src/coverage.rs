// SPDX-License-Identifier: GPL-2.0

//! Counts what programs have reached, where libFuzzer looks for it.

use crate::module::{Loaded, Module};
use anyhow::{ensure, Result};
use std::sync::atomic::{AtomicU8, Ordering};

/// Room for counters of blocks.
const BLOCKS: usize = 1 << 14;

/// Room for counters of answers: for each [`Call`] and errno.
const ANSWERS: usize = 1 << 12;
const ERRNOS: usize = 1 << 7;

/// libFuzzer finds its counters by their section.
#[repr(C, align(64))]
struct Counters {
    blocks: [AtomicU8; BLOCKS],
    answers: [AtomicU8; ANSWERS],
}

#[link_section = "__libfuzzer_extra_counters"]
static COUNTERS: Counters = Counters {
    blocks: [const { AtomicU8::new(0) }; BLOCKS],
    answers: [const { AtomicU8::new(0) }; ANSWERS],
};

fn count(counter: &AtomicU8) {
    let _ = counter.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_add(1));
}

/// The calls to the module.
#[derive(Clone, Copy)]
pub enum Call {
    /// REPOLL_CREATE.
    Create,
    /// REPOLL_CTL with EPOLL_CTL_ADD.
    Add,
    /// With EPOLL_CTL_MOD.
    Modify,
    /// With EPOLL_CTL_DEL.
    Delete,
    /// With something else.
    UnknownChange,
    /// REPOLL_WAIT, or the direct call that does the same; likewise for the next two.
    Wait,
    /// REPOLL_BATCH.
    Batch,
    /// REPOLL_BATCH_WAIT.
    BatchWait,
    /// One change of either.
    Batched,
    /// REPOLL_LIST.
    List,
    /// REPOLL_ITEMS.
    Items,
    /// REPOLL_INFO.
    Info,
    /// REPOLL_FEATURES.
    Features,
    /// EPIOCSPARAMS.
    SetParams,
    /// EPIOCGPARAMS.
    GetParams,
    /// Another ioctl.
    Ioctl,
    /// REPOLL_DIRECT_WAIT.
    DirectWait,
    /// REPOLL_DIRECT_ADD, _MOD or _DEL.
    DirectChange,
    /// REPOLL_DIRECT_CHANGE_WAIT.
    ChangeWait,
    /// Another direct call.
    Advise,
}

/// Counts an answer: an errno, or 0 for success. Different answers are a reason to keep a program,
/// even if they come from the same block.
pub fn answered(call: Call, errno: i32) {
    assert!((0..=133).contains(&errno), "an invalid errno: {errno}");
    // The last few belong to the network.
    count(&COUNTERS.answers[call as usize * ERRNOS + (errno as usize).min(ERRNOS - 1)]);
}

/// The blocks that were reached since the start.
pub struct Coverage {
    module: Module,
    loaded: Loaded,
    passed: Vec<bool>,
}

impl Coverage {
    /// No blocks yet, for the module that is loaded.
    pub fn new(module: Module) -> Result<Self> {
        ensure!(
            !module.blocks.is_empty(),
            "the module was built without KCOV"
        );
        ensure!(
            module.blocks.len() <= BLOCKS,
            "too many blocks: {}",
            module.blocks.len()
        );
        Ok(Self {
            loaded: Loaded::new(&module)?,
            passed: vec![false; module.blocks.len()],
            module,
        })
    }

    /// Counts the blocks at these addresses.
    pub fn collect(&mut self, addresses: impl Iterator<Item = u64>) {
        for number in addresses.filter_map(|address| self.loaded.block(address)) {
            count(&COUNTERS.blocks[number]);
            self.passed[number] = true;
        }
    }

    /// The numbers of the blocks that were reached.
    pub fn passed(&self) -> Vec<usize> {
        (0..self.passed.len())
            .filter(|&number| self.passed[number])
            .collect()
    }

    /// The number of blocks.
    pub fn total(&self) -> usize {
        self.module.blocks.len()
    }
}
