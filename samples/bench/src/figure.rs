// SPDX-License-Identifier: GPL-2.0

//! What comes out: figures, and the document that holds them.

use anyhow::{
    Context,
    Result, //
};
use serde::{
    Deserialize,
    Serialize, //
};
use std::{
    fs,
    path::Path, //
};

/// A cost that was measured repeatedly.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub struct Cost {
    /// Half of the repetitions cost no more.
    pub median: f64,
    /// How far the middle half of the repetitions lies apart.
    pub spread: f64,
}

/// What some work costs on either.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Figure {
    /// Its name, for the bars and for comparisons with others.
    pub key: String,
    /// The same for people.
    pub title: String,
    /// What the costs count.
    pub unit: String,
    /// On epoll.
    pub epoll: Cost,
    /// On repoll.
    pub repoll: Cost,
    /// Without any, where that can be done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nobody: Option<Cost>,
    /// Of repoll to epoll.
    pub ratio: Cost,
    /// How many files are watched, if that is what it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub watched: Option<u64>,
}

/// What could not be measured.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Failure {
    /// The work's name.
    pub key: String,
    /// Why.
    pub reason: String,
}

/// One run.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Document {
    /// How time was told: `icount` or `smp`.
    pub mode: String,
    /// The kernel's release.
    pub kernel: String,
    /// The kernel's command line.
    pub command_line: String,
    /// What the kernel tells time by.
    pub clock: String,
    /// When it was, in seconds since 1970; said by who keeps the document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date: Option<String>,
    /// What was run to get it; said by who keeps the document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// What was measured.
    pub figures: Vec<Figure>,
    /// What was not.
    pub failures: Vec<Failure>,
}

impl Document {
    /// Reads one.
    pub fn read(path: &Path) -> Result<Self> {
        let text =
            fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        serde_json::from_str(&text)
            .with_context(|| format!("{} is no document of figures", path.display()))
    }

    /// The figure of that name.
    pub fn figure(&self, key: &str) -> Option<&Figure> {
        self.figures.iter().find(|figure| figure.key == key)
    }
}
