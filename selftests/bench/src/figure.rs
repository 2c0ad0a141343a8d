// SPDX-License-Identifier: GPL-2.0

//! Figures, and the document that contains them.

use serde::{Deserialize, Serialize};

/// A cost that was measured repeatedly.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub struct Cost {
    /// The median of the repetitions.
    pub median: f64,
    /// The width of the middle half of the repetitions.
    pub spread: f64,
}

/// The value below which a `share` of the values is.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let place = share * (sorted.len() - 1) as f64;
    let (low, high) = (place.floor() as usize, place.ceil() as usize);
    sorted[low] + (sorted[high] - sorted[low]) * place.fract()
}

impl Cost {
    /// The cost from at least one repetition.
    pub fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        Self {
            median: quantile(&values, 0.5),
            spread: quantile(&values, 0.75) - quantile(&values, 0.25),
        }
    }

    /// The spread relative to the median.
    pub fn relative_spread(&self) -> f64 {
        self.spread / self.median.abs()
    }
}

/// The costs of some work on epoll and on repoll.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Figure {
    /// Its key, for the bars and for comparisons.
    pub key: String,
    /// Its title, for people.
    pub title: String,
    /// The unit of the costs.
    pub unit: String,
    /// The cost on epoll.
    pub epoll: Cost,
    /// The cost on repoll.
    pub repoll: Cost,
    /// The cost without a poller, if the work can be done without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nobody: Option<Cost>,
    /// The ratio of repoll to epoll.
    pub ratio: Cost,
    /// How many files are watched, if the figure depends on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub watched: Option<u64>,
}

/// Work that could not be measured.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Failure {
    /// Its key.
    pub key: String,
    /// The reason.
    pub reason: String,
}

/// The result of one run.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Document {
    /// What the clock counted: `icount` or `smp`.
    pub mode: String,
    /// The kernel's release.
    pub kernel: String,
    /// The kernel's command line.
    pub command_line: String,
    /// The kernel's clock source.
    pub clock: String,
    /// When it was measured, in seconds since 1970; whoever keeps the document
    /// adds this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date: Option<String>,
    /// How it was measured; whoever keeps the document adds this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// The figures.
    pub figures: Vec<Figure>,
    /// The work that could not be measured.
    pub failures: Vec<Failure>,
}

impl Document {
    /// The figure with this key.
    pub fn figure(&self, key: &str) -> Option<&Figure> {
        self.figures.iter().find(|figure| figure.key == key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        let cost = |values: &[f64]| Cost::of(values.to_vec());
        assert_eq!(cost(&[3.0, 1.0, 2.0]).median, 2.0);
        assert_eq!(cost(&[4.0, 1.0, 2.0, 3.0]).median, 2.5);
        assert_eq!(cost(&[7.0]).median, 7.0);
        assert_eq!(cost(&[7.0]).spread, 0.0);
    }

    #[test]
    fn the_spread_is_that_of_the_middle_half() {
        let cost = Cost::of(vec![0.0, 10.0, 11.0, 12.0, 1000.0]);
        assert_eq!(cost.spread, 2.0);
        assert_eq!(cost.relative_spread(), 2.0 / 11.0);
    }
}
