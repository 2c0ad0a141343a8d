// SPDX-License-Identifier: GPL-2.0

//! The program as a user runs it, on the kernel's own epoll, which meets the expectations.

use std::process::Command;

#[test]
fn epoll_loses_nothing() {
    let output = Command::new(env!("CARGO_BIN_EXE_torture"))
        .args(["--backend", "epoll", "--seconds", "2"])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(text.contains("no message lost"), "{text}");
    for scenario in ["shared", "oneshot", "exclusive", "nested", "closing"] {
        let verdict = text
            .lines()
            .find(|line| line.starts_with("ok") && line.ends_with(scenario));
        assert!(verdict.is_some(), "{scenario}: {text}");
    }
    assert!(text.contains("killed # SKIP"), "{text}");
}
