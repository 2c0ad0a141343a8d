// SPDX-License-Identifier: GPL-2.0

//! Shows the repoll instances of this machine.

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
/// With CAP_SYS_ADMIN, all instances are shown; without it, only those that this user
/// created. Queries do not stop the instances; they delay a wake-up only while they copy
/// a few words. The exit status is 0 on success, 1 on failure, and 2 if the arguments are
/// wrong.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,

    /// Show only the instances that this user created, and print no note about it
    #[arg(long, global = true)]
    own: bool,
}

#[derive(Subcommand)]
enum Command {
    /// List the instances
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show an instance: its waiters and its counters
    Show {
        /// The instance's id, as printed by list
        id: u64,
        /// Also show the items: the files that it watches
        #[arg(long)]
        items: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show repeatedly what the instances do per second, the busiest first
    Top {
        /// Seconds between updates
        #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = seconds)]
        interval: Duration,
        /// Stop after N updates instead of running until interrupted
        #[arg(long, value_name = "N")]
        count: Option<u64>,
        /// Print JSON, one line for each update
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

/// Whose instances to show. Prints a note if these are not all instances.
fn whose(control: &Control, own: bool) -> Result<Whose> {
    if own {
        return Ok(Whose::Own);
    }
    match control.instance(Whose::All, 0) {
        Ok(_) => Ok(Whose::All),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            eprintln!("repollctl: without CAP_SYS_ADMIN, only this user's instances are shown");
            Ok(Whose::Own)
        }
        Err(error) => Err(error).context("cannot query instances"),
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
        // The reader of the output has closed it.
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
