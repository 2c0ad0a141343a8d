// SPDX-License-Identifier: GPL-2.0

//! What the kernel does between a packet and the return of a wait, as it has recorded
//! it itself.

mod chain;
mod drawing;
mod event;
mod filter;
mod glossary;
mod network;
mod pinned;
mod recorder;
mod scenario;
mod sleeper;
mod stack;
mod symbol;
mod timeline;

use anyhow::{bail, Context, Result};
use clap::Parser;
use network::Network;
use scenario::Scenario;
use std::{fs, path::PathBuf, process::ExitCode};
use timeline::Timeline;

/// Show what the kernel does between a packet and the return of a wait
///
/// Each scenario happens once while tracefs records it: probes, tracepoints, and the
/// stack at each. The program prints the record, each function below its caller.
/// Functions in between may be missing.
///
/// Messages cross the loopback device, or, with --wire, the two network cards that the
/// virtual machine has with NIC=.
///
/// Only root may do this. The exit status is 0 if all went well, 1 if not, 2 if the
/// arguments are wrong.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// The scenarios to record; all by default
    scenarios: Vec<Scenario>,
    /// Send over the wire between the two network cards
    #[arg(long)]
    wire: bool,
    /// Draw each scenario into this folder
    #[arg(long, value_name = "FOLDER")]
    svg: Option<PathBuf>,
    /// Print JSON
    #[arg(long, conflicts_with = "check")]
    json: bool,
    /// Print only whether each scenario has its steps, in order
    #[arg(long)]
    check: bool,
    /// Save the raw records in this folder
    #[arg(long, value_name = "FOLDER")]
    record: Option<PathBuf>,
}

fn main() -> Result<ExitCode> {
    let mut arguments = completions::parse::<Arguments>();
    let network = match arguments.wire {
        true => Network::wire()?,
        false => Network::Loopback,
    };
    if arguments.scenarios.is_empty() {
        arguments.scenarios = Scenario::all(network);
    }
    if let Some(scenario) = arguments
        .scenarios
        .iter()
        .find(|scenario| !scenario.is_possible(network))
    {
        bail!("'{scenario}' is not possible here: it needs --wire, and 'ring' also NIC=igb");
    }
    let _prepared = network.prepare()?;
    let mut complete = true;
    let mut timelines = Vec::new();
    for &scenario in &arguments.scenarios {
        let recorded = scenario
            .record(network)
            .with_context(|| format!("cannot record '{scenario}'"))?;
        if let Some(folder) = &arguments.record {
            write(folder, scenario, "txt", &recorded.text)?;
        }
        let timeline = Timeline::new(scenario, network, &recorded);
        if let Some(folder) = &arguments.svg {
            write(folder, scenario, "svg", &drawing::draw(&timeline))?;
        }
        let chains = scenario.chains(network);
        let missing = chains
            .iter()
            .find_map(|chain| chain::missing(&timeline, chain));
        if let Some(missing) = missing {
            complete = false;
            eprintln!("{scenario}: '{missing}' is not where it should be:\n{timeline}");
        } else if arguments.check {
            for chain in chains.iter().filter(|chain| !chain.is_empty()) {
                let steps: Vec<_> = chain.iter().map(ToString::to_string).collect();
                println!("{scenario}: as expected: {}", steps.join(", "));
            }
        } else if !arguments.json {
            println!("{timeline}");
        }
        timelines.push(timeline);
    }
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&timelines)?);
    }
    Ok(ExitCode::from(u8::from(!complete)))
}

/// Writes a file of a scenario.
fn write(folder: &std::path::Path, scenario: Scenario, kind: &str, text: &str) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    let path = folder.join(format!("{scenario}.{kind}"));
    fs::write(&path, text).with_context(|| path.display().to_string())
}
