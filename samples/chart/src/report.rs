// SPDX-License-Identifier: GPL-2.0

//! What people get to see of a record.

use anyhow::{
    Context,
    Result, //
};
use serde::de::DeserializeOwned;
use std::{
    fs::{
        self,
        File, //
    },
    io::Write,
    path::Path, //
};

/// All that a program has measured, as it keeps it.
pub trait Report: DeserializeOwned {
    /// In figures.
    fn text(&self) -> Result<String>;

    /// Writes its charts into a folder that is there.
    fn draw(&self, folder: &Path) -> Result<()>;
}

/// The record that was kept as JSON in `file`.
pub fn read<R: Report>(file: &Path) -> Result<R> {
    let name = || file.display().to_string();
    let reader = File::open(file).with_context(name)?;
    serde_json::from_reader(reader).with_context(name)
}

/// Prints the figures of a record that was kept as JSON in `file`, and draws its
/// charts into `svg`, which is made if it is missing.
pub fn report<R: Report>(file: &Path, svg: Option<&Path>) -> Result<()> {
    let record: R = read(file)?;
    if let Some(folder) = svg {
        fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        record.draw(folder)?;
    }
    print(&record.text()?)
}

/// Writes text to stdout, with one newline at its end.
pub fn print(text: &str) -> Result<()> {
    writeln!(std::io::stdout(), "{}", text.trim_end()).context("cannot write the result")
}
