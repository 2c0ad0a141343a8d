// SPDX-License-Identifier: GPL-2.0

//! The machine that something was measured on.

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::thread::available_parallelism;

/// The machine that a program ran on.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Machine {
    /// The kernel's release.
    pub kernel: String,
    /// How many processors it has.
    pub processors: usize,
}

impl Machine {
    /// The machine that this program runs on.
    pub fn current() -> Result<Self> {
        let kernel = rustix::system::uname();
        Ok(Self {
            kernel: kernel.release().to_string_lossy().into_owned(),
            processors: available_parallelism().context("no processors")?.get(),
        })
    }
}
