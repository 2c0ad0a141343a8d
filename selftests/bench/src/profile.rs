// SPDX-License-Identifier: GPL-2.0

//! Attributes the instructions of some work to functions of the kernel and its modules.

use crate::steps;
use anyhow::{Context, Result};
use measurements::{bars, Series};
use std::{
    collections::HashMap,
    fmt::Write as _,
    fs,
    io::{stdout, Write as _},
    path::Path,
};

/// Addresses from here on belong to the kernel.
const KERNEL: u64 = 1 << 63;

/// Prints the numbers of operations on epoll and on repoll, and the kernel's symbols.
pub fn print([epoll, repoll]: [u64; 2]) -> Result<()> {
    let symbols =
        fs::read_to_string("/proc/kallsyms").context("cannot read the kernel's symbols")?;
    let mut out = stdout().lock();
    writeln!(out, "{epoll} {repoll}")?;
    out.write_all(symbols.as_bytes())?;
    Ok(())
}

/// The functions, with the instructions of each that one operation executes on epoll and
/// on repoll.
pub struct Profile(Vec<(String, [f64; 2])>);

/// The start addresses of functions, in order.
struct Symbols(Vec<(u64, String)>);

impl Symbols {
    /// Parses lines like those of `/proc/kallsyms`.
    fn new<'a>(lines: impl Iterator<Item = &'a str>) -> Self {
        let mut all: Vec<_> = lines
            .filter_map(|line| {
                let mut words = line.split_whitespace();
                let address = u64::from_str_radix(words.next()?, 16).ok()?;
                let code = matches!(words.next()?, "t" | "T" | "w" | "W");
                let name = format!("{:#}", rustc_demangle::demangle(words.next()?));
                let module = words
                    .next()
                    .map_or(String::new(), |module| format!(" {module}"));
                code.then(|| (address, name + &module))
            })
            .collect();
        all.sort_by_key(|(address, _)| *address);
        Self(all)
    }

    /// The function at an address.
    fn at(&self, address: u64) -> &str {
        if address < KERNEL {
            return "(user space)";
        }
        let next = self.0.partition_point(|(begin, _)| *begin <= address);
        let found = next.checked_sub(1).and_then(|at| self.0.get(at));
        found.map_or("(unknown)", |(_, name)| name)
    }
}

impl Profile {
    /// Combines the output of the guest with the counts of its emulator.
    ///
    /// # Errors
    ///
    /// One of them is malformed.
    pub fn new(run: &str, counts: &str) -> Result<Self> {
        let mut lines = run.lines();
        let operations = lines
            .next()
            .and_then(pair)
            .context("the numbers of operations are missing")?;
        let symbols = Symbols::new(lines);
        let mut functions = HashMap::<&str, [f64; 2]>::new();
        for line in counts.lines() {
            let (address, counts) = line
                .split_once(' ')
                .and_then(|(address, counts)| {
                    Some((u64::from_str_radix(address, 16).ok()?, pair(counts)?))
                })
                .with_context(|| format!("not a count: {line}"))?;
            let function = functions.entry(symbols.at(address)).or_default();
            for (sum, (count, operations)) in
                function.iter_mut().zip(counts.iter().zip(&operations))
            {
                *sum += *count as f64 / (*operations).max(1) as f64;
            }
        }
        let mut functions: Vec<_> = functions
            .into_iter()
            .map(|(name, cost)| (name.to_owned(), cost))
            .collect();
        // Functions whose numbers differ most come first.
        functions.sort_by(|(a_name, a), (b_name, b)| {
            let excess = |cost: &[f64; 2]| cost[1] - cost[0];
            excess(b).total_cmp(&excess(a)).then(a_name.cmp(b_name))
        });
        Ok(Self(functions))
    }

    /// A line for each function with at least this many instructions on one of the
    /// pollers.
    pub fn table(&self, least: f64) -> String {
        let mut text = String::from("   epoll   repoll     more  function\n");
        let mut line = |name: &str, [epoll, repoll]: [f64; 2]| {
            let more = repoll - epoll;
            // Writing to a string does not fail.
            let _ = writeln!(text, "{epoll:8.1} {repoll:8.1} {more:+8.1}  {name}");
        };
        let mut all = [0.0; 2];
        for (name, cost) in &self.0 {
            all = [all[0] + cost[0], all[1] + cost[1]];
            if cost.iter().any(|cost| *cost >= least) {
                line(name, *cost);
            }
        }
        line("all", all);
        text
    }

    /// What each step of a message's way costs on epoll and on repoll.
    pub fn steps(&self) -> Vec<(&'static str, [f64; 2])> {
        let mut steps: Vec<_> = steps::names().map(|name| (name, [0.0; 2])).collect();
        for (name, cost) in &self.0 {
            let step = steps::of(name);
            for (_, sum) in steps.iter_mut().filter(|(name, _)| *name == step) {
                *sum = [sum[0] + cost[0], sum[1] + cost[1]];
            }
        }
        steps
    }

    /// A line for each step.
    pub fn table_of_steps(&self) -> String {
        let mut text = String::from("   epoll   repoll  step\n");
        for (name, [epoll, repoll]) in self.steps() {
            // Writing to a string does not fail.
            let _ = writeln!(text, "{epoll:8.0} {repoll:8.0}  {name}");
        }
        text
    }

    /// Draws the steps.
    pub fn draw_steps(&self, path: &Path) -> Result<()> {
        let steps = self.steps();
        let titles: Vec<_> = steps.iter().map(|(name, _)| (*name).to_owned()).collect();
        let series = [
            Series::new("repoll", steps.iter().map(|(_, [_, repoll])| *repoll)),
            Series::new("epoll", steps.iter().map(|(_, [epoll, _])| *epoll)),
        ];
        bars(
            path,
            "instructions of one request to the echo server, by step",
            "instructions",
            &titles,
            &series,
        )
    }
}

/// Two numbers, separated by a space.
fn pair(text: &str) -> Option<[u64; 2]> {
    let (a, b) = text.split_once(' ')?;
    Some([a.parse().ok()?, b.parse().ok()?])
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUN: &str = "10 20\n\
        ffffffff81000000 T first\n\
        ffffffffc0000000 t _RNvCs1_6repoll3add [repoll]\n\
        ffffffff81000100 t second\n\
        ffffffff81000180 d data\n";

    #[test]
    fn instructions_belong_to_the_function_that_begins_before_them() {
        let counts = "ffffffff810000ff 10 20\n\
            ffffffff81000100 20 20\n\
            ffffffff81000190 0 20\n\
            ffffffffc0000010 0 40\n\
            401000 100 0\n";
        let profile = Profile::new(RUN, counts).expect("well formed");
        assert_eq!(
            profile.0,
            [
                ("repoll::add [repoll]".into(), [0.0, 2.0]),
                ("first".into(), [1.0, 1.0]),
                ("second".into(), [2.0, 2.0]),
                ("(user space)".into(), [10.0, 0.0]),
            ]
        );
    }

    #[test]
    fn what_is_small_is_left_out_but_not_of_the_sum() {
        let profile =
            Profile::new(RUN, "ffffffff81000000 10 20\n401000 1 2\n").expect("well formed");
        let table = profile.table(1.0);
        assert!(table.contains("first") && !table.contains("user space"));
        assert!(table.ends_with("1.1      1.1     +0.0  all\n"));
    }

    #[test]
    fn nonsense_is_refused() {
        assert!(Profile::new("", "").is_err());
        assert!(Profile::new(RUN, "here 1 2\n").is_err());
    }
}
