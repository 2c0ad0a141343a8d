// SPDX-License-Identifier: GPL-2.0

//! The policies to compare.

use backend::Kind;
use clap::ValueEnum;
use repoll::{AddMode, Exclusive, Mode};
use serde::{Deserialize, Serialize};
use std::fmt;

/// How workers share a listening socket.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Policy {
    /// One instance for all workers
    Shared,
    /// One instance for all workers, which wakes the longest sleeper first;
    /// repoll only
    SharedFifo,
    /// One instance for each worker
    Each,
    /// One instance for each worker, EPOLLEXCLUSIVE
    Exclusive,
    /// One instance for each worker, EPOLLEXCLUSIVE in turns; repoll only
    RoundRobin,
    /// One instance and one socket for each worker, SO_REUSEPORT
    Reuseport,
}

impl Policy {
    /// Whether all workers wait on the same instance.
    pub fn is_shared(self) -> bool {
        matches!(self, Self::Shared | Self::SharedFifo)
    }

    /// Whether `backend` supports it.
    pub fn is_of(self, backend: Kind) -> bool {
        backend == Kind::Repoll || !matches!(self, Self::SharedFifo | Self::RoundRobin)
    }

    /// How the workers watch the socket.
    pub fn mode(self) -> AddMode {
        match self {
            Self::RoundRobin => Exclusive::LEVEL.round_robin().into(),
            Self::Exclusive => Exclusive::LEVEL.into(),
            _ => Mode::LEVEL.into(),
        }
    }
}

/// Writes the name that a value has on the command line.
pub fn write_name(value: &impl ValueEnum, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match value.to_possible_value() {
        Some(value) => f.pad(value.get_name()),
        None => Ok(()),
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_name(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_command_line() {
        assert_eq!(Policy::RoundRobin.to_string(), "round-robin");
        assert_eq!(format!("{:>8}", Policy::Each), "    each");
        assert_eq!(
            Policy::from_str("shared-fifo", false),
            Ok(Policy::SharedFifo)
        );
    }

    #[test]
    fn epoll_has_no_turns() {
        let of_epoll = |policy: &&Policy| policy.is_of(Kind::Epoll);
        let policies = Policy::value_variants();
        assert_eq!(policies.iter().filter(of_epoll).count(), policies.len() - 2);
        assert!(policies.iter().all(|policy| policy.is_of(Kind::Repoll)));
    }
}
