// SPDX-License-Identifier: GPL-2.0

//! Direct calls, which a system call filter may refuse: a program cannot see whether they are made,
//! but the counts show them.

use crate::{
    filter::refuse,
    fixture::together,
    launcher::{counts, has_device, launch, launcher, run, values, Said},
};
use rustix::io::Errno;
use std::{env, ffi::c_long, os::unix::process::CommandExt, process::Command};

const REFUSALS: [Errno; 2] = [Errno::PERM, Errno::NOSYS];

/// Runs a program for which one system call fails from the start.
fn without(number: c_long, errno: Errno, mut command: Command) -> Said {
    // SAFETY: It only makes system calls.
    unsafe { command.pre_exec(move || refuse(number, errno)) };
    run(command)
}

/// The counts of the only process.
fn counted(said: &Said) -> &str {
    assert_eq!(said.status, Some(0), "{}{}", said.stdout, said.stderr);
    let lines = counts(&said.stderr);
    assert_eq!(lines.len(), 1, "{}", said.stderr);
    values(lines[0])
}

#[test]
fn where_direct_calls_are_refused_it_is_ioctls() {
    let _together = together();
    if !has_device() {
        return;
    }
    for refusal in REFUSALS {
        let program = launch(&["--strict", "--stats"], "counted");
        let said = without(libc::SYS_fadvise64, refusal, program);
        assert_eq!(
            counted(&said),
            "2 ctl=3 wait=4 native_create=0 native_ctl=1 native_wait=1 direct=0"
        );
        let program = launch(&["--strict", "--stats", "--gather"], "gathering");
        let said = without(libc::SYS_fadvise64, refusal, program);
        assert_eq!(said.status, Some(0), "{}{}", said.stdout, said.stderr);
        assert!(counts(&said.stderr)
            .iter()
            .all(|line| line.contains(" direct=0 ") && line.ends_with(" gather_failed=0")));
    }
}

#[test]
fn where_direct_calls_are_refused_all_behaves_as_epoll() {
    let _together = together();
    if !has_device() {
        return;
    }
    let mut program = launcher();
    program
        .arg("--strict")
        .arg(env::current_exe().unwrap())
        .arg("behaviour::");
    let said = without(libc::SYS_fadvise64, Errno::PERM, program);
    assert_eq!(said.status, Some(0), "{}{}", said.stdout, said.stderr);
}

/// One change and one wait before the program filters its own calls, and two of each after that.
#[test]
fn a_filter_may_come_late() {
    let _together = together();
    if !has_device() {
        return;
    }
    for (refused, direct) in [
        ("fadvise64 1", 2),
        ("fadvise64 38", 2),
        // This shows that nothing else was used.
        ("ioctl 1", 6),
    ] {
        let said = run(launch(
            &["--strict", "--stats"],
            &format!("filtered {refused}"),
        ));
        assert_eq!(
            counted(&said),
            format!("1 ctl=3 wait=3 native_create=0 native_ctl=0 native_wait=0 direct={direct}")
        );
    }
}

/// The first direct call that is refused is the last one: a filter may kill the process at the
/// next.
#[test]
fn who_is_refused_does_not_try_again() {
    let _together = together();
    if !has_device() {
        return;
    }
    for refusal in REFUSALS {
        let role = format!("refused_once {}", refusal.raw_os_error());
        let said = run(launch(&["--strict", "--stats"], &role));
        assert_eq!(
            counted(&said),
            "2 ctl=15 wait=12 native_create=0 native_ctl=0 native_wait=0 direct=1"
        );
    }
}

/// The first instance that this program sees was created by another program.
#[test]
fn an_instance_that_was_inherited_is_asked() {
    let _together = together();
    if !has_device() {
        return;
    }
    let said = run(launch(&["--strict", "--stats"], "handed_on"));
    // The previous program created it, and prints nothing; the first wait is an ioctl.
    assert_eq!(
        counted(&said),
        "0 ctl=0 wait=3 native_create=0 native_ctl=0 native_wait=0 direct=2"
    );
}
