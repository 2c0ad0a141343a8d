// SPDX-License-Identifier: GPL-2.0

//! What a server prepares before anything arrives: a listening socket, an instance that watches it,
//! and, once a client has connected, the connection's socket, on whose wait queue an entry of the
//! instance's is left.

use super::{number_of, Recorded};
use crate::{chain::Chain, network::Network, recorder::Recorder};
use anyhow::{Context, Result};
use backend::{Backend, Kind};
use repoll::{Interest, Mode};
use rustix::net::{self, AddressFamily, SocketFlags, SocketType};
use std::{
    fs,
    net::{SocketAddr, TcpStream},
};
use wire::Machine::Left;

const BACKLOG: i32 = 64;

pub(super) fn chains(network: Network) -> Vec<Chain> {
    vec![network.on(
        Left,
        &[
            "socket",
            "__sock_create",
            "inet_create",
            "sock_alloc_file",
            "bind",
            "inet_csk_get_port",
            "listen",
            "inet_csk_listen_start",
            "create an instance",
            "repoll_create",
            "watch the listening socket",
            "sock_poll",
            "add_wait_queue",
            "repoll_add",
            "accept",
            "sock_alloc_file",
            "inet_csk_accept",
            "watch the connection",
            "sock_poll",
            "add_wait_queue",
            "repoll_add",
            "ready for the first message",
        ],
    )]
}

pub(super) fn record(network: Network) -> Result<Recorded> {
    let recorder = Recorder::new(network)?;
    recorder.start()?;
    recorder.remark("socket")?;
    let listener = net::socket_with(
        AddressFamily::INET,
        SocketType::STREAM,
        SocketFlags::CLOEXEC,
        None,
    )?;
    recorder.remark("bind")?;
    net::bind(&listener, &SocketAddr::from((network.left(), 0)))?;
    recorder.remark("listen")?;
    net::listen(&listener, BACKLOG)?;
    recorder.remark("create an instance")?;
    let instance = Backend::open(Kind::Repoll)?;
    recorder.remark("watch the listening socket")?;
    instance.add(&listener, Interest::READABLE, Mode::LEVEL, 1)?;
    recorder.pause()?;
    let address = SocketAddr::try_from(net::getsockname(&listener)?)?;
    let _client = network.on_right(|| TcpStream::connect(address).context("cannot connect"))?;
    recorder.start()?;
    recorder.remark("accept")?;
    let connection = net::accept(&listener)?;
    recorder.remark("watch the connection")?;
    instance.add(&connection, Interest::READABLE, Mode::LEVEL, 2)?;
    recorder.remark("ready for the first message")?;
    let somaxconn = fs::read_to_string("/proc/sys/net/core/somaxconn")?;
    Ok(Recorded {
        instance: number_of(&instance)?,
        notes: vec![format!(
            "backlog {BACKLOG}: at most {} connections wait to be accepted; net.core.somaxconn, the greatest backlog: {}",
            BACKLOG + 1,
            somaxconn.trim()
        )],
        ..Recorded::new(recorder.stop()?)
    })
}
