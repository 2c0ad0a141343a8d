// SPDX-License-Identifier: GPL-2.0

//! What is compared.

use backend::Kind;
use clap::ValueEnum;
use repoll::{
    AddMode,
    Exclusive,
    Mode, //
};
use serde::{
    Deserialize,
    Serialize, //
};
use std::fmt;

/// How workers share a listening socket.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// One instance for all workers
    Shared,
    /// One instance for all, who sleeps longest is woken first; repoll only
    SharedFifo,
    /// An instance for each worker
    Each,
    /// An instance for each worker, EPOLLEXCLUSIVE
    Exclusive,
    /// An instance for each worker, EPOLLEXCLUSIVE in turns; repoll only
    RoundRobin,
    /// An instance and a socket for each worker, SO_REUSEPORT
    Reuseport,
}

impl Way {
    /// Whether all workers wait on the same instance.
    pub fn is_shared(self) -> bool {
        matches!(self, Self::Shared | Self::SharedFifo)
    }

    /// Whether workers on `backend` can go it.
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

/// How the clients come.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Load {
    /// One at a time, each when all workers sleep again
    Light,
    /// Many at once
    Heavy,
}

/// Writes a value as it is named on the command line.
fn name(value: &impl ValueEnum, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match value.to_possible_value() {
        Some(value) => f.pad(value.get_name()),
        None => Ok(()),
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        name(self, f)
    }
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        name(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_command_line() {
        assert_eq!(Way::RoundRobin.to_string(), "round-robin");
        assert_eq!(format!("{:>8}", Way::Each), "    each");
        assert_eq!(Load::from_str("heavy", false), Ok(Load::Heavy));
    }

    #[test]
    fn epoll_has_no_turns() {
        let of_epoll = |way: &&Way| way.is_of(Kind::Epoll);
        let ways = Way::value_variants();
        assert_eq!(ways.iter().filter(of_epoll).count(), ways.len() - 2);
        assert!(ways.iter().all(|way| way.is_of(Kind::Repoll)));
    }
}
