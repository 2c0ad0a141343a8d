// SPDX-License-Identifier: GPL-2.0

//! Soft interrupts stay on the processor whose hard interrupt raised them: another processor gets
//! the interrupts of the card, and the work moves with them.

use super::{message, Recorded};
use crate::{
    chain::Chain,
    network::Network,
    pinned::{processor_of, route},
    recorder::Recorder,
};
use anyhow::Result;
use wire::Machine::{Left, Right};

// Here a column is a processor.
pub(super) fn chains(network: Network) -> Vec<Chain> {
    let handled: &[&str] = &["irq_handler_entry", "napi_poll"];
    vec![[
        network.on(
            Left,
            &["from now on, the right card interrupts processor 1"],
        ),
        network.on(Right, handled),
        network.on(
            Left,
            &["from now on, the right card interrupts processor 0"],
        ),
        network.on(Left, handled),
    ]
    .concat()]
}

pub(super) fn record(network: Network) -> Result<Recorded> {
    let (sender, receiver) = network.datagrams()?;
    let interrupts = Right.interrupts()?;
    let recorder = Recorder::of_card(Right)?;
    for processor in [processor_of(Right), processor_of(Left)] {
        route(&interrupts, processor)?;
        // A change takes effect at the next interrupt.
        message(&sender, &receiver)?;
        recorder.start()?;
        recorder.remark(&format!(
            "from now on, the right card interrupts processor {processor}"
        ))?;
        message(&sender, &receiver)?;
        recorder.remark("nothing more is coming")?;
        recorder.pause()?;
    }
    route(&interrupts, processor_of(Right))?;
    Ok(Recorded {
        notes: vec![
            "/proc/irq/<number>/smp_affinity sets the processors; a change takes effect at the next interrupt"
                .to_owned(),
        ],
        ..Recorded::new(recorder.stop()?)
    })
}
