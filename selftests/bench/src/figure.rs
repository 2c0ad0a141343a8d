// SPDX-License-Identifier: GPL-2.0

//! What comes out: figures, and the document that holds them.

use serde::{Deserialize, Serialize};

/// A cost that was measured repeatedly.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub struct Cost {
    /// Half of the repetitions cost no more.
    pub median: f64,
    /// How far the middle half of the repetitions lies apart.
    pub spread: f64,
}

/// The value below which a `share` of the values lies.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let place = share * (sorted.len() - 1) as f64;
    let (low, high) = (place.floor() as usize, place.ceil() as usize);
    sorted[low] + (sorted[high] - sorted[low]) * place.fract()
}

impl Cost {
    /// Of at least one repetition.
    pub fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        Self {
            median: quantile(&values, 0.5),
            spread: quantile(&values, 0.75) - quantile(&values, 0.25),
        }
    }

    /// The spread as a share of the median.
    pub fn relative_spread(&self) -> f64 {
        self.spread / self.median.abs()
    }
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
    /// The figure of that name.
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
