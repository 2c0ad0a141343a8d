// SPDX-License-Identifier: GPL-2.0

//! The strategies of a server that waits for its clients.

use backend::Kind;
use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use std::fmt;

/// How the server waits.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Strategy {
    /// A thread for each client, which sleeps in recv
    Blocking,
    /// One thread, on epoll
    Epoll,
    /// One thread, on repoll
    Repoll,
}

impl Strategy {
    /// What its thread waits with, if it has only one thread.
    pub fn backend(self) -> Option<Kind> {
        match self {
            Self::Blocking => None,
            Self::Epoll => Some(Kind::Epoll),
            Self::Repoll => Some(Kind::Repoll),
        }
    }
}

impl fmt::Display for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Blocking => "blocking",
            Self::Epoll => "epoll",
            Self::Repoll => "repoll",
        })
    }
}
