// SPDX-License-Identifier: GPL-2.0

//! Connected sockets, which transfer single bytes.

use anyhow::{ensure, Context, Result};
use rustix::net::{recv, send, RecvFlags, SendFlags};
use std::{
    net::{Ipv4Addr, TcpListener, TcpStream},
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::net::UnixStream,
    },
};

/// The address family.
#[derive(Clone, Copy)]
pub enum Family {
    /// Over the loopback device.
    Tcp,
    /// TCP over the wire between the guest's two network cards.
    Wire,
    /// Inside the kernel.
    Unix,
}

/// Both ends of a connection.
pub struct Pair {
    /// The watched end.
    pub here: OwnedFd,
    /// The other end.
    pub there: OwnedFd,
}

impl Pair {
    /// Creates this many connections.
    pub fn many(family: Family, count: usize) -> Result<Vec<Self>> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("cannot listen")?;
        let tcp = |there: TcpStream, here: TcpStream| -> Result<Self> {
            for end in [&here, &there] {
                end.set_nodelay(true)?;
            }
            Ok(Self {
                here: here.into(),
                there: there.into(),
            })
        };
        let pair = || -> Result<Self> {
            match family {
                Family::Tcp => {
                    let there = TcpStream::connect(listener.local_addr()?)?;
                    let (here, _) = listener.accept()?;
                    tcp(there, here)
                }
                Family::Wire => {
                    let (there, here) = wire::connection()?;
                    tcp(there, here)
                }
                Family::Unix => {
                    let (here, there) = UnixStream::pair()?;
                    Ok(Self {
                        here: here.into(),
                        there: there.into(),
                    })
                }
            }
        };
        (0..count)
            .map(|_| pair().context("cannot connect"))
            .collect()
    }

    /// Creates one connection over TCP.
    pub fn tcp() -> Result<Self> {
        let mut pairs = Self::many(Family::Tcp, 1)?;
        pairs.pop().context("no connection")
    }

    /// The watched end.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.here.as_fd()
    }

    /// Makes the watched end readable.
    pub fn make_ready(&self) -> Result<()> {
        put(self.there.as_fd())
    }
}

/// Sends a byte.
#[inline(always)]
pub fn put(fd: BorrowedFd<'_>) -> Result<()> {
    let sent = send(fd, b"x", SendFlags::empty())?;
    ensure!(sent == 1, "nothing was sent");
    Ok(())
}

/// Receives a byte.
#[inline(always)]
pub fn get(fd: BorrowedFd<'_>) -> Result<()> {
    let mut byte = [0];
    let (received, _) = recv(fd, &mut byte, RecvFlags::empty())?;
    ensure!(received == 1, "nothing was received");
    Ok(())
}
