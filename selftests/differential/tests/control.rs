// SPDX-License-Identifier: GPL-2.0

//! The program as a user runs it, only on epoll.

use std::{
    fs::File,
    process::{Command, Output},
};

fn run(arguments: &[&str]) -> (Output, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_differential"))
        .args(arguments)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    (output, text)
}

/// Checks the rule about disturbances: without it, this would fail now and then.
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
fn it_compares_with_repoll_or_says_that_there_is_none() {
    let mut device = File::options();
    let there = device.read(true).write(true).open("/dev/repoll").is_ok();
    let (output, text) = run(&["--steps", "1"]);
    if there {
        assert_eq!(output.status.code(), Some(0), "{text}");
        assert!(text.contains("\nok 1 "), "{text}");
        return;
    }
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("\nnot ok 1 "), "{text}");
    let complaint = String::from_utf8(output.stderr).unwrap();
    assert!(complaint.contains("/dev/repoll"), "{complaint}");
}
