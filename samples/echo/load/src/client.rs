// SPDX-License-Identifier: GPL-2.0

//! One connection to the server.

use crate::{
    content::Content,
    script::{Ending, Script},
};
use anyhow::{bail, ensure, Context, Result};
use rustix::{
    io::Errno,
    net::{self, sockopt, AddressFamily, SocketFlags, SocketType},
};
use std::{
    io::{ErrorKind, Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    os::fd::{AsFd, BorrowedFd},
    time::Duration,
};

/// How many messages may be on their way before the first of them is back.
const WINDOW: usize = 4;

/// The most bytes that one read or write transfers.
pub const CHUNK: usize = 64 * 1024;

/// The receive buffer of a connection with a message of the largest size, and
/// the most bytes that it reads at once: the server has to wait for such a
/// peer.
const SMALL: usize = 16 * 1024;

/// The state of a connection after a turn.
#[derive(Debug, Eq, PartialEq)]
pub enum Progress {
    /// It may continue at once.
    More,
    /// It waits for the next event.
    Blocked,
    /// It has ended, as its script requires.
    Finished(Ending),
}

/// A connection, what it sends, and how much of that is sent and back.
///
/// It is for edge-triggered events: call [`Client::advance`] after an event,
/// and again as long as it returns [`Progress::More`], in turns with the other
/// connections.
pub struct Client {
    stream: TcpStream,
    content: Content,
    script: Script,
    connected: bool,
    half_closed: bool,
    sent: u64,
    received: u64,
    messages: usize,
}

impl Client {
    /// Starts to connect to `address`.
    pub fn connect(address: SocketAddr, content: Content, script: Script) -> Result<Self> {
        let family = match address {
            SocketAddr::V4(_) => AddressFamily::INET,
            SocketAddr::V6(_) => AddressFamily::INET6,
        };
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let socket = net::socket_with(family, SocketType::STREAM, flags, None)
            .context("cannot create a socket")?;
        sockopt::set_tcp_nodelay(&socket, true).context("cannot set TCP_NODELAY")?;
        if script.large {
            sockopt::set_socket_recv_buffer_size(&socket, SMALL).context("cannot set SO_RCVBUF")?;
        }
        match net::connect(&socket, &address) {
            Ok(()) | Err(Errno::INPROGRESS) => {}
            Err(error) => bail!("cannot connect: {error}"),
        }
        Ok(Self {
            stream: TcpStream::from(socket),
            content,
            script,
            connected: false,
            half_closed: false,
            sent: 0,
            received: 0,
            messages: 0,
        })
    }

    /// The socket to watch.
    pub fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }

    /// Whether the handshake is finished.
    pub fn is_connected(&self) -> bool {
        self.connected
    }

    /// Whether only the ending remains.
    pub fn is_idle(&self) -> bool {
        let awaited = match self.script.ending {
            Ending::Reset => 0,
            Ending::Close | Ending::HalfClose => self.script.total(),
        };
        self.sent == self.script.stop && self.received >= awaited && !self.half_closed
    }

    /// How many messages came back completely.
    pub fn messages(&self) -> u64 {
        self.messages as u64
    }

    /// How many bytes were sent, and how many came back and were compared.
    pub fn bytes(&self) -> (u64, u64) {
        (self.sent, self.received)
    }

    /// Takes one turn: sends as much as possible, ends the connection if it is
    /// time and `may_end`, and receives once. `scratch` holds at least
    /// [`CHUNK`] bytes.
    pub fn advance(&mut self, may_end: bool, scratch: &mut [u8]) -> Result<Progress> {
        if !self.connected {
            if let Some(error) = self.stream.take_error().context("SO_ERROR")? {
                bail!("cannot connect: {error}");
            }
            self.connected = true;
        }
        let full = !self.send(scratch)?;

        if may_end && self.sent == self.script.stop {
            match self.script.ending {
                Ending::Reset => {
                    sockopt::set_socket_linger(&self.stream, Some(Duration::ZERO))
                        .context("cannot set SO_LINGER")?;
                    return Ok(Progress::Finished(Ending::Reset));
                }
                Ending::Close if self.received == self.script.total() => {
                    return Ok(Progress::Finished(Ending::Close));
                }
                Ending::HalfClose if !self.half_closed => {
                    self.stream
                        .shutdown(Shutdown::Write)
                        .context("cannot shut down")?;
                    self.half_closed = true;
                }
                _ => {}
            }
        }

        match self.receive(scratch)? {
            Received::Bytes => Ok(Progress::More),
            Received::Nothing if full || self.sent == self.limit() => Ok(Progress::Blocked),
            Received::Nothing => Ok(Progress::More),
            Received::End => {
                ensure!(
                    self.half_closed && self.received == self.script.total(),
                    "the server ended the connection ({})",
                    self.state()
                );
                Ok(Progress::Finished(Ending::HalfClose))
            }
        }
    }

    /// The progress, for messages to the user.
    pub fn state(&self) -> String {
        if !self.connected {
            return "still connecting".into();
        }
        format!(
            "sent {} of {} bytes, received {}, {} of {} messages back",
            self.sent,
            self.script.stop,
            self.received,
            self.messages,
            self.script.ends.len()
        )
    }

    /// How far the window of messages allows to send.
    fn limit(&self) -> u64 {
        let last = (self.messages + WINDOW).min(self.script.ends.len()) - 1;
        self.script.stop.min(self.script.ends[last])
    }

    /// Sends up to the limit. Returns false if the socket does not take more.
    fn send(&mut self, scratch: &mut [u8]) -> Result<bool> {
        let limit = self.limit();

        while self.sent < limit {
            let size = (limit - self.sent).min(CHUNK as u64) as usize;
            let chunk = &mut scratch[..size];
            self.content.fill(self.sent, chunk);
            match self.stream.write(chunk) {
                Ok(written) => self.sent += written as u64,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) => bail!("cannot send: {error} ({})", self.state()),
            }
        }
        Ok(true)
    }

    /// Receives once and checks the bytes.
    fn receive(&mut self, scratch: &mut [u8]) -> Result<Received> {
        let chunk = if self.script.large { SMALL } else { CHUNK };
        let size = match self.stream.read(&mut scratch[..chunk]) {
            Ok(0) => return Ok(Received::End),
            Ok(size) => size,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Received::Nothing),
            Err(error) => bail!("cannot receive: {error} ({})", self.state()),
        };
        if let Err(difference) = self.content.check(self.received, &scratch[..size]) {
            bail!(
                "byte {} should be {:#04x}, but is {:#04x} ({})",
                difference.offset,
                difference.expected,
                difference.found,
                self.state()
            );
        }
        self.received += size as u64;
        ensure!(
            self.received <= self.sent,
            "more came back than was sent ({})",
            self.state()
        );
        let whole = &self.script.ends[self.messages..];
        self.messages += whole
            .iter()
            .take_while(|&&end| end <= self.received)
            .count();
        Ok(Received::Bytes)
    }
}

/// The result of a receive.
enum Received {
    Bytes,
    Nothing,
    End,
}
