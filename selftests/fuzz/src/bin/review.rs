// SPDX-License-Identifier: GPL-2.0

//! Tools for the fuzzer's programs: execute them again, print them, make them smaller, and report
//! what they have reached.

use anyhow::{bail, Context, Result};
use clap::Parser;
use fuzz::{
    machine::Machine,
    module::Module,
    program::Program,
    report::{self, Session},
    seeds, shrink,
};
use std::{
    fs,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

/// Work with the fuzzer's programs
#[derive(Parser)]
enum Options {
    /// Write the initial programs to a folder
    Seeds {
        /// The folder
        folder: PathBuf,
    },
    /// Execute programs again
    Replay {
        /// Files, or folders with files [default: the initial programs]
        programs: Vec<PathBuf>,
        /// Folder to which the program that is being executed is written
        #[arg(long)]
        state: Option<PathBuf>,
    },
    /// Print a program
    Show {
        /// Its file
        program: PathBuf,
    },
    /// Execute smaller variants of a program that fails, until one of them also fails
    Shrink {
        /// Its file
        program: PathBuf,
        /// Folder to which the program that is being executed is written
        #[arg(long)]
        state: PathBuf,
    },
    /// Report what a run has reached
    Coverage {
        /// The module's file
        #[arg(long)]
        module: PathBuf,
        /// Folder with the module's sources
        #[arg(long)]
        root: String,
        /// File for the list of everything that was not reached
        #[arg(long)]
        output: PathBuf,
        /// How many functions of that list to print
        #[arg(long, default_value_t = 10)]
        top: usize,
        /// File that the fuzzer has written at its end
        session: PathBuf,
    },
}

fn main() -> Result<()> {
    match Options::parse() {
        Options::Seeds { folder } => write_seeds(&folder),
        Options::Replay { programs, state } => replay(&programs, state.as_deref()),
        Options::Show { program } => {
            print!("{}", load(&program)?);
            Ok(())
        }
        Options::Shrink { program, state } => try_smaller(&load(&program)?, &state),
        Options::Coverage {
            module,
            root,
            output,
            top,
            session,
        } => {
            let session: Session = serde_json::from_slice(&fs::read(session)?)?;
            let path = module;
            let module = Module::read(&path)?;
            let missed = report::missed(&module, &path, &root, &session.passed)?;
            fs::write(&output, report::write(&missed))?;
            println!(
                "not reached (the functions with the most blocks; the complete list is in {}):",
                output.display()
            );
            print!("{}", report::write(&missed[..top.min(missed.len())]));
            println!("fuzz: {}", session.summary(&module));
            Ok(())
        }
    }
}

fn load(path: &Path) -> Result<Program> {
    let bytes = fs::read(path).with_context(|| path.display().to_string())?;
    Program::load(&bytes)
        .with_context(|| format!("{}: not a program of this version", path.display()))
}

fn write_seeds(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder)?;
    for (number, program) in seeds::programs().iter().enumerate() {
        fs::write(folder.join(format!("seed-{number}")), program.store())?;
    }
    Ok(())
}

/// Files, and the files in folders.
fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            for entry in fs::read_dir(path)? {
                files.push(entry?.path());
            }
        } else {
            files.push(path.clone());
        }
    }
    files.sort();
    Ok(files)
}

/// How often a program is executed before it counts as good: with two threads, the result depends
/// on chance.
fn times(program: &Program) -> usize {
    if program.together[1].is_empty() {
        2
    } else {
        50
    }
}

/// Executes a program repeatedly, and waits for work that it has deferred.
fn insist(machine: &mut Machine, program: &Program) -> Result<()> {
    for _ in 0..times(program) {
        if let Some(report) = machine.run(program)? {
            bail!("the kernel has reported:\n{report}\nin\n{program}");
        }
    }
    thread::sleep(Duration::from_millis(30));
    if let Some(report) = machine.report()? {
        bail!("the kernel has reported:\n{report}\nafter\n{program}");
    }
    Ok(())
}

fn replay(paths: &[PathBuf], state: Option<&Path>) -> Result<()> {
    let programs = if paths.is_empty() {
        seeds::programs()
    } else {
        let load = |path: PathBuf| load(&path);
        files(paths)?.into_iter().map(load).collect::<Result<_>>()?
    };
    let mut machine = Machine::new(state)?;
    for program in &programs {
        insist(&mut machine, program)?;
    }
    let reached = match &machine.coverage {
        Some(coverage) => format!(
            "{} of {} blocks reached",
            coverage.passed().len(),
            coverage.total()
        ),
        None => "this kernel does not record what was reached".into(),
    };
    println!("{} programs executed; {reached}", programs.len());
    Ok(())
}

fn try_smaller(program: &Program, state: &Path) -> Result<()> {
    let mut machine = Machine::new(Some(state))?;
    let candidates = shrink::candidates(program);
    for candidate in &candidates {
        insist(&mut machine, candidate)?;
    }
    println!("none of {} smaller programs fails", candidates.len());
    Ok(())
}
