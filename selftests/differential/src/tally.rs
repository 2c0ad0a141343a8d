// SPDX-License-Identifier: GPL-2.0

//! Counts of what was done and found, which show that something was tested.

use crate::{interest::NAMES, poller::Event};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt::Write};

/// Counts by name.
type Counts = BTreeMap<String, u64>;

/// The counts of a sequence, or of many.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Tally {
    pub(crate) steps: u64,
    pub(crate) sequences: u64,
    pub(crate) comparisons: u64,
    /// Comparisons that were not judged because a file woke meanwhile, by the kind of file; each
    /// ended its sequence.
    disturbed: Counts,
    pub(crate) events: u64,
    /// By operation, and by kind of file and action.
    pub(crate) done: Counts,
    pub(crate) errors: BTreeMap<i32, u64>,
    pub(crate) bits: BTreeMap<u32, u64>,
    /// Waits by number of events.
    pub(crate) sizes: BTreeMap<usize, u64>,
}

impl Tally {
    pub(crate) fn error(&mut self, error: i32) {
        *self.errors.entry(error).or_default() += 1;
    }

    /// Counts a disturbed comparison.
    pub(crate) fn disturbed(&mut self, by: String) {
        *self.disturbed.entry(by).or_default() += 1;
    }

    /// How many comparisons were disturbed.
    pub(crate) fn disturbances(&self) -> u64 {
        self.disturbed.values().sum()
    }

    /// Counts something by name.
    pub(crate) fn done(&mut self, what: String, count: u64) {
        *self.done.entry(what).or_default() += count;
    }

    /// Counts the events of a wait.
    pub(crate) fn waited(&mut self, events: &[Event]) {
        self.events += events.len() as u64;
        *self.sizes.entry(events.len()).or_default() += 1;
        for &Event { events, .. } in events {
            *self.bits.entry(events).or_default() += 1;
        }
    }

    /// Adds other counts.
    pub(crate) fn add(&mut self, other: &Self) {
        fn add<K: Ord + Clone>(to: &mut BTreeMap<K, u64>, from: &BTreeMap<K, u64>) {
            for (key, count) in from {
                *to.entry(key.clone()).or_default() += count;
            }
        }
        self.steps += other.steps;
        self.sequences += other.sequences;
        self.comparisons += other.comparisons;
        self.events += other.events;
        add(&mut self.disturbed, &other.disturbed);
        add(&mut self.done, &other.done);
        add(&mut self.errors, &other.errors);
        add(&mut self.bits, &other.bits);
        add(&mut self.sizes, &other.sizes);
    }

    /// All counts as lines of text.
    pub(crate) fn table(&self) -> String {
        let mut table = String::new();
        let mut row = |title: &str, cells: Vec<String>| {
            let _ = writeln!(table, "{title}");
            for cells in cells.chunks(4) {
                let _ = write!(table, " ");
                for cell in cells {
                    let _ = write!(table, " {cell:<28}");
                }
                let _ = writeln!(table);
            }
        };
        let cell = |name: &dyn std::fmt::Display, count: &u64| format!("{name} {count}");
        row(
            "done",
            self.done.iter().map(|(name, n)| cell(name, n)).collect(),
        );
        row(
            "not judged, as something woke meanwhile",
            self.disturbed
                .iter()
                .map(|(name, n)| cell(name, n))
                .collect(),
        );
        row(
            "errors that both gave",
            self.errors
                .iter()
                .map(|(&error, n)| cell(&error_name(error), n))
                .collect(),
        );
        let bits = NAMES.iter().filter_map(|&(bit, name)| {
            let with = self.bits.iter().filter(|(&events, _)| events & bit != 0);
            let n: u64 = with.map(|(_, n)| n).sum();
            (n > 0).then(|| cell(&name, &n))
        });
        row("events with", bits.collect());
        row(
            "waits by number of events",
            self.sizes.iter().map(|(size, n)| cell(size, n)).collect(),
        );
        table
    }
}

fn error_name(error: i32) -> String {
    let name = match error {
        libc::EBADF => "EBADF",
        libc::EEXIST => "EEXIST",
        libc::EFAULT => "EFAULT",
        libc::EINVAL => "EINVAL",
        libc::ELOOP => "ELOOP",
        libc::ENOENT => "ENOENT",
        libc::ENOMEM => "ENOMEM",
        libc::ENOSPC => "ENOSPC",
        libc::EPERM => "EPERM",
        _ => return std::io::Error::from_raw_os_error(error).to_string(),
    };
    name.to_owned()
}
