// SPDX-License-Identifier: GPL-2.0

//! All that was measured.

use crate::{load::Load, server::Figures};
use backend::Kind;
use measurements::Machine;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The server's shapes.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Shape {
    /// One reactor.
    Single,
    /// One reactor, and workers.
    Pool,
    /// One reactor that accepts, and others that serve.
    Sub,
}

/// All of them.
pub const SHAPES: [Shape; 3] = [Shape::Single, Shape::Pool, Shape::Sub];

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Single => "single",
            Self::Pool => "pool",
            Self::Sub => "sub",
        })
    }
}

/// One run of a server under load.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Run {
    /// Its shape.
    pub shape: Shape,
    /// What it waited with.
    pub backend: Kind,
    /// How it looked from outside.
    pub load: Load,
    /// What it did.
    pub figures: Figures,
}

/// All runs, of one boot.
#[derive(Debug, Deserialize, Serialize)]
pub struct Record {
    /// Where they were made.
    #[serde(flatten)]
    pub machine: Machine,
    /// Workers, or reactors that serve.
    pub threads: u32,
    /// Connections at the same time.
    pub connections: u32,
    /// How long each run was.
    pub seconds: u32,
    /// In the order in which they were made.
    pub runs: Vec<Run>,
}
