// SPDX-License-Identifier: GPL-2.0

//! The listening socket, and the connections that it accepts.

use crate::{
    gate::{Gate, Permit},
    mailbox::{Mailbox, Message},
    watch::Watch,
};
use anyhow::{Context, Result};
use repoll::{Change, Interest, Mode};
use rustix::{
    io::Errno,
    net::{
        accept_with, bind, listen, socket_with, sockopt, AddressFamily, SocketFlags, SocketType,
    },
};
use std::{
    net::{SocketAddr, TcpListener, TcpStream},
    os::fd::AsFd,
    sync::Arc,
    time::{Duration, Instant},
};

/// How many connections may wait to be accepted, if the system allows as many.
const BACKLOG: i32 = 4096;

/// How many connections are accepted before others get their turn.
const TURN: usize = 64;

/// How long to wait if there is no descriptor or memory for another connection.
const PAUSE: Duration = Duration::from_millis(100);

/// Creates a non-blocking socket that listens at this address.
pub fn listener(address: SocketAddr) -> Result<TcpListener> {
    let family = match address {
        SocketAddr::V4(_) => AddressFamily::INET,
        SocketAddr::V6(_) => AddressFamily::INET6,
    };
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket =
        socket_with(family, SocketType::STREAM, flags, None).context("cannot create a socket")?;
    sockopt::set_socket_reuseaddr(&socket, true).context("cannot set SO_REUSEADDR")?;
    bind(&socket, &address).with_context(|| format!("cannot bind to {address}"))?;
    listen(&socket, BACKLOG).with_context(|| format!("cannot listen at {address}"))?;
    Ok(socket.into())
}

/// What accepts connections.
#[derive(Debug)]
pub struct Acceptor {
    listener: TcpListener,
    watch: Watch,
    gate: Arc<Gate>,
    /// The reactors that receive the connections, in turn. If there are none, the
    /// acceptor's own reactor does.
    others: Vec<Arc<Mailbox>>,
    turn: usize,
    resume: Option<Instant>,
}

impl Acceptor {
    /// Accepts as many connections from `listener` as `gate` allows.
    pub fn new(listener: TcpListener, gate: Arc<Gate>, others: Vec<Arc<Mailbox>>) -> Self {
        Self {
            listener,
            watch: Watch::new(Interest::READABLE, Mode::LEVEL),
            gate,
            others,
            turn: 0,
            resume: None,
        }
    }

    /// Accepts the waiting connections, and returns those that are not sent to other
    /// reactors.
    pub fn accept(&mut self, now: Instant) -> Result<Vec<(TcpStream, Permit)>> {
        let mut own = Vec::new();
        for _ in 0..TURN {
            let Some(permit) = self.gate.enter() else {
                self.watch.want(Interest::empty());
                break;
            };
            let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
            let socket = match accept_with(&self.listener, flags) {
                Ok(socket) => socket,
                Err(Errno::AGAIN) => break,
                Err(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM) => {
                    self.resume = Some(now + PAUSE);
                    self.watch.want(Interest::empty());
                    break;
                }
                Err(error @ (Errno::BADF | Errno::INVAL | Errno::NOTSOCK)) => {
                    return Err(error).context("cannot accept connections");
                }
                // The error of a connection that failed while it waited.
                Err(_) => continue,
            };
            let stream = TcpStream::from(socket);
            // Responses are sent as a whole. This fails for a connection that has ended.
            let _ = stream.set_nodelay(true);
            match self.others.get(self.turn) {
                None => own.push((stream, permit)),
                Some(other) => {
                    other.send(Message::Connection(stream, permit));
                    self.turn = (self.turn + 1) % self.others.len();
                }
            }
        }
        Ok(own)
    }

    /// There is room for connections again.
    pub fn resume(&mut self) {
        self.resume = None;
        self.watch.want(Interest::READABLE);
    }

    /// When to try again after a lack of descriptors.
    pub fn resume_at(&self) -> Option<Instant> {
        self.resume
    }

    /// The change that the instance needs, if any.
    pub fn change(&self, data: u64) -> Option<Change<'_>> {
        self.watch.change(self.listener.as_fd(), data)
    }
}
