// SPDX-License-Identifier: GPL-2.0

//! A full send buffer drains.

use super::{with_waiter, Recorded};
use crate::sockets;
use anyhow::Result;
use repoll::Interest;
use std::io::Read;

pub(super) const CHAIN: &[&str] = &[
    "receive",
    "tcp_recvmsg",
    "loopback_xmit",
    "net_rx_action",
    "tcp_v4_rcv",
    "tcp_rcv_established",
    "sk_stream_write_space",
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
    let (sender, mut receiver) = sockets::small_pair()?;
    let mut data = vec![0; sockets::fill(&sender)?];
    with_waiter(&sender, Interest::WRITABLE, |recorder| {
        recorder.remark("receive")?;
        Ok(receiver.read_exact(&mut data)?)
    })
}
