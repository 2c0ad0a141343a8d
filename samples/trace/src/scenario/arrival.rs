// SPDX-License-Identifier: GPL-2.0

//! A message arrives at a socket that is watched.

use super::{with_waiter, Recorded};
use crate::sockets;
use anyhow::Result;
use repoll::Interest;
use std::io::Write;

pub(super) const CHAIN: &[&str] = &[
    "send",
    "tcp_sendmsg",
    "loopback_xmit",
    "net_rx_action",
    "ip_rcv",
    "tcp_v4_rcv",
    "tcp_rcv_established",
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
    let (mut sender, receiver) = sockets::pair()?;
    with_waiter(&receiver, Interest::READABLE, |recorder| {
        recorder.remark("send")?;
        Ok(sender.write_all(b"ping")?)
    })
}
