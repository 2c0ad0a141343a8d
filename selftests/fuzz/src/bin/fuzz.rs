// SPDX-License-Identifier: GPL-2.0

//! The fuzzer: libFuzzer, which parses the options, with the parts that are specific to repoll.
//!
//! `FUZZ_STATE` names a folder for data that the host needs: the program that is being executed
//! and, at the end, the blocks that were reached.

#![no_main]

use fuzz::{
    machine::{Machine, CURRENT},
    mutate::Mutator,
    program::Program,
    report::Session,
};
use libfuzzer_sys::{fuzz_crossover, fuzz_mutator, fuzz_target, fuzzer_mutate, Corpus};
use std::{
    env, fs,
    path::PathBuf,
    process,
    sync::{Mutex, OnceLock},
    time::Instant,
};

struct Run {
    machine: Mutex<Machine>,
    begin: Instant,
    state: Option<PathBuf>,
}

static RUN: OnceLock<Run> = OnceLock::new();

fn begin() {
    let state = env::var_os("FUZZ_STATE").map(PathBuf::from);
    let machine = Machine::new(state.as_deref()).unwrap_or_else(|error| {
        eprintln!("fuzz: {error:#}");
        process::exit(1);
    });
    let run = Run {
        machine: Mutex::new(machine),
        begin: Instant::now(),
        state,
    };
    assert!(RUN.set(run).is_ok(), "initialised twice");
    // SAFETY: The function does not unwind.
    unsafe { libc::atexit(end) };
}

/// Runs after success: libFuzzer exits differently if it has found something.
extern "C" fn end() {
    let Some(Run {
        machine,
        begin,
        state: Some(state),
    }) = RUN.get()
    else {
        return;
    };
    // Not if the process ends while a program runs.
    let Ok(machine) = machine.try_lock() else {
        return;
    };
    let session = Session {
        programs: machine.programs,
        seconds: begin.elapsed().as_secs_f64(),
        passed: machine
            .coverage
            .as_ref()
            .map_or_else(Vec::new, |coverage| coverage.passed()),
    };
    let written = serde_json::to_vec(&session)
        .map_err(Into::into)
        .and_then(|json| fs::write(state.join("session"), json))
        .and_then(|()| fs::remove_file(state.join(CURRENT)));
    if let Err(error) = written {
        eprintln!("fuzz: {}: {error}", state.display());
    }
}

fuzz_target!(init: begin(), |bytes: &[u8]| -> Corpus {
    let Some(program) = Program::load(bytes) else {
        return Corpus::Reject;
    };
    let run = RUN.get().expect("initialised");
    let report = run.machine.lock().expect("not poisoned").run(&program);
    match report.expect("the guest works") {
        None => Corpus::Keep,
        Some(report) => {
            eprintln!("fuzz: the kernel has reported:\n{report}\nin\n{program}");
            process::abort();
        }
    }
});

/// Stores a program where libFuzzer expects it.
fn give(program: &Program, out: &mut [u8]) -> usize {
    let bytes = program.store();
    out[..bytes.len()].copy_from_slice(&bytes);
    bytes.len()
}

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    let mut program = Program::load(&data[..size]).unwrap_or_default();
    let mut bytewise = |bytes: &mut [u8], len: usize| fuzzer_mutate(bytes, len, bytes.len());
    Mutator::new(seed.into(), &mut bytewise).mutate(&mut program, max_size);
    give(&program, data)
});

fuzz_crossover!(|data1: &[u8], data2: &[u8], out: &mut [u8], seed: u32| {
    let (Some(one), Some(other)) = (Program::load(data1), Program::load(data2)) else {
        return 0;
    };
    let mut bytewise = |_: &mut [u8], len| len;
    let child = Mutator::new(seed.into(), &mut bytewise).cross(&one, &other, out.len());
    give(&child, out)
});
