// SPDX-License-Identifier: GPL-2.0

//! A processor for each of the two machines: the calling thread and the left card's interrupts
//! keep to the first, the waiter and the right card's interrupts to the second. So the processor of
//! an event shows its machine.

use anyhow::{ensure, Context, Result};
use rustix::{
    net::sockopt::set_socket_linger,
    thread::{sched_getaffinity, sched_setaffinity, CpuSet},
};
use std::{thread, time::Duration};
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

/// Has interrupts of these receive queues happen until each is handled by its processor: a change
/// takes effect at the next one.
fn provoke(queues: &[(Interrupt, usize)]) -> Result<()> {
    for _ in 0..CONNECTIONS {
        if have_moved(queues)? {
            return Ok(());
        }
        // Each has another port, by which the cards choose a queue.
        let (_left, right) = wire::connection()?;
        set_socket_linger(&right, Some(Duration::ZERO))?;
    }
    ensure!(
        have_moved(queues)?,
        "the cards' interrupts do not move to their processors"
    );
    Ok(())
}

fn have_moved(queues: &[(Interrupt, usize)]) -> Result<bool> {
    for (interrupt, processor) in queues {
        if interrupt.processor()? != processor.to_string() {
            return Ok(false);
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
        let mut queues = Vec::new();
        for machine in Machine::ALL {
            let processor = processor_of(machine);
            let interrupts = machine.interrupts()?;
            for interrupt in &interrupts {
                let before = interrupt.processors()?;
                pinned.interrupts.push((interrupt.clone(), before));
            }
            route(&interrupts, processor)?;
            let receive = interrupts
                .into_iter()
                .filter(Interrupt::is_of_receive_queue);
            queues.extend(receive.map(|interrupt| (interrupt, processor)));
        }
        move_to(Machine::Left)?;
        provoke(&queues)?;
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
