// SPDX-License-Identifier: MIT OR Apache-2.0

//! Runs the examples of the documentation, which report success by their exit
//! status. They are in `examples`, next to this program.

use std::{env, process::Command};

#[track_caller]
fn succeeds(example: &str) {
    let program = env::current_exe().unwrap();
    let program = program.with_file_name("examples").join(example);
    let output = Command::new(program).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {said}", output.status);
    // They print nothing, not even that they use epoll instead.
    assert_eq!(said, "");
}

#[test]
fn echo_example() {
    succeeds("echo");
}

#[test]
fn fallback_example() {
    succeeds("fallback");
}

#[test]
fn mio_loop_example() {
    succeeds("mio_loop");
}

#[test]
fn rearm_example() {
    succeeds("rearm");
}
