// SPDX-License-Identifier: GPL-2.0

//! A datagram arrives at a socket that is watched.

use super::{wait_for_completion, wake_up, with_waiter, Recorded};
use crate::{chain::Chain, network::Network, recorder::Recorder};
use anyhow::Result;
use backend::Kind;
use repoll::Interest;
use std::net::UdpSocket;
use wire::Machine::{Left, Right};

pub(super) fn chains(network: Network) -> Vec<Chain> {
    vec![
        [
            network.on(
                Left,
                &[
                    "send",
                    "udp_sendmsg",
                    "ip_make_skb",
                    "udp_send_skb",
                    "ip_finish_output2",
                    "__dev_queue_xmit",
                ],
            ),
            network.cross(),
            network.on(
                Right,
                &["udp_rcv", "__udp_enqueue_schedule_skb", "sock_def_readable"],
            ),
            wake_up(network, Right, Kind::Repoll),
        ]
        .concat(),
        network.completion(Left),
    ]
}

pub(super) fn record(network: Network) -> Result<Recorded> {
    let (sender, receiver) = network.datagrams()?;
    // The neighbour becomes known.
    sender.send(b"ping")?;
    receiver.recv(&mut [0; 16])?;
    deliver(network, &sender, &receiver, |recorder| {
        wait_for_completion(network, recorder)
    })
}

/// Records a datagram to a socket that repoll watches, and what `then` does.
pub(super) fn deliver(
    network: Network,
    sender: &UdpSocket,
    receiver: &UdpSocket,
    then: impl FnOnce(&Recorder) -> Result<()>,
) -> Result<Recorded> {
    with_waiter(
        network,
        Kind::Repoll,
        receiver,
        Interest::READABLE,
        |recorder| {
            recorder.remark("send")?;
            sender.send(b"ping")?;
            then(recorder)
        },
    )
}
