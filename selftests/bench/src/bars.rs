// SPDX-License-Identifier: GPL-2.0

//! The goals for repoll's costs, relative to epoll's.

use crate::figure::Figure;
use std::fmt;

/// A goal for the ratio of repoll to epoll.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bar {
    /// For a cost: at most this ratio.
    AtMost(f64),
    /// For a rate: at least this ratio.
    AtLeast(f64),
}

use Bar::{AtLeast, AtMost};

/// All goals, by the keys of the figures.
pub const BARS: &[(&str, Bar)] = &[
    ("add-delete", AtMost(0.88)),
    ("modify", AtMost(0.95)),
    ("wait-level-0", AtMost(0.85)),
    ("wait-level-1", AtMost(0.97)),
    ("wait-level-64", AtMost(0.76)),
    ("wait-level-1000", AtMost(0.76)),
    ("wait-edge-1", AtMost(0.97)),
    ("wait-edge-64", AtMost(0.90)),
    ("batch-modify", AtMost(0.43)),
    ("batch-add-delete", AtMost(0.60)),
    ("rearm-wait", AtMost(0.85)),
    ("rearm-then-wait", AtMost(1.00)),
    ("callback-listed-more", AtMost(0.95)),
    ("callback-idle-more", AtMost(0.85)),
    ("wakeup", AtMost(1.02)),
    ("echo-tcp-1", AtMost(0.995)),
    // If repoll's own instructions were free, this would be 0.958.
    ("echo-tcp-16", AtMost(0.98)),
    ("echo-unix-1", AtMost(0.995)),
    // This would be 0.884.
    ("echo-unix-16", AtMost(0.925)),
    ("churn", AtMost(1.02)),
    ("fifo", AtMost(1.30)),
    ("memory", AtMost(0.885)),
    ("smp-throughput-1", AtMost(1.00)),
    ("smp-throughput-4", AtMost(1.00)),
    // The mark on the superblock of sockets costs 328 instructions of a request to nginx. All else
    // costs what it does on epoll.
    ("rps-nginx", AtLeast(0.99)),
    ("rps-redis", AtLeast(0.998)),
    ("rps-memcached", AtLeast(0.993)),
    ("rps-node", AtLeast(0.998)),
];

impl Bar {
    /// The goal for the figure with this key, if there is one.
    pub fn of(key: &str) -> Option<Self> {
        let (_, bar) = BARS.iter().find(|(name, _)| *name == key)?;
        Some(*bar)
    }

    /// Whether the figure meets the goal.
    pub fn is_met_by(self, figure: &Figure) -> bool {
        match self {
            AtMost(bar) => figure.ratio.median <= bar,
            AtLeast(bar) => figure.ratio.median >= bar,
        }
    }

    /// The ratio of the goal.
    pub fn ratio(self) -> f64 {
        match self {
            AtMost(bar) | AtLeast(bar) => bar,
        }
    }
}

impl fmt::Display for Bar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AtMost(bar) => write!(f, "<= {bar:.3}"),
            AtLeast(bar) => write!(f, ">= {bar:.3}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::figure;

    fn ratio(ratio: f64) -> Figure {
        figure("modify", "", "", vec![100.0], vec![100.0 * ratio])
    }

    #[test]
    fn costs_may_be_lower_and_rates_higher() {
        assert!(AtMost(1.3).is_met_by(&ratio(1.3)));
        assert!(AtMost(1.3).is_met_by(&ratio(0.1)));
        assert!(!AtMost(1.3).is_met_by(&ratio(1.31)));
        assert!(AtLeast(0.97).is_met_by(&ratio(1.2)));
        assert!(!AtLeast(0.97).is_met_by(&ratio(0.96)));
    }

    #[test]
    fn what_is_no_number_meets_nothing() {
        assert!(!AtMost(1.3).is_met_by(&ratio(f64::NAN)));
        assert!(!AtLeast(0.97).is_met_by(&ratio(f64::NAN)));
    }

    #[test]
    fn bars_are_found_by_the_whole_key() {
        assert_eq!(Bar::of("modify"), Some(AtMost(0.95)));
        assert_eq!(Bar::of("modif"), None);
        let keys = BARS.iter().map(|(key, _)| key);
        let different: std::collections::HashSet<_> = keys.collect();
        assert_eq!(different.len(), BARS.len());
    }
}
