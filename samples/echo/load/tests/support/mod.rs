// SPDX-License-Identifier: GPL-2.0

//! What the tests of both ends need: the load generator as a user runs it.

use serde_json::Value;
use std::{net::SocketAddr, process::Command};

/// The result of a run of the load generator.
pub struct Outcome {
    pub status: Option<i32>,
    pub report: Value,
    pub complaint: String,
}

/// Runs the load generator on epoll, which needs no module.
pub fn load(server: SocketAddr, arguments: &[&str]) -> Outcome {
    let output = Command::new(env!("CARGO_BIN_EXE_load"))
        .args(["--backend", "epoll", "--json", &server.to_string()])
        .args(arguments)
        .output()
        .unwrap();
    Outcome {
        status: output.status.code(),
        report: serde_json::from_slice(&output.stdout).unwrap_or(Value::Null),
        complaint: String::from_utf8(output.stderr).unwrap(),
    }
}
