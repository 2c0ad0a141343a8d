// SPDX-License-Identifier: GPL-2.0

//! The record of a measurement.

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

/// All shapes.
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

/// A run of a server under load.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Run {
    /// The server's shape.
    pub shape: Shape,
    /// What the server waited with.
    pub backend: Kind,
    /// The measurements of wrk.
    pub load: Load,
    /// The figures of the server.
    pub figures: Figures,
}

/// All runs of one boot.
#[derive(Debug, Deserialize, Serialize)]
pub struct Record {
    /// The machine that they ran on.
    #[serde(flatten)]
    pub machine: Machine,
    /// The number of workers, or of reactors that serve.
    pub threads: u32,
    /// The number of connections.
    pub connections: u32,
    /// The duration of each run.
    pub seconds: u32,
    /// The runs, in the order in which they were made.
    pub runs: Vec<Run>,
}
