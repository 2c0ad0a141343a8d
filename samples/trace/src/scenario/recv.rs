// SPDX-License-Identifier: GPL-2.0

//! A message arrives for a thread in a blocking recv: its entry on the socket's wait queue has the
//! task as its private data, and a function that wakes it.

use super::{arrival, start_waiter, wait_for_completion, Recorded};
use crate::{chain::Chain, network::Network, recorder::Recorder};
use anyhow::Result;
use std::io::{Read, Write};
use wire::Machine::{Left, Right};

pub(super) fn chains(network: Network) -> Vec<Chain> {
    vec![[
        network.on(Left, arrival::SEND),
        network.cross(),
        network.on(Right, arrival::RECEIVE),
        network.on(
            Right,
            &[
                "woken_wake_function",
                "default_wake_function",
                "sched_waking",
                "recv returns 4",
            ],
        ),
    ]
    .concat()]
}

pub(super) fn record(network: Network) -> Result<Recorded> {
    let (mut sender, mut receiver) = network.pair()?;
    // The connection outlives the waiter, so that its end is not in the record.
    let _kept = receiver.try_clone()?;
    let recorder = Recorder::new(network)?;
    let mut marker = recorder.marker()?;
    let waiter = start_waiter(network, &[libc::SYS_recvfrom], move || {
        let count = receiver.read(&mut [0; 16])?;
        Ok(marker.write_all(format!("recv returns {count}").as_bytes())?)
    })?;
    let thread = waiter.thread;
    recorder.start()?;
    recorder.remark("send")?;
    sender.write_all(b"ping")?;
    waiter.join()?;
    wait_for_completion(network, &recorder)?;
    Ok(Recorded {
        waiter: Some(thread),
        ..Recorded::new(recorder.stop()?)
    })
}
