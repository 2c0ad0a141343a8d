// SPDX-License-Identifier: GPL-2.0

//! Shows the instances of repoll that there are on the machine.

mod file;
mod inet;
mod interest;
mod list;
mod record;
mod show;
mod table;
mod top;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use repoll::info::{Control, Whose};
use std::{io, process::ExitCode, time::Duration};

/// Show the repoll instances of this machine
///
/// With CAP_SYS_ADMIN they are everybody's, otherwise those that this user has made.
/// Asking holds up nobody. The exit status is 0 if all went well, 1 if not, 2 if the
/// arguments are wrong.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,

    /// Only what this user has made, without saying so
    #[arg(long, global = true)]
    own: bool,
}

#[derive(Subcommand)]
enum Command {
    /// List the instances
    List {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Show an instance: who waits, and what it has counted
    Show {
        /// The instance's id, as it is listed
        id: u64,
        /// What it watches, as well
        #[arg(long)]
        items: bool,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Show what the busiest instances do each second, again and again
    Top {
        /// Seconds between two looks
        #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = seconds)]
        interval: Duration,
        /// Look so many times, rather than until interrupted
        #[arg(long, value_name = "N")]
        count: Option<u64>,
        /// As JSON, a line for each look
        #[arg(long)]
        json: bool,
    },
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number".to_string())?;
    if !(0.01..=86_400.0).contains(&seconds) {
        return Err("not between 0.01 and 86400".into());
    }
    Ok(Duration::from_secs_f64(seconds))
}

/// Whose instances can be shown, and whether these are not all that are wanted.
fn whose(control: &Control, own: bool) -> Result<Whose> {
    if own {
        return Ok(Whose::Own);
    }
    match control.instance(Whose::All, 0) {
        Ok(_) => Ok(Whose::All),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            eprintln!("repollctl: without CAP_SYS_ADMIN: only this user's instances");
            Ok(Whose::Own)
        }
        Err(error) => Err(error).context("cannot ask for instances"),
    }
}

fn run(arguments: Arguments) -> Result<()> {
    let control = Control::open()?;
    let whose = whose(&control, arguments.own)?;
    let out = &mut io::stdout().lock();
    match arguments.command {
        Command::List { json } => list::list(out, &control, whose, json),
        Command::Show { id, items, json } => show::show(out, &control, whose, id, items, json),
        Command::Top {
            interval,
            count,
            json,
        } => top::top(out, &control, whose, interval, count, json),
    }
}

fn main() -> ExitCode {
    match run(completions::parse::<Arguments>()) {
        Ok(()) => ExitCode::SUCCESS,
        // Who reads the output has seen enough.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("repollctl: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let error = error.root_cause();
    let kind = error.downcast_ref().map(io::Error::kind);
    let json = error
        .downcast_ref()
        .and_then(serde_json::Error::io_error_kind);
    kind.or(json) == Some(io::ErrorKind::BrokenPipe)
}
