// SPDX-License-Identifier: MIT OR Apache-2.0

//! The examples of the documentation, which say by their exit status whether
//! they went well. They lie in `examples`, beside this program.

use std::{env, process::Command};

#[track_caller]
fn succeeds(example: &str) {
    let program = env::current_exe().unwrap();
    let program = program.with_file_name("examples").join(example);
    let output = Command::new(program).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {said}", output.status);
    // Nor do they have to say anything, such as that they make do with epoll.
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
