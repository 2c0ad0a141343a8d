// SPDX-License-Identifier: GPL-2.0

//! What a run has reached, and what not, in terms of the sources.

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

/// What is known at the end of a run.
#[derive(Debug, Deserialize, Serialize)]
pub struct Session {
    /// How many programs were carried out.
    pub programs: u64,
    /// How long that took.
    pub seconds: f64,
    /// The numbers of the blocks that were passed.
    pub passed: Vec<usize>,
}

impl Session {
    /// The line that sums it up.
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

/// The blocks of a function that were not passed.
pub struct Missed {
    /// The function.
    pub function: String,
    /// How many blocks it has.
    pub blocks: usize,
    /// How many were not passed.
    pub missed: usize,
    /// The lines of the module's sources that those come from.
    pub lines: BTreeSet<String>,
}

/// The functions with blocks that were not passed, those with the most first.
pub fn missed(module: &Module, path: &Path, root: &str, passed: &[usize]) -> Result<Vec<Missed>> {
    let passed: HashSet<_> = passed.iter().copied().collect();
    let mut functions = BTreeMap::new();
    let mut locations = locations(module, path, root)?.into_iter();
    for (number, block) in module.blocks.iter().enumerate() {
        let location = locations.next().context("addr2line has left some out")?;
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

/// Writes them down, a line or more each.
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

/// The line of the module's sources that each block comes from. Of functions that were inlined it is
/// the innermost one that is ours.
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
                ours.map_or("no line of the module's", |line| {
                    line.trim_start_matches('/')
                })
                .into(),
            );
        }
    }
    Ok(locations)
}
