// SPDX-License-Identifier: GPL-2.0

//! Runs a program with its epoll on repoll, by preloading a library into it.

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

/// Run a program with its epoll on repoll
///
/// The program, and whatever it starts, finds repoll behind epoll_create,
/// epoll_ctl, epoll_wait and their kin, and behind syscall() with their numbers.
/// Where /dev/repoll cannot be opened it gets epoll, and says so.
///
/// It has to be dynamically linked and to call libc for this. Programs that are
/// statically linked, that make system calls by themselves (as those in Go do)
/// or that have more rights than their user stay on epoll; the interpreter of a
/// script is such a program, too. Daemons that give up
/// root need a /dev/repoll that they may open: see the udev rule of repoll.
///
/// The exit status is that of the program; 127 if there is no such program, 126
/// if it cannot be run, 125 if repoll-run itself fails, 2 if its arguments are
/// wrong.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// Without /dev/repoll, have epoll_create fail instead of giving epoll
    /// (REPOLL_STRICT=1); and do not run a program that is seen to stay on epoll
    #[arg(long)]
    strict: bool,

    /// Have each process that uses epoll tell at its end, on stderr or in FILE,
    /// how many calls repoll and how many epoll has carried out (REPOLL_STATS)
    ///
    /// FILE is opened when a process ends, as the user that it then is. A
    /// process that a signal kills tells nothing.
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true)]
    stats: Option<Option<PathBuf>>,

    /// Let the program use io_uring (REPOLL_IO_URING=1)
    ///
    /// Otherwise io_uring_setup, called through syscall(), is not implemented:
    /// operations on epoll that are handed to io_uring would not find repoll.
    #[arg(long)]
    allow_io_uring: bool,

    /// Which of several threads that wait on the same instance is woken first: fifo,
    /// who came first (REPOLL_WAKE); with epoll, who came last
    #[arg(long, value_name = "POLICY", value_parser = ["fifo"])]
    wake: Option<String>,

    /// Which of several instances that watch a file with EPOLLEXCLUSIVE is woken:
    /// round-robin, one after the other (REPOLL_EXCLUSIVE); with epoll, always the
    /// first that waits
    #[arg(long, value_name = "POLICY", value_parser = ["round-robin"])]
    exclusive: Option<String>,

    /// In a process with one thread, put modifications off until the wait that follows
    /// and make them by the same call, where that cannot be told (REPOLL_GATHER=1)
    ///
    /// For programs that close descriptors by libc's functions and hand no epoll to
    /// other programs; the order of events may be another.
    #[arg(long)]
    gather: bool,

    /// The library; by default librepoll.so beside repoll-run or in ../lib/repoll
    #[arg(long, value_name = "FILE")]
    library: Option<PathBuf>,

    /// What to run, and its arguments
    #[arg(
        required = true,
        trailing_var_arg = true,
        value_names = ["PROGRAM", "ARGS"],
        value_hint = ValueHint::CommandWithArguments
    )]
    command: Vec<OsString>,
}

// Exit statuses, as env(1) has them.
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

/// The command with the environment that the library reads.
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

/// Lets ASan's runtime come after the library, as it does in a program that another one starts.
/// It then stands in for all that it does otherwise, but for the library's functions.
fn asan_options() -> OsString {
    let mut options = OsString::from("verify_asan_link_order=0");
    if let Some(already) = env::var_os("ASAN_OPTIONS").filter(|already| !already.is_empty()) {
        options.push(":");
        options.push(already);
    }
    options
}

/// Tells why `/dev/repoll` cannot be used, if so.
fn warn_of_device(is_strict: bool) {
    let device = repoll::uapi::REPOLL_DEVICE.to_string_lossy();
    let opened = File::options().read(true).write(true).open(&*device);
    if let Err(error) = opened {
        let consequence = if is_strict {
            "there will be no epoll"
        } else {
            "it will be epoll"
        };
        complain(format_args!("{device}: {error}; {consequence}"));
    }
}

/// Tells why the program is going to be on epoll, if that is to be seen. Then it may only run
/// if the user is not strict.
fn may_run(program: &Program, is_strict: bool) -> bool {
    let Some(reason) = program.obstacle() else {
        return true;
    };
    let consequence = if is_strict {
        "it is not run"
    } else {
        "it will be epoll"
    };
    let name = program.path().display();
    complain(format_args!("{name}: {reason}; {consequence}"));
    !is_strict
}
