// SPDX-License-Identifier: GPL-2.0

//! A stopwatch for time, or for instructions if the clock counts them.

use crate::marks;
use std::{
    thread,
    time::{Duration, Instant},
};

/// Measures parts of the work; what happens in between does not count.
pub struct Stopwatch {
    elapsed: Duration,
    /// How many operations were measured.
    done: u32,
    /// How often the stopwatch was started.
    starts: u32,
}

impl Stopwatch {
    /// A stopwatch that has not been started.
    pub const fn new() -> Self {
        Self {
            elapsed: Duration::ZERO,
            done: 0,
            starts: 0,
        }
    }

    /// Measures `part`.
    #[inline(always)]
    pub fn lap<T>(&mut self, part: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        marks::begin();
        let result = part();
        marks::end(1);
        self.elapsed += start.elapsed();
        self.done += 1;
        self.starts += 1;
        result
    }

    /// Measures `part` with each of `all`.
    #[inline(always)]
    pub fn laps<T, E>(
        &mut self,
        all: &[T],
        mut part: impl FnMut(&T) -> Result<(), E>,
    ) -> Result<(), E> {
        let start = Instant::now();
        marks::begin();
        for one in all {
            part(one)?;
        }
        marks::end(all.len() as u64);
        self.elapsed += start.elapsed();
        self.done += all.len() as u32;
        self.starts += 1;
        Ok(())
    }

    /// The mean of an operation, without the cost of reading the clock.
    pub fn mean(&self) -> f64 {
        const EMPTY: u32 = 1000;
        let mut empty = Self::new();
        marks::select(0);
        for _ in 0..EMPTY {
            empty.lap(|| ());
        }
        self.mean_without(empty.elapsed.as_nanos() as f64 / f64::from(EMPTY))
    }

    /// The mean of an operation in nanoseconds, if reading the clock takes
    /// `look`.
    fn mean_without(&self, look: f64) -> f64 {
        let net = self.elapsed.as_nanos() as f64 - look * f64::from(self.starts);
        net / f64::from(self.done.max(1))
    }
}

/// The cost of `part`, as the mean of `times` repetitions.
#[inline(always)]
pub fn each<E>(times: usize, mut part: impl FnMut() -> Result<(), E>) -> Result<f64, E> {
    let start = Instant::now();
    marks::begin();
    for _ in 0..times {
        part()?;
    }
    marks::end(times as u64);
    Ok(start.elapsed().as_nanos() as f64 / times as f64)
}

/// Waits until the kernel has finished earlier work: a machine that has just
/// started is busy, and freed memory may be returned up to five seconds later.
/// If the clock counts instructions, the sleep takes almost no time.
pub fn settle() {
    thread::sleep(Duration::from_secs(6));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looking_at_the_clock_does_not_count() {
        let watch = Stopwatch {
            elapsed: Duration::from_nanos(1_000),
            done: 10,
            starts: 3,
        };
        assert_eq!(watch.mean_without(100.0), 70.0);
    }

    #[test]
    fn what_was_done_and_how_often_it_was_started_are_counted() {
        let mut watch = Stopwatch::new();
        assert_eq!(watch.lap(|| 7), 7);
        assert!(watch.laps(&[1, 2, 3], |_| Ok::<(), ()>(())).is_ok());
        assert_eq!((watch.done, watch.starts), (4, 2));
    }

    #[test]
    fn each_of_many() {
        let mut times = 0;
        let cost = each(5, || {
            times += 1;
            Ok::<(), ()>(())
        });
        assert!(cost.is_ok_and(|cost| cost >= 0.0));
        assert_eq!(times, 5);
    }
}
