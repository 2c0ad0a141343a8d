// SPDX-License-Identifier: GPL-2.0

//! Gathered changes: a program cannot see them, but the counts show them.

use crate::{
    fixture::together,
    launcher::{counts, has_device, launch, run},
    subject,
};

/// How many changes were delayed, and how many of these failed.
fn gathered(stderr: &str) -> (u64, u64) {
    let lines = counts(stderr);
    assert!(!lines.is_empty(), "{stderr}");
    let sum = |name: &str| {
        let values = lines.iter().filter_map(|line| {
            let (_, value) = line.split_once(name)?;
            value.split(' ').next()?.parse::<u64>().ok()
        });
        values.sum()
    };
    (sum(" gathered="), sum(" gather_failed="))
}

#[test]
fn nothing_tells_that_changes_are_gathered() {
    let _together = together();
    let expected = subject::output(&mut subject::command("gathering"));
    assert!(expected.contains("woken: Ok(Some(3))"), "{expected}");
    for options in [&["--stats"][..], &["--stats", "--gather"]] {
        let said = run(launch(options, "gathering"));
        assert_eq!(said.status, Some(0), "{}{}", said.stdout, said.stderr);
        assert_eq!(said.stdout, expected, "{options:?}");
        let (gathered, failed) = gathered(&said.stderr);
        let may_gather = has_device() && options.contains(&"--gather");
        // This many are modified apart from the storm.
        assert_eq!(gathered > 230, may_gather, "{}", said.stderr);
        assert_eq!(failed, 0, "{}", said.stderr);
    }
}

#[test]
fn a_surprise_does_no_harm_and_is_the_last() {
    let _together = together();
    if !has_device() {
        return;
    }
    let said = run(launch(&["--stats", "--gather"], "gathering_unseen"));
    assert_eq!(said.status, Some(0), "{}{}", said.stdout, said.stderr);
    let expected = [
        "modified: Ok(0)",
        "modified: Ok(0)",
        "modified: Ok(0)",
        "waited: Ok(None) true",
        "good: Ok(Some(4))",
        &format!("known now: Err({})", libc::ENOENT),
    ];
    assert_eq!(said.stdout.lines().collect::<Vec<_>>(), expected);
    assert_eq!(gathered(&said.stderr), (3, 2), "{}", said.stderr);
}
