// SPDX-License-Identifier: GPL-2.0

//! The launcher, and the effect of its environment on a program.
//!
//! Tests that need `/dev/repoll` are skipped if it is missing, so that the others run anywhere.

use crate::{
    fixture::together,
    subject::{self, here},
};
use std::{
    env, fs,
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Command, Output},
};

const DEVICE: &str = "/dev/repoll";
/// A user who may not open the device.
const NOBODY: u32 = 65534;

pub fn has_device() -> bool {
    Path::new(DEVICE).exists()
}

/// The launcher, as installed next to this program, or as Cargo leaves it.
fn program() -> PathBuf {
    let installed = here().join("repoll-run");
    if installed.exists() {
        installed
    } else {
        env!("CARGO_BIN_EXE_repoll-run").into()
    }
}

/// The launcher, with an option for the place where Cargo leaves the library.
pub fn launcher() -> Command {
    let mut command = Command::new(program());
    let library = here().join("libpreload.so");
    if library.exists() {
        command.arg("--library").arg(library);
    }
    command
}

/// The launcher with these options; `role` may include arguments for the role.
pub fn launch(options: &[&str], role: &str) -> Command {
    let mut words = role.split(' ');
    let mut program = subject::command(words.next().unwrap_or_default());
    program.args(words);
    let mut command = launcher();
    command
        .args(options)
        .arg(program.get_program())
        .args(program.get_args());
    command
}

/// Makes the command run without a device that it may open.
fn without_device(mut command: Command) -> Command {
    if has_device() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}

/// Creates a folder, which the test removes at its end.
fn folder(name: &str) -> PathBuf {
    let folder = env::temp_dir().join(format!("repoll-{name}-{}", std::process::id()));
    fs::create_dir(&folder).unwrap();
    folder
}

pub struct Said {
    pub status: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

pub fn run(mut command: Command) -> Said {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().unwrap();
    Said {
        status: status.code(),
        stdout: String::from_utf8(stdout).unwrap(),
        stderr: String::from_utf8(stderr).unwrap(),
    }
}

/// The lines in which the library prints its counts.
pub fn counts(text: &str) -> Vec<&str> {
    text.lines()
        .filter(|line| line.starts_with("repoll: pid="))
        .collect()
}

/// The counts of a line, without the process.
pub fn values(line: &str) -> &str {
    line.split_once(" create=").unwrap().1
}

#[test]
fn without_the_device_it_is_epoll_and_that_is_told_once() {
    let _together = together();
    let said = run(without_device(launch(&[], "creating")));
    assert_eq!(said.status, Some(0), "{}", said.stderr);
    assert_eq!(said.stdout.matches("created: Ok(())").count(), 2);
    let told = |prefix: &str| {
        let prefix = format!("{prefix}: {DEVICE}: ");
        said.stderr
            .lines()
            .filter(|line| line.starts_with(&prefix))
            .count()
    };
    assert_eq!(told("repoll"), 1, "{}", said.stderr);
    assert_eq!(told("repoll-run"), 1, "{}", said.stderr);
}

#[test]
fn without_the_device_all_behaves_as_epoll() {
    let _together = together();
    let mut command = launcher();
    command.arg(env::current_exe().unwrap()).arg("behaviour::");
    let said = run(without_device(command));
    assert_eq!(said.status, Some(0), "{}{}", said.stdout, said.stderr);
}

#[test]
fn with_policies_all_else_behaves_as_epoll() {
    let _together = together();
    if !has_device() {
        return;
    }
    let mut command = launcher();
    command
        .args(["--strict", "--wake", "fifo", "--exclusive", "round-robin"])
        .arg("--gather")
        .arg(env::current_exe().unwrap())
        .arg("behaviour::");
    let said = run(command);
    assert_eq!(said.status, Some(0), "{}{}", said.stdout, said.stderr);
}

#[test]
fn unknown_policies_are_ignored_and_that_is_told_once() {
    let _together = together();
    let mut command = launch(&[], "creating");
    command
        .env("REPOLL_WAKE", "lifo")
        .env("REPOLL_EXCLUSIVE", "");
    let said = run(command);
    assert_eq!(said.stdout.matches("created: Ok(())").count(), 2);
    let told = |variable| said.stderr.matches(variable).count();
    assert_eq!(told("repoll: REPOLL_WAKE=lifo "), 1, "{}", said.stderr);
    assert_eq!(told("REPOLL_EXCLUSIVE"), 0, "{}", said.stderr);
}

#[test]
fn without_the_device_the_strict_have_nothing() {
    let _together = together();
    let said = run(without_device(launch(&["--strict"], "creating")));
    assert_eq!(said.status, Some(0), "{}", said.stderr);
    let errno = if has_device() {
        libc::EACCES
    } else {
        libc::ENOENT
    };
    let created = format!("created: Err({errno})");
    assert_eq!(said.stdout.matches(&created).count(), 2, "{}", said.stdout);
    assert!(!said.stderr.contains("\nrepoll: "), "{}", said.stderr);
}

#[test]
fn calls_are_counted_by_who_carried_them_out() {
    let _together = together();
    let counted = |command| {
        let said = run(command);
        assert_eq!(said.status, Some(0), "{}", said.stderr);
        let lines = counts(&said.stderr);
        assert_eq!(lines.len(), 1, "{}", said.stderr);
        values(lines[0]).to_owned()
    };
    assert_eq!(
        counted(without_device(launch(&["--stats"], "counted"))),
        "0 ctl=0 wait=0 native_create=2 native_ctl=4 native_wait=5 direct=0"
    );
    if has_device() {
        for role in ["counted", "counted_without_exit"] {
            assert_eq!(
                counted(launch(&["--stats"], role)),
                "2 ctl=3 wait=4 native_create=0 native_ctl=1 native_wait=1 direct=7"
            );
        }
        assert_eq!(
            counted(launch(&["--strict", "--stats"], "with_plugin")),
            "1 ctl=2 wait=1 native_create=0 native_ctl=0 native_wait=0 direct=3"
        );
    }
}

#[test]
fn a_forked_child_is_counted_by_itself() {
    let _together = together();
    if !has_device() {
        return;
    }
    let folder = folder("counts");
    let file = folder.join("counts");
    let option = format!("--stats={}", file.display());
    let said = run(launch(&[&option], "counted_apart"));
    assert_eq!(said.status, Some(0), "{}", said.stderr);
    assert_eq!(counts(&said.stderr), [""; 0]);
    let text = fs::read_to_string(file).unwrap();
    fs::remove_dir_all(folder).unwrap();

    let lines = counts(&text);
    assert_eq!(lines.len(), 2, "{text}");
    let (child, parent) = (lines[0], lines[1]);
    let native = "native_create=0 native_ctl=0 native_wait=0";
    assert_eq!(values(child), format!("1 ctl=1 wait=1 {native} direct=2"));
    let native = "native_create=0 native_ctl=1 native_wait=1";
    assert_eq!(values(parent), format!("2 ctl=3 wait=4 {native} direct=7"));
    let name = " program=subject ";
    assert!(lines.iter().all(|line| line.contains(name)), "{text}");
    let process = |line: &str| line.split(' ').nth(1).map(str::to_owned);
    assert_ne!(process(child), process(parent));
}

/// If musl's dynamic linker is not installed, this tests nothing.
#[test]
fn a_program_of_musl_is_reached_too() {
    let _together = together();
    let program = here().join("subject-musl");
    if !program.exists() || !Path::new("/lib/ld-musl-x86_64.so.1").exists() {
        return;
    }
    let strict: &[&str] = if has_device() { &["--strict"] } else { &[] };
    let mut command = launcher();
    command.args(strict).arg("--stats").arg(program);
    let said = run(command);
    assert_eq!(said.status, Some(0), "{}{}", said.stdout, said.stderr);
    assert_eq!(said.stdout, "all is well\n");
    let lines = counts(&said.stderr);
    assert_eq!(lines.len(), 2, "{}", said.stderr);
    // musl does not report the end of the stack, which holds the added event.
    let (child, parent) = if has_device() {
        (
            "0 ctl=0 wait=1 native_create=0 native_ctl=0 native_wait=0 direct=1",
            &[
                "1 ctl=1 wait=3 native_create=0 native_ctl=0 native_wait=0 direct=3",
                "1 ctl=1 wait=3 native_create=0 native_ctl=0 native_wait=0 direct=4",
            ][..],
        )
    } else {
        (
            "0 ctl=0 wait=0 native_create=0 native_ctl=0 native_wait=1 direct=0",
            &["0 ctl=0 wait=0 native_create=1 native_ctl=1 native_wait=3 direct=0"][..],
        )
    };
    assert_eq!(values(lines[0]), child);
    assert!(parent.contains(&values(lines[1])), "{}", lines[1]);
}

#[test]
fn closing_all_descriptors_does_no_harm() {
    let _together = together();
    let strict: &[&str] = if has_device() { &["--strict"] } else { &[] };
    let said = run(launch(strict, "with_closed_descriptors"));
    assert_eq!(said.status, Some(0), "{}{}", said.stdout, said.stderr);
}

#[test]
fn the_first_thread_to_be_cancelled_is() {
    let _together = together();
    let strict: &[&str] = if has_device() { &["--strict"] } else { &[] };
    let said = run(launch(strict, "cancelling"));
    assert_eq!(said.status, Some(0), "{}{}", said.stdout, said.stderr);
}

#[test]
fn io_uring_is_not_there_unless_allowed() {
    let _together = together();
    let denied = run(launch(&[], "io_uring"));
    assert!(denied.stdout.contains("ENOSYS: true"), "{}", denied.stdout);
    let allowed = run(launch(&["--allow-io-uring"], "io_uring"));
    assert!(
        allowed.stdout.contains("the same: true"),
        "{}",
        allowed.stdout
    );
    assert!(
        allowed.stdout.contains("ENOSYS: false"),
        "{}",
        allowed.stdout
    );
}

#[test]
fn the_exit_status_is_the_programs_or_tells_why_not() {
    let _together = together();
    let status = |arguments: &[&str]| {
        let mut command = launcher();
        command.args(arguments);
        run(command).status
    };
    assert_eq!(status(&["sh", "-c", "exit 42"]), Some(42));
    assert_eq!(status(&["no-such-program"]), Some(127));
    assert_eq!(status(&["/etc/passwd"]), Some(126));
    assert_eq!(status(&["--nonsense", "true"]), Some(2));
    assert_eq!(status(&["--wake", "lifo", "true"]), Some(2));
    assert_eq!(status(&["--exclusive", "fifo", "true"]), Some(2));
    assert_eq!(status(&[]), Some(2));

    let mut command = Command::new(program());
    command.args(["--library", "/no/such/file", "true"]);
    assert_eq!(run(command).status, Some(125));
}

#[test]
fn the_programs_arguments_are_its_own() {
    let _together = together();
    let mut command = launcher();
    command.args(["echo", "--strict", "-n", "--"]);
    assert_eq!(run(command).stdout, "--strict -n --\n");
}

#[test]
fn other_preloaded_libraries_stay() {
    let _together = together();
    let mut command = launcher();
    command
        .args(["sh", "-c", "echo $LD_PRELOAD"])
        .env("LD_PRELOAD", "libc.so.6");
    let said = run(command);
    assert!(said.stdout.ends_with(".so:libc.so.6\n"), "{}", said.stdout);
}

/// The part of LD_PRELOAD for one program does not reach the programs that it starts.
#[test]
fn a_runtime_is_for_the_program_alone() {
    let _together = together();
    let mut command = launcher();
    command
        .args(["sh", "-c", "echo $LD_PRELOAD"])
        .env("LD_PRELOAD", "libm.so.6");
    let library = run(command).stdout.replace(":libm.so.6\n", "");
    for (own, left) in [
        ("libm.so.6", library.clone()),
        ("libm", format!("libm.so.6:{library}")),
    ] {
        let mut command = Command::new("sh");
        command
            .args(["-c", "echo $LD_PRELOAD; env"])
            .env("LD_PRELOAD", format!("libm.so.6:{library}"))
            .env("REPOLL_PRELOAD_OWN", own);
        let said = run(command).stdout;
        assert!(said.starts_with(&format!("{left}\n")), "{said}");
        assert!(said.contains(&format!("\nLD_PRELOAD={left}\n")), "{said}");
    }
}

#[test]
fn asan_need_not_be_first() {
    let _together = together();
    let mut command = launcher();
    command
        .args(["sh", "-c", "echo $ASAN_OPTIONS"])
        .env("ASAN_OPTIONS", "a=b");
    assert_eq!(run(command).stdout, "verify_asan_link_order=0:a=b\n");
}

#[test]
fn policies_go_into_the_environment() {
    let _together = together();
    let mut command = launcher();
    command
        .args(["--wake=fifo", "--exclusive=round-robin"])
        .args(["sh", "-c", "echo $REPOLL_WAKE $REPOLL_EXCLUSIVE"]);
    assert_eq!(run(command).stdout, "fifo round-robin\n");
}

#[test]
fn programs_that_stay_on_epoll_are_told() {
    let _together = together();
    let warning = |command: Command| run(command).stderr;

    let mut command = launcher();
    command.args(["/sbin/ldconfig", "--version"]);
    let stderr = warning(command);
    assert!(stderr.contains("it is statically linked"), "{stderr}");

    let mut command = launcher();
    command.args(["ls", "/"]);
    let stderr = warning(command);
    assert!(
        !stderr.contains("will use epoll") || !has_device(),
        "{stderr}"
    );
}

#[test]
fn scripts_whose_interpreter_stays_on_epoll_are_told() {
    let _together = together();
    let folder = folder("scripts");
    for line in ["/sbin/ldconfig -p", "/usr/bin/env /sbin/ldconfig"] {
        // This process must never have had the file open for writing: see below.
        let script = folder.join("script");
        let written = Command::new("sh")
            .args(["-c", "echo \"#!$0\" >\"$1\" && chmod 755 \"$1\"", line])
            .arg(&script)
            .status();
        assert!(written.unwrap().success());
        let mut command = launcher();
        command.arg(&script);
        let stderr = run(command).stderr;
        assert!(
            stderr.contains("it is statically linked; it will use epoll"),
            "{stderr}"
        );
        let mut command = launcher();
        command.arg("--strict").arg(&script);
        let said = run(command);
        assert_eq!(
            (said.status, &*said.stdout),
            (Some(126), ""),
            "{}",
            said.stderr
        );
        assert!(said.stderr.contains("not running it"), "{}", said.stderr);
    }
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn an_environment_that_is_taken_away_is_told() {
    let _together = together();
    for arguments in [
        &["env", "-i", "true"][..],
        &["env", "-u", "LD_PRELOAD", "true"],
    ] {
        let mut command = launcher();
        command.args(arguments);
        let stderr = run(command).stderr;
        assert!(stderr.contains("env removes LD_PRELOAD"), "{stderr}");
    }
}

/// Must be root, to have a file that belongs to another user.
#[test]
fn programs_with_more_rights_are_told() {
    let _together = together();
    if !has_device() {
        return;
    }
    let folder = folder("rights");
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
    let program = folder.join("true");
    // A descriptor of this process that can write to the file might leak into a child of another
    // test; then the program could not be executed.
    let copied = Command::new("cp").arg("/bin/true").arg(&program).status();
    assert!(copied.unwrap().success());
    for (mode, what) in [(0o4755, "set-uid"), (0o2755, "set-gid")] {
        fs::set_permissions(&program, fs::Permissions::from_mode(mode)).unwrap();
        let mut command = launcher();
        command.arg(&program);
        let said = run(without_device(command));
        assert_eq!(said.status, Some(0), "{}", said.stderr);
        assert!(said.stderr.contains(what), "{}", said.stderr);
        let mut command = launcher();
        command.arg("--strict").arg(&program);
        assert_eq!(run(without_device(command)).status, Some(126));
    }
    fs::remove_dir_all(folder).unwrap();
}
