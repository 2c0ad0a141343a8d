// SPDX-License-Identifier: GPL-2.0

//! Reports which blocks a run has reached, and which not, by source lines.

use crate::module::{Block, Module};
use anyhow::{ensure, Context, Result};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    fmt::Write as _,
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
};

/// The state at the end of a run.
#[derive(Debug, Deserialize, Serialize)]
pub struct Session {
    /// How many programs were executed.
    pub programs: u64,
    /// How long that took.
    pub seconds: f64,
    /// The numbers of the blocks that were reached.
    pub passed: Vec<usize>,
}

impl Session {
    /// A summary line.
    pub fn summary(&self, module: &Module) -> String {
        format!(
            "{} programs in {:.0} s, {:.0} per second; {} of the module's {} blocks",
            self.programs,
            self.seconds,
            self.programs as f64 / self.seconds.max(f64::MIN_POSITIVE),
            self.passed.len(),
            module.blocks.len(),
        )
    }
}

/// The blocks of a function that were not reached.
pub struct Missed {
    /// The function.
    pub function: String,
    /// How many blocks it has.
    pub blocks: usize,
    /// How many were not reached.
    pub missed: usize,
    /// The lines of the module's sources for these blocks.
    pub lines: BTreeSet<String>,
}

/// The functions with blocks that were not reached, those with the most first.
pub fn missed(module: &Module, path: &Path, root: &str, passed: &[usize]) -> Result<Vec<Missed>> {
    let passed: HashSet<_> = passed.iter().copied().collect();
    let mut functions = BTreeMap::new();
    let mut locations = locations(module, path, root)?.into_iter();
    for (number, block) in module.blocks.iter().enumerate() {
        let location = locations
            .next()
            .context("addr2line returned too few lines")?;
        let (start, name) = module
            .function(block)
            .map_or((0, "?"), |f| (f.start, &f.name));
        let entry = functions
            .entry((block.section, start))
            .or_insert_with(|| Missed {
                function: name.into(),
                blocks: 0,
                missed: 0,
                lines: BTreeSet::new(),
            });
        entry.blocks += 1;
        if !passed.contains(&number) {
            entry.missed += 1;
            entry.lines.insert(location);
        }
    }
    let mut missed: Vec<_> = functions
        .into_values()
        .filter(|function| function.missed > 0)
        .collect();
    missed.sort_by_key(|function| std::cmp::Reverse(function.missed));
    Ok(missed)
}

/// A report with one or more lines for each function.
pub fn write(missed: &[Missed]) -> String {
    let mut text = String::new();
    for function in missed {
        let whole = if function.missed == function.blocks {
            ", never entered"
        } else {
            ""
        };
        let _ = writeln!(
            text,
            "{} of {} blocks{whole}: {}",
            function.missed, function.blocks, function.function
        );
        for line in &function.lines {
            let _ = writeln!(text, "    {line}");
        }
    }
    text
}

/// The line of the module's sources for each block. For inlined functions, it is the innermost line
/// of the module.
fn locations(module: &Module, path: &Path, root: &str) -> Result<Vec<String>> {
    let mut locations = Vec::new();
    for (index, section) in module.sections.iter().enumerate() {
        let blocks = module.blocks.iter().filter(|block| block.section == index);
        let mut addresses = String::new();
        for Block { offset, .. } in blocks {
            writeln!(addresses, "{:#x}", offset - 1)?;
        }
        if addresses.is_empty() {
            continue;
        }
        let mut child = Command::new("addr2line")
            .args(["--addresses", "--inlines", "--section", section, "--exe"])
            .arg(path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("addr2line")?;
        let mut stdin = child.stdin.take().expect("it was asked for");
        let writer = std::thread::spawn(move || stdin.write_all(addresses.as_bytes()));
        let output = child.wait_with_output()?;
        writer.join().expect("it does not panic")?;
        ensure!(output.status.success(), "addr2line: {}", output.status);

        let output = String::from_utf8(output.stdout)?;
        // Each block begins with its address.
        for frames in output.split("0x").skip(1) {
            let mut frames = frames.lines().skip(1);
            let ours = frames.find_map(|line| line.strip_prefix(root));
            locations.push(
                ours.map_or("no line of the module", |line| line.trim_start_matches('/'))
                    .into(),
            );
        }
    }
    Ok(locations)
}
