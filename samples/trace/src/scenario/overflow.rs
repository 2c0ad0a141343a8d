// SPDX-License-Identifier: GPL-2.0

//! A connection comes in, and the accept queue is full.

use super::{Recorded, SOON};
use crate::{chain::Chain, network::Network, recorder::Recorder};
use anyhow::{ensure, Context, Result};
use rustix::{
    io::Errno,
    net::{self, AddressFamily, SocketFlags, SocketType},
};
use std::{
    fs,
    net::{SocketAddr, TcpStream},
    os::fd::OwnedFd,
    thread,
    time::{Duration, Instant},
};
use wire::Machine::{Left, Right};

pub(super) fn chains(network: Network) -> Vec<Chain> {
    vec![[
        network.on(Left, &["connect"]),
        network.cross(),
        network.on(Right, &["tcp_v4_rcv", "tcp_conn_request"]),
    ]
    .concat()]
}

/// The kernel lets one connection more wait than this.
const BACKLOG: i32 = 1;

/// Fills the accept queue, and records one more attempt to connect.
pub(super) fn record(network: Network) -> Result<Recorded> {
    let listener = network.on_right(|| {
        let listener = socket()?;
        net::bind(&listener, &SocketAddr::from((network.address(), 0)))?;
        net::listen(&listener, BACKLOG)?;
        Ok(listener)
    })?;
    let address = SocketAddr::try_from(net::getsockname(&listener)?)?;
    let _waiting = (TcpStream::connect(address)?, TcpStream::connect(address)?);
    let before = network.on_right(overflows)?;
    let recorder = Recorder::new(network)?;
    recorder.start()?;
    recorder.remark("connect")?;
    let one_more = socket()?;
    match net::connect(&one_more, &address) {
        Err(Errno::INPROGRESS) => (),
        other => other.context("one more could connect")?,
    }
    let deadline = Instant::now() + SOON;
    while network.on_right(overflows)? == before && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(10));
    }
    recorder.remark("the SYN has been dropped")?;
    let text = recorder.stop()?;
    let after = network.on_right(overflows)?;
    ensure!(after > before, "the SYN was not dropped");
    let somaxconn = fs::read_to_string("/proc/sys/net/core/somaxconn")?;
    Ok(Recorded {
        notes: vec![
            format!("backlog {BACKLOG}: the kernel lets two connections wait and drops the third SYN; the client sends it again later"),
            format!(
                "net.core.somaxconn, the greatest backlog: {}",
                somaxconn.trim()
            ),
            format!("ListenOverflows: {before} before, {after} after"),
        ],
        ..Recorded::new(text)
    })
}

fn socket() -> Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    Ok(net::socket_with(
        AddressFamily::INET,
        SocketType::STREAM,
        flags,
        None,
    )?)
}

/// How often accept queues have had no room.
fn overflows() -> Result<u64> {
    let text = fs::read_to_string("/proc/thread-self/net/netstat")?;
    counter(&text, "TcpExt:", "ListenOverflows").context("the kernel does not count overflows")
}

/// A counter of /proc/net/netstat, where a line of names comes before the one of their values.
fn counter(text: &str, group: &str, name: &str) -> Option<u64> {
    let mut lines = text.lines().filter(|line| line.starts_with(group));
    let (names, values) = (lines.next()?, lines.next()?);
    let mut both = names.split(' ').zip(values.split(' '));
    both.find(|(found, _)| *found == name)?.1.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_is_found_by_its_name() {
        let text = "TcpExt: A ListenOverflows B\nTcpExt: 1 23 4\nIpExt: A\nIpExt: 9\n";
        assert_eq!(counter(text, "TcpExt:", "ListenOverflows"), Some(23));
        assert_eq!(counter(text, "IpExt:", "A"), Some(9));
        assert_eq!(counter(text, "IpExt:", "B"), None);
    }
}
