// SPDX-License-Identifier: GPL-2.0

//! A connection comes in.

use super::{wake_up, with_waiter, Recorded};
use crate::{chain::Chain, network::Network};
use anyhow::Result;
use backend::Kind;
use repoll::Interest;
use std::net::TcpStream;
use wire::Machine::{Left, Right};

pub(super) fn chains(network: Network) -> Vec<Chain> {
    vec![[
        // The SYN, the answer to it, and the last part of the handshake.
        network.on(Left, &["connect"]),
        network.cross(),
        network.on(Right, &["tcp_v4_rcv", "tcp_conn_request"]),
        network.transmit(Right),
        network.receive(Left),
        network.on(Left, &["tcp_v4_rcv"]),
        network.transmit(Left),
        network.receive(Right),
        network.on(
            Right,
            &[
                "tcp_v4_rcv",
                "inet_csk_complete_hashdance",
                "sock_def_readable",
            ],
        ),
        wake_up(network, Right, Kind::Repoll),
    ]
    .concat()]
}

pub(super) fn record(network: Network) -> Result<Recorded> {
    let (listener, address) = network.listener()?;
    let mut connected = None;
    let recorded = with_waiter(
        network,
        Kind::Repoll,
        &listener,
        Interest::READABLE,
        |recorder| {
            recorder.remark("connect")?;
            // Nothing accepts it before the waiter sees it.
            connected = Some(TcpStream::connect(address)?);
            Ok(())
        },
    )?;
    drop(connected);
    Ok(recorded)
}
