// SPDX-License-Identifier: GPL-2.0

//! A message to a neighbour whose hardware address is not known: ARP has to ask first.

use super::{datagram, wake_up, Recorded};
use crate::{chain::Chain, network::Network};
use anyhow::Result;
use backend::Kind;
use wire::Machine::{self, Left, Right};

pub(super) fn chains(network: Network) -> Vec<Chain> {
    vec![[
        network.on(
            Left,
            &[
                "send",
                "udp_sendmsg",
                "ip_finish_output2",
                "neigh_resolve_output",
                "__neigh_event_send",
                "arp_solicit",
            ],
        ),
        network.transmit(Left),
        // The question arrives and is answered, and the answer arrives.
        network.interrupt(Right),
        network.on(Right, &["arp_process"]),
        network.transmit(Right),
        network.hard_interrupt(Left),
        network.on(Left, &["arp_process", "neigh_update"]),
        // Only now is the message sent.
        network.transmit(Left),
        network.receive(Right),
        network.on(Right, &["udp_rcv", "sock_def_readable"]),
        wake_up(network, Right, Kind::Repoll),
    ]
    .concat()]
}

pub(super) fn record(network: Network) -> Result<Recorded> {
    let (sender, receiver) = network.datagrams()?;
    for machine in Machine::ALL {
        machine.command(&["ip", "neigh", "flush", "all"])?;
    }
    datagram::deliver(network, &sender, &receiver, |_| Ok(()))
}
