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
use rustix::thread::gettid;
use wire::Machine::{Left, Right};

// Here a column is a processor.
pub(super) fn chains(network: Network) -> Vec<Chain> {
    let handled: &[&str] = &["irq_handler_entry", "softirq_raise", "napi_poll"];
    vec![[
        network.on(Left, &["interrupts go to processor 1"]),
        network.on(Right, handled),
        network.on(Left, &["interrupts go to processor 0"]),
        network.on(Left, handled),
    ]
    .concat()]
}

pub(super) fn record(network: Network) -> Result<Recorded> {
    let (sender, receiver) = network.datagrams()?;
    let interrupts = Right.interrupts()?;
    let recorder = Recorder::empty()?;
    recorder.enable_interrupts(&[Right])?;
    recorder.enable("irq/softirq_raise", Some("vec == 3"))?;
    recorder.enable("napi/napi_poll", Some("dev_name == \"right\""))?;
    for processor in [processor_of(Right), processor_of(Left)] {
        route(&interrupts, processor)?;
        // An interrupt moves when it happens the next time.
        message(&sender, &receiver)?;
        recorder.start()?;
        recorder.remark(&format!("interrupts go to processor {processor}"))?;
        message(&sender, &receiver)?;
        recorder.remark("the message has arrived")?;
        recorder.pause()?;
    }
    route(&interrupts, processor_of(Right))?;
    Ok(Recorded {
        text: recorder.stop()?,
        actor: gettid().as_raw_nonzero().get(),
        waiter: None,
        instance: None,
        notes: vec![
            "the card's interrupts were moved by /proc/irq/<number>/smp_affinity; the change takes \
             effect when an interrupt happens the next time"
                .to_owned(),
        ],
    })
}
