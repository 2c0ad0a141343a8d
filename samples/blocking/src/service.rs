// SPDX-License-Identifier: GPL-2.0

//! The server: a separate process, so that its costs can be separated from those of its
//! clients.
//!
//! It reads orders from stdin and answers on stdout, one line each: when all clients are
//! connected, and for each order, the counts of its threads. It ends at the end of stdin.

use crate::{message::MESSAGE, strategy::Strategy, tasks::Counts};
use anyhow::{Context, Result};
use backend::{Backend, Kind};
use repoll::{Events, Interest, Mode};
use rustix::net::{bind, listen, socket_with, AddressFamily, SocketFlags, SocketType};
use std::{
    io::{self, ErrorKind, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    thread,
};

/// The size of the stack of a thread that echoes.
const STACK: usize = 64 << 10;

/// How many events one wait fetches.
const EVENTS: usize = 256;

/// Serves this many clients.
pub fn serve(strategy: Strategy, connections: usize) -> Result<()> {
    let flags = SocketFlags::CLOEXEC;
    let socket = socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)
        .context("cannot create a socket")?;
    bind(&socket, &SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).context("cannot bind a socket")?;
    listen(&socket, 4096).context("cannot listen")?;
    let listener = TcpListener::from(socket);
    say(&listener.local_addr().context("getsockname")?.port())?;

    let streams = (0..connections).map(|_| {
        let (stream, _) = listener.accept()?;
        stream.set_nodelay(true)?;
        Ok(stream)
    });
    match strategy.backend() {
        None => {
            for stream in streams {
                let stream = stream.context("cannot accept a connection")?;
                thread::Builder::new()
                    .stack_size(STACK)
                    .spawn(move || block(stream))
                    .context("cannot start a thread for each connection")?;
            }
        }
        Some(kind) => {
            let streams: io::Result<Vec<_>> = streams.collect();
            let streams = streams.context("cannot accept a connection")?;
            let backend = watch(kind, &streams)?;
            thread::spawn(move || react(&backend, &streams));
        }
    }
    for line in io::stdin().lines() {
        line.context("cannot read what to do")?;
        say(&Counts::of_others_asleep()?)?;
    }
    Ok(())
}

fn say(value: &impl serde::Serialize) -> Result<()> {
    let mut out = io::stdout();
    let line = serde_json::to_string(value)?;
    writeln!(out, "{line}")
        .and_then(|()| out.flush())
        .context("cannot write to stdout")
}

/// Sleeps until there is a message, in a loop.
fn block(mut stream: TcpStream) {
    while echo(&mut stream).is_ok() {}
}

fn watch(kind: Kind, streams: &[TcpStream]) -> Result<Backend> {
    let backend =
        Backend::open(kind).with_context(|| format!("cannot create an instance of {kind}"))?;
    for (data, stream) in streams.iter().enumerate() {
        stream.set_nonblocking(true).context("fcntl")?;
        backend
            .add(stream, Interest::READABLE, Mode::LEVEL, data as u64)
            .context("cannot watch a connection")?;
    }
    Ok(backend)
}

/// Sleeps until there are messages, in a loop.
fn react(backend: &Backend, streams: &[TcpStream]) {
    let mut events = Events::with_capacity(EVENTS);
    let mut failures = Vec::new();
    while backend
        .change_and_wait(&mut [], &mut events, None, &mut failures)
        .is_ok()
    {
        for event in &events {
            let Some(mut stream) = streams.get(event.data() as usize) else {
                continue;
            };
            match echo(&mut stream) {
                Err(error) if error.kind() != ErrorKind::WouldBlock => return,
                _ => {}
            }
        }
    }
}

/// Sends one message back. The end of the connection is also an error.
fn echo(stream: &mut (impl Read + Write)) -> io::Result<()> {
    let mut message = [0; MESSAGE];
    match stream.read(&mut message)? {
        0 => Err(ErrorKind::UnexpectedEof.into()),
        length => stream.write_all(&message[..length]),
    }
}
