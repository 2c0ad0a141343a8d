// SPDX-License-Identifier: GPL-2.0

//! The program as a user runs it, on epoll alone.

use std::process::{
    Command,
    Output, //
};

fn run(arguments: &[&str]) -> (Output, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_differential"))
        .args(arguments)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    (output, text)
}

/// What the rule for disturbances rests on: without it this would fail now and then.
#[test]
fn epoll_agrees_with_itself() {
    let (output, text) = run(&["--control", "--steps", "40000"]);
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(text.contains("\nok 1 "), "{text}");
    for seen in ["ELOOP", "EEXIST", "EFAULT", "EPOLLRDHUP", "Tcp.Reset"] {
        assert!(text.contains(seen), "{text}");
    }
}

#[test]
fn it_says_if_there_is_nothing_to_compare_with() {
    if std::path::Path::new("/dev/repoll").exists() {
        return;
    }
    let (output, text) = run(&["--steps", "1"]);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("\nnot ok 1 "), "{text}");
    let complaint = String::from_utf8(output.stderr).unwrap();
    assert!(complaint.contains("/dev/repoll"), "{complaint}");
}
