// SPDX-License-Identifier: GPL-2.0

//! The sockets of the scenarios, on the loopback device.

use anyhow::{Context, Result};
use rustix::net::sockopt;
use std::{
    io::{ErrorKind, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
};

/// So small that a send buffer is soon full.
const SMALL: usize = 8 << 10;

/// A socket that listens, and its address.
pub fn listener() -> Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("cannot listen")?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

/// A connected pair.
pub fn pair() -> Result<(TcpStream, TcpStream)> {
    let (listener, address) = listener()?;
    let one = TcpStream::connect(address).context("cannot connect")?;
    let (other, _) = listener.accept()?;
    one.set_nodelay(true)?;
    Ok((one, other))
}

/// A connected pair with small buffers, of which the first does not block.
pub fn small_pair() -> Result<(TcpStream, TcpStream)> {
    let (one, other) = pair()?;
    one.set_nonblocking(true)?;
    for socket in [&one, &other] {
        sockopt::set_socket_send_buffer_size(socket, SMALL)?;
        sockopt::set_socket_recv_buffer_size(socket, SMALL)?;
    }
    Ok((one, other))
}

/// Sends until there is no more room. Returns how many bytes.
pub fn fill(mut socket: &TcpStream) -> Result<usize> {
    let mut sent = 0;
    loop {
        match socket.write(&[0; 4096]) {
            Ok(count) => sent += count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(sent),
            Err(error) => return Err(error).context("cannot fill the send buffer"),
        }
    }
}
