// SPDX-License-Identifier: GPL-2.0

//! A processor for each of the two machines: the calling thread and the left card's interrupts
//! keep to the first, the waiter and the right card's interrupts to the second. So the processor of
//! an event shows its machine.

use anyhow::{ensure, Context, Result};
use rustix::{
    net::sockopt::set_socket_linger,
    thread::{sched_getaffinity, sched_setaffinity, CpuSet},
};
use std::{
    net::{TcpListener, TcpStream},
    thread,
    time::Duration,
};
use wire::{Interrupt, Machine};

/// How many connections are made at most so that interrupts move.
const CONNECTIONS: usize = 200;

/// A processor for each machine, until this is dropped.
pub struct Pinned {
    threads: CpuSet,
    interrupts: Vec<(Interrupt, String)>,
}

/// The processor of a machine.
pub fn processor_of(machine: Machine) -> usize {
    match machine {
        Machine::Left => 0,
        Machine::Right => 1,
    }
}

/// The machine to which a processor belongs.
pub fn machine_of(processor: u32) -> Machine {
    match processor {
        0 => Machine::Left,
        _ => Machine::Right,
    }
}

/// Keeps the calling thread to the processor of a machine.
pub fn move_to(machine: Machine) -> Result<()> {
    let mut processors = CpuSet::new();
    processors.set(processor_of(machine));
    sched_setaffinity(None, &processors).context("cannot choose a processor")
}

/// Lets only one processor handle the interrupts of a card.
pub fn route(interrupts: &[Interrupt], processor: usize) -> Result<()> {
    let mask = format!("{:x}", 1 << processor);
    interrupts
        .iter()
        .try_for_each(|interrupt| interrupt.set_processors(&mask))
}

/// Has interrupts of all receive queues happen until each is handled by its machine's processor: a
/// change takes effect at the next one. The calling thread is on the left.
fn provoke() -> Result<()> {
    let listener = Machine::Right
        .run(|| TcpListener::bind((Machine::Right.address(), 0)).context("cannot listen"))?;
    let address = listener.local_addr()?;
    for _ in 0..CONNECTIONS {
        if have_moved()? {
            return Ok(());
        }
        // Each has another port, by which the cards choose a queue.
        let there = TcpStream::connect(address).context("cannot connect")?;
        let (here, _) = listener.accept()?;
        set_socket_linger(&here, Some(Duration::ZERO))?;
        drop(here);
        drop(there);
    }
    ensure!(
        have_moved()?,
        "the cards' interrupts do not move to their processors"
    );
    Ok(())
}

/// Whether each receive queue's interrupt is handled by its machine's processor.
fn have_moved() -> Result<bool> {
    for machine in Machine::ALL {
        for interrupt in machine.interrupts()? {
            if interrupt.is_of_receive_queue()
                && interrupt.processor()? != processor_of(machine).to_string()
            {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

impl Pinned {
    /// Gives each machine its processor.
    pub fn new() -> Result<Self> {
        let processors = thread::available_parallelism()?.get();
        ensure!(
            processors >= 2,
            "the wire needs two processors: one for each machine"
        );
        let mut pinned = Self {
            threads: sched_getaffinity(None)?,
            interrupts: Vec::new(),
        };
        for machine in Machine::ALL {
            let interrupts = machine.interrupts()?;
            for interrupt in &interrupts {
                let before = interrupt.processors()?;
                pinned.interrupts.push((interrupt.clone(), before));
            }
            route(&interrupts, processor_of(machine))?;
        }
        move_to(Machine::Left)?;
        provoke()?;
        Ok(pinned)
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        for (interrupt, processors) in &self.interrupts {
            let _ = interrupt.set_processors(processors);
        }
        let _ = sched_setaffinity(None, &self.threads);
    }
}
