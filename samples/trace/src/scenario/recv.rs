// SPDX-License-Identifier: GPL-2.0

//! A message arrives for a thread in a blocking recv: its entry on the socket's wait queue has the
//! task as its private data, and a function that wakes it.

use super::Recorded;
use crate::{recorder::Recorder, sleeper::Sleeper, sockets};
use anyhow::Result;
use rustix::thread::gettid;
use std::io::{Read, Write};

pub(super) const CHAIN: &[&str] = &[
    "send",
    "tcp_sendmsg",
    "loopback_xmit",
    "net_rx_action",
    "tcp_v4_rcv",
    "tcp_rcv_established",
    "sock_def_readable",
    "woken_wake_function",
    "default_wake_function",
    "sched_waking",
    "recv returns 4",
];

pub(super) fn record() -> Result<Recorded> {
    let (mut sender, mut receiver) = sockets::pair()?;
    let recorder = Recorder::new()?;
    let mut marker = recorder.marker()?;
    let waiter = Sleeper::start(&[libc::SYS_recvfrom], move || {
        let count = receiver.read(&mut [0; 16])?;
        Ok(marker.write_all(format!("recv returns {count}").as_bytes())?)
    })?;
    let thread = waiter.thread;
    recorder.start()?;
    recorder.remark("send")?;
    sender.write_all(b"ping")?;
    waiter.join()?;
    Ok(Recorded {
        text: recorder.stop()?,
        actor: gettid().as_raw_nonzero().get(),
        waiter: Some(thread),
        instance: None,
        notes: Vec::new(),
    })
}
