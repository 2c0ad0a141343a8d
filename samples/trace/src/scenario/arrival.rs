// SPDX-License-Identifier: GPL-2.0

//! A message arrives at a socket that is watched.

use super::{wait_for_completion, wake_up, with_waiter, Recorded};
use crate::{chain::Chain, network::Network};
use anyhow::Result;
use backend::Kind;
use repoll::Interest;
use std::io::Write;
use wire::Machine::{Left, Right};

/// What a segment of a connection passes as it is sent.
pub(super) const SEND: &[&str] = &[
    "send",
    "tcp_sendmsg",
    "tcp_stream_alloc_skb",
    "tcp_write_xmit",
    "skb_clone",
    "__ip_queue_xmit",
    "ip_finish_output2",
    "__dev_queue_xmit",
];

/// What it passes in TCP as it is received.
pub(super) const RECEIVE: &[&str] = &["tcp_v4_rcv", "tcp_rcv_established", "sock_def_readable"];

pub(super) fn chains(network: Network, kind: Kind) -> Vec<Chain> {
    vec![
        [
            network.on(Left, SEND),
            network.cross(),
            network.on(Right, RECEIVE),
            wake_up(network, Right, kind),
        ]
        .concat(),
        network.completion(Left),
    ]
}

pub(super) fn record(network: Network, kind: Kind) -> Result<Recorded> {
    let (mut sender, receiver) = network.pair()?;
    with_waiter(network, kind, &receiver, Interest::READABLE, |recorder| {
        recorder.remark("send")?;
        sender.write_all(b"ping")?;
        wait_for_completion(network, recorder)
    })
}
