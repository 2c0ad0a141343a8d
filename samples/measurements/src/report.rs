// SPDX-License-Identifier: GPL-2.0

//! How a program presents its measurements, at once or later.

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use serde::{de::DeserializeOwned, Serialize};
use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
};

/// All measurements of a program.
pub trait Report: DeserializeOwned + Serialize {
    /// The figures, as tables.
    fn text(&self) -> Result<String>;

    /// Writes the charts into a folder that exists.
    fn draw(&self, folder: &Path) -> Result<()>;

    /// Prints the figures, or with `json` the whole record.
    fn show(&self, json: bool) -> Result<()> {
        match json {
            true => print(&serde_json::to_string(self)?),
            false => print(&self.text()?),
        }
    }
}

/// A stored record.
#[derive(Args)]
pub struct Kept {
    /// File with the output of --json
    pub record: PathBuf,
    /// Write the charts into this folder
    #[arg(long, value_name = "FOLDER")]
    pub svg: Option<PathBuf>,
}

impl Kept {
    /// Prints the figures, and draws the charts into the folder, which is created if it
    /// is missing.
    pub fn report<R: Report>(&self) -> Result<()> {
        let record: R = read(&self.record)?;
        if let Some(folder) = &self.svg {
            fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
            record.draw(folder)?;
        }
        record.show(false)
    }
}

/// Reads JSON from a file.
pub fn read<T: DeserializeOwned>(file: &Path) -> Result<T> {
    let name = || file.display().to_string();
    let reader = File::open(file).with_context(name)?;
    serde_json::from_reader(reader).with_context(name)
}

/// Writes text to stdout, with one newline at its end.
pub fn print(text: &str) -> Result<()> {
    writeln!(std::io::stdout(), "{}", text.trim_end()).context("cannot write the result")
}

/// The values that an option names, or all values if it names none.
pub fn chosen<T: ValueEnum + Clone>(named: &[T]) -> Vec<T> {
    match named {
        [] => T::value_variants().to_vec(),
        named => named.to_vec(),
    }
}
