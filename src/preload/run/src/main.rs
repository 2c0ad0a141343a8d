// SPDX-License-Identifier: GPL-2.0

//! Runs a program on repoll instead of epoll, by preloading a library into it.

mod command;
mod library;
mod program;

use anyhow::{Context, Result};
use clap::{Parser, ValueHint};
use program::Program;
use std::{
    env,
    ffi::OsString,
    fs::File,
    io::ErrorKind,
    os::unix::process::CommandExt,
    path::{self, PathBuf},
    process::{Command, ExitCode},
};

/// Run a program on repoll instead of epoll
///
/// The program and all programs that it starts use repoll when they call epoll_create,
/// epoll_ctl, epoll_wait and their variants, or syscall() with the numbers of these. A
/// process that cannot open /dev/repoll falls back to epoll, and prints a message.
///
/// The program must be dynamically linked and call libc. These programs stay on epoll:
/// those that are statically linked, that make system calls without libc (as programs in
/// Go do), or that have more rights than their user. For a script, this applies to its
/// interpreter. A daemon that drops root needs a /dev/repoll that it may open then: see
/// the udev rule of repoll.
///
/// The exit status is that of the program, or one of these: 127 if there is no such
/// program, 126 if it cannot be run, 125 if repoll-run itself fails, 2 if the arguments
/// are wrong.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// Do not fall back to epoll: if /dev/repoll cannot be opened, epoll_create fails
    /// (REPOLL_STRICT=1). Also refuse to run a program that would stay on epoll
    #[arg(long)]
    strict: bool,

    /// At the exit of each process that used epoll, print how many calls repoll and epoll
    /// handled, on stderr or to FILE (REPOLL_STATS)
    ///
    /// The process opens FILE at its exit, as the user that it is then. A process that a
    /// signal ends prints nothing.
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true)]
    stats: Option<Option<PathBuf>>,

    /// Let the program set up io_uring (REPOLL_IO_URING=1)
    ///
    /// Without this option, syscall() reports that io_uring_setup does not exist, because
    /// io_uring's epoll operations do not work on repoll.
    #[arg(long)]
    allow_io_uring: bool,

    /// If several threads wait on the same instance, wake the one that came first
    /// (REPOLL_WAKE); epoll wakes the one that came last
    #[arg(long, value_name = "POLICY", value_parser = ["fifo"])]
    wake: Option<String>,

    /// Wake instances that watch the same file with EPOLLEXCLUSIVE in turn
    /// (REPOLL_EXCLUSIVE); epoll always wakes the first that was added and has a waiter
    #[arg(long, value_name = "POLICY", value_parser = ["round-robin"])]
    exclusive: Option<String>,

    /// In a process with one thread, delay modifications until the next wait, and make
    /// both with one call (REPOLL_GATHER=1)
    ///
    /// A program cannot see the difference if it closes descriptors only with functions
    /// of libc and hands no instance to other programs. Only the order of events may
    /// differ.
    #[arg(long)]
    gather: bool,

    /// Preload this library; by default librepoll.so next to repoll-run or in
    /// ../lib/repoll
    #[arg(long, value_name = "FILE")]
    library: Option<PathBuf>,

    /// The program and its arguments
    #[arg(
        required = true,
        trailing_var_arg = true,
        value_names = ["PROGRAM", "ARGS"],
        value_hint = ValueHint::CommandWithArguments
    )]
    command: Vec<OsString>,
}

// Exit statuses, as those of env(1).
const FAILED: u8 = 125;
const NOT_EXECUTABLE: u8 = 126;
const NOT_FOUND: u8 = 127;

fn main() -> ExitCode {
    let arguments = completions::parse::<Arguments>();
    let program = Program::find(&arguments.command);
    let mut command = match prepare(&arguments, program.as_ref()) {
        Ok(command) => command,
        Err(error) => {
            complain(format_args!("{error:#}"));
            return ExitCode::from(FAILED);
        }
    };
    warn_of_device(arguments.strict);
    if let Some(program) = program {
        if !may_run(&program, arguments.strict) {
            return ExitCode::from(NOT_EXECUTABLE);
        }
    }
    let error = command.exec();
    let program = command.get_program().to_string_lossy();
    complain(format_args!("{program}: {error}"));
    ExitCode::from(if error.kind() == ErrorKind::NotFound {
        NOT_FOUND
    } else {
        NOT_EXECUTABLE
    })
}

fn complain(what: impl std::fmt::Display) {
    eprintln!("repoll-run: {what}");
}

/// The command, with the variables that the library reads.
fn prepare(arguments: &Arguments, program: Option<&Program>) -> Result<Command> {
    let library = library::find(arguments.library.as_deref())?;
    let needed = program.map_or(&[][..], Program::needed);
    let preload = library::preload(&library, needed, env::var_os("LD_PRELOAD"))?;

    let mut command = Command::new(&arguments.command[0]);
    command
        .args(&arguments.command[1..])
        .env("LD_PRELOAD", preload.value)
        .env("ASAN_OPTIONS", asan_options());
    if preload.own.is_empty() {
        command.env_remove("REPOLL_PRELOAD_OWN");
    } else {
        command.env("REPOLL_PRELOAD_OWN", preload.own);
    }
    if arguments.strict {
        command.env("REPOLL_STRICT", "1");
    }
    if arguments.allow_io_uring {
        command.env("REPOLL_IO_URING", "1");
    }
    if arguments.gather {
        command.env("REPOLL_GATHER", "1");
    }
    if let Some(wake) = &arguments.wake {
        command.env("REPOLL_WAKE", wake);
    }
    if let Some(exclusive) = &arguments.exclusive {
        command.env("REPOLL_EXCLUSIVE", exclusive);
    }
    match &arguments.stats {
        None => {}
        Some(None) => {
            command.env("REPOLL_STATS", "1");
        }
        Some(Some(file)) => {
            // Daemons change their working directory.
            let file = path::absolute(file).context("--stats")?;
            command.env("REPOLL_STATS", file);
        }
    }
    Ok(command)
}

/// Makes ASan accept that its runtime is loaded after the library, as happens in a
/// program that another one starts. The runtime then still replaces its other functions,
/// except those of the library.
fn asan_options() -> OsString {
    let mut options = OsString::from("verify_asan_link_order=0");
    if let Some(already) = env::var_os("ASAN_OPTIONS").filter(|already| !already.is_empty()) {
        options.push(":");
        options.push(already);
    }
    options
}

/// Prints a warning if `/dev/repoll` cannot be opened.
fn warn_of_device(is_strict: bool) {
    let device = repoll::uapi::REPOLL_DEVICE.to_string_lossy();
    let opened = File::options().read(true).write(true).open(&*device);
    if let Err(error) = opened {
        let consequence = if is_strict {
            "epoll_create will fail"
        } else {
            "the program will use epoll"
        };
        complain(format_args!("{device}: {error}; {consequence}"));
    }
}

/// Prints a warning if the program is known to stay on epoll. Returns whether to run it
/// nevertheless.
fn may_run(program: &Program, is_strict: bool) -> bool {
    let Some(reason) = program.obstacle() else {
        return true;
    };
    let consequence = if is_strict {
        "not running it"
    } else {
        "it will use epoll"
    };
    let name = program.path().display();
    complain(format_args!("{name}: {reason}; {consequence}"));
    !is_strict
}
