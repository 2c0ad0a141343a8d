// SPDX-License-Identifier: GPL-2.0

//! Compares all shapes of the server, on epoll and on repoll, under the same load.

mod load;
mod record;
mod report;
mod server;
mod summary;

use anyhow::{ensure, Context, Result};
use backend::Kind;
use clap::{Parser, Subcommand};
use load::{Load, SCRIPT};
use measurements::{print, read, Kept, Machine, Report};
use record::{Record, Run, Shape, SHAPES};
use server::Server;
use std::{
    env, fs,
    path::{Path, PathBuf},
};
use summary::{Counted, KINDS};

/// Compare the shapes of a server, on epoll and on repoll
///
/// Each run has its own server, the program reactor next to this one, and wrk fetches a page from
/// it again and again. Runs of all kinds alternate; a run on epoll and one on repoll follow each
/// other, in changing order.
#[derive(Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
struct Arguments {
    /// Number of connections
    #[arg(long, value_name = "N", default_value_t = 64,
          value_parser = clap::value_parser!(u32).range(1..=10_000))]
    connections: u32,

    /// Number of workers, or of reactors that serve
    #[arg(long, value_name = "N", default_value_t = 2,
          value_parser = clap::value_parser!(u32).range(1..=256))]
    threads: u32,

    /// Duration of each run
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=3600))]
    seconds: u32,

    /// Runs of each kind
    #[arg(long, value_name = "N", default_value_t = 15,
          value_parser = clap::value_parser!(u32).range(1..))]
    repetitions: u32,

    /// Print the measurements as one JSON object
    #[arg(long)]
    json: bool,

    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Print a table of an earlier measurement, and draw requests.svg and latency.svg
    Report {
        #[command(flatten)]
        kept: Kept,
        /// File with the output of --json from a machine whose clock counts instructions; print
        /// those ratios, too
        #[arg(long, value_name = "RECORD")]
        counted: Option<PathBuf>,
    },
}

fn main() -> Result<()> {
    let arguments = completions::parse::<Arguments>();
    if let Some(Command::Report { kept, counted }) = &arguments.command {
        kept.report::<Record>()?;
        return match counted {
            Some(counted) => print(&Counted(&read(counted)?).to_string()),
            None => Ok(()),
        };
    }
    let folder = env::temp_dir().join(format!("reactor-compare-{}", std::process::id()));
    let record = arguments.measure(&folder);
    // It may not exist.
    let _ = fs::remove_dir_all(&folder);
    let record = record?;
    record.show(arguments.json)?;
    let errors: u64 = record.runs.iter().map(|run| run.load.errors).sum();
    ensure!(errors == 0, "{errors} requests failed");
    Ok(())
}

impl Arguments {
    fn measure(&self, folder: &Path) -> Result<Record> {
        let script = folder.join("wrk.lua");
        fs::create_dir_all(folder)
            .and_then(|()| fs::write(&script, SCRIPT))
            .with_context(|| folder.display().to_string())?;

        let mut runs = Vec::new();
        for repetition in 0..self.repetitions {
            let mut kinds = KINDS;
            if repetition % 2 == 1 {
                kinds.reverse();
            }
            for shape in SHAPES {
                for kind in kinds {
                    let run = self
                        .run(shape, kind, &script)
                        .with_context(|| format!("{shape}, {kind}"))?;
                    runs.push(run);
                }
            }
        }
        Ok(Record {
            machine: Machine::current()?,
            threads: self.threads,
            connections: self.connections,
            seconds: self.seconds,
            runs,
        })
    }

    fn run(&self, shape: Shape, backend: Kind, script: &Path) -> Result<Run> {
        let server = Server::start(shape, backend, self.threads)?;
        let load = Load::put(server.address, script, self.connections, self.seconds)?;
        Ok(Run {
            shape,
            backend,
            load,
            figures: server.stop()?,
        })
    }
}
