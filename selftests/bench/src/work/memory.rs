// SPDX-License-Identifier: GPL-2.0

//! The kernel's memory for each watched file.

use super::sockets::{Family, Pair};
use crate::{backend::Poller, measure::Work};
use anyhow::{Context, Result};
use repoll::Mode;
use std::{fs, os::fd::AsFd, thread, time::Duration};

/// The growth of all slabs when connected sockets that already exist are added, for each of them.
/// It does not matter whether caches are merged with others (no slab_nomerge), because all caches
/// count.
pub struct Memory(Vec<Pair>);

impl Memory {
    pub fn new(pairs: usize) -> Result<Self> {
        super::scale::raise_limits(2 * pairs as u64)?;
        Ok(Self(Pair::many(Family::Tcp, pairs)?))
    }
}

impl Work for Memory {
    fn sample<P: Poller>(&mut self) -> Result<f64> {
        let poller = P::open()?;
        let ends = self.0.iter().flat_map(|pair| [&pair.here, &pair.there]);
        let before = slabs()?;
        for (data, fd) in ends.enumerate() {
            poller.add(fd.as_fd(), Mode::LEVEL, data as u64)?;
        }
        let after = slabs()?;
        drop(poller);
        Ok((after - before) as f64 / (2 * self.0.len()) as f64)
    }
}

/// Bytes of all objects in use. Objects that a processor keeps in reserve count as used, so they
/// are returned first.
fn slabs() -> Result<i64> {
    // Memory that is freed after a grace period is free by then.
    thread::sleep(Duration::from_millis(300));
    for cache in fs::read_dir("/sys/kernel/slab").context("no slab caches")? {
        // Some caches disappear meanwhile, and some links lead to the same cache.
        let _ = fs::write(cache?.path().join("shrink"), "1");
    }
    let info = fs::read_to_string("/proc/slabinfo").context("cannot read the slabs")?;
    in_use(&info)
}

/// The bytes in use according to the lines of `/proc/slabinfo`.
fn in_use(info: &str) -> Result<i64> {
    let mut sum = 0;
    // The first two lines are the version and the names of the columns.
    for line in info.lines().skip(2) {
        let mut columns = line.split_whitespace().skip(1);
        let mut column = || -> Result<i64> {
            let text = columns.next().context("a line of slabs is too short")?;
            Ok(text.parse()?)
        };
        let (active, _all, size) = (column()?, column()?, column()?);
        sum += active * size;
    }
    Ok(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_in_use_count() {
        let info = "slabinfo - version: 2.1\n\
                    # name <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab> : ...\n\
                    a 3 10 128 32 1 : tunables 0 0 0 : slabdata 1 1 0\n\
                    b 1 10 64 64 1 : tunables 0 0 0 : slabdata 1 1 0\n";
        assert_eq!(in_use(info).unwrap(), 3 * 128 + 64);
        assert!(in_use("1\n2\nname 1 2\n").is_err());
        assert!(in_use("1\n2\nname x 2 3\n").is_err());
    }
}
