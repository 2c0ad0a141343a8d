// SPDX-License-Identifier: GPL-2.0

//! A full send buffer drains: the receiver reads, and its acknowledgement makes room.

use super::{wake_up, with_waiter, Recorded};
use crate::{
    chain::Chain,
    network::{self, Network},
};
use anyhow::Result;
use backend::Kind;
use repoll::Interest;
use std::io::Read;
use wire::Machine::{Left, Right};

pub(super) fn chains(network: Network) -> Vec<Chain> {
    vec![[
        network.on(Left, &["receive", "tcp_recvmsg"]),
        network.cross(),
        network.on(
            Right,
            &["tcp_v4_rcv", "tcp_rcv_established", "sk_stream_write_space"],
        ),
        wake_up(network, Right, Kind::Repoll),
    ]
    .concat()]
}

pub(super) fn record(network: Network) -> Result<Recorded> {
    // Here the receiver is on the left, with the recording thread.
    let (mut receiver, sender) = network.small_pair()?;
    let mut data = vec![0; network::fill(&sender)?];
    with_waiter(
        network,
        Kind::Repoll,
        &sender,
        Interest::WRITABLE,
        |recorder| {
            recorder.remark("receive")?;
            Ok(receiver.read_exact(&mut data)?)
        },
    )
}
