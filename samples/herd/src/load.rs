// SPDX-License-Identifier: GPL-2.0

//! The loads for which policies are compared.

use crate::policy::write_name;
use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use std::fmt;

/// How the clients connect.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Load {
    /// One at a time, each when all workers sleep again
    Light,
    /// Many at once
    Heavy,
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_name(self, f)
    }
}
