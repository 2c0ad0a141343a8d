// SPDX-License-Identifier: GPL-2.0

//! Scripts that let shells complete the arguments of a program.

use clap::{error::ErrorKind, Parser};
use clap_complete::Shell;
use std::{env, ffi::OsStr, io};

/// Parses the arguments of this program, as [`Parser::parse`] does.
///
/// With `--completions SHELL` instead of arguments, the program prints a script that lets this
/// shell complete them, and exits. The option is for the installation, so no help shows it.
pub fn parse<A: Parser>() -> A {
    let words: Vec<_> = env::args_os().skip(1).collect();
    match &words[..] {
        [option, shell] if option == "--completions" => print::<A>(shell),
        _ => A::parse(),
    }
}

fn print<A: Parser>(shell: &OsStr) -> ! {
    let mut command = A::command();
    let Ok(shell) = shell.to_string_lossy().parse::<Shell>() else {
        command
            .error(ErrorKind::InvalidValue, "unknown shell")
            .exit()
    };
    let name = command.get_name().to_owned();
    clap_complete::generate(shell, &mut command, name, &mut io::stdout());
    std::process::exit(0)
}
