// SPDX-License-Identifier: GPL-2.0

//! A connection comes in.

use super::{with_waiter, Recorded};
use crate::sockets;
use anyhow::Result;
use repoll::Interest;
use std::net::TcpStream;

pub(super) const CHAIN: &[&str] = &[
    "connect",
    "loopback_xmit",
    "tcp_v4_rcv",
    "tcp_conn_request",
    "inet_csk_complete_hashdance",
    "sock_def_readable",
    "repoll_callback",
    "repoll_wake",
    "rp_wake_task",
    "default_wake_function",
    "sched_waking",
    "repoll_deliver",
    "repoll_wait_exit",
    "wait returns 1",
];

pub(super) fn record() -> Result<Recorded> {
    let (listener, address) = sockets::listener()?;
    let mut connected = None;
    let recorded = with_waiter(&listener, Interest::READABLE, |recorder| {
        recorder.remark("connect")?;
        // Accepted by nobody before the waiter has seen it.
        connected = Some(TcpStream::connect(address)?);
        Ok(())
    })?;
    drop(connected);
    Ok(recorded)
}
