// SPDX-License-Identifier: GPL-2.0

//! The network that a scenario's messages cross: the loopback device, or the wire between the two
//! machines of the guest. The thread that acts is on the left, the one that waits on the right.

use crate::{
    chain::{Chain, Step},
    filter::Filter,
    pinned::Pinned,
    timeline::Who,
};
use anyhow::{Context, Result};
use rustix::{
    event::{poll, PollFd, PollFlags, Timespec},
    net::{self, sockopt, AddressFamily, SocketType},
};
use std::{
    io::{ErrorKind, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket},
    os::fd::AsFd,
    time::Duration,
};
use wire::{Driver, Machine};

/// So small that a send buffer is soon full.
const SMALL: usize = 8 << 10;
/// How long to wait for a message. Only a failure takes so long.
const SOON: Duration = Duration::from_secs(60);
/// Longer than TCP delays an acknowledgement.
const LATE: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 300_000_000,
};

/// The network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// The loopback device.
    Loopback,
    /// The wire, between two cards with this driver.
    Wire(Driver),
}

impl Network {
    /// The wire, with the calling thread on its left.
    pub fn wire() -> Result<Self> {
        let driver = Machine::Left.driver()?;
        Machine::ALL
            .iter()
            .try_for_each(|machine| machine.wait_for_link())?;
        Machine::Left.enter()?;
        Ok(Self::Wire(driver))
    }

    /// Its name in a title.
    pub fn name(self) -> &'static str {
        match self {
            Self::Loopback => "loopback device",
            Self::Wire(Driver::Igb) => "over the wire, igb cards",
            Self::Wire(Driver::Virtio) => "over the wire, virtio cards",
        }
    }

    /// Prepares the wire for a recording: each machine keeps to a processor of its own, and has a
    /// firewall.
    pub fn prepare(self) -> Result<Option<(Pinned, Option<Filter>)>> {
        match self {
            Self::Loopback => Ok(None),
            Self::Wire(_) => Ok(Some((Pinned::new()?, Filter::new()?))),
        }
    }

    /// Steps of one of the machines; of the only one there is over the loopback device.
    pub fn on(self, machine: Machine, names: &[&'static str]) -> Chain {
        let who = match (self, machine) {
            (Self::Loopback, _) => None,
            (Self::Wire(_), Machine::Left) => Some(Who::Left),
            (Self::Wire(_), Machine::Right) => Some(Who::Right),
        };
        names.iter().map(|&name| Step { who, name }).collect()
    }

    /// What a packet passes on its way out of a machine, once its device is chosen.
    pub fn transmit(self, from: Machine) -> Chain {
        self.on(
            from,
            match self {
                Self::Loopback => &["loopback_xmit"],
                Self::Wire(Driver::Igb) => &["sch_direct_xmit", "igb_xmit_frame_ring"],
                Self::Wire(Driver::Virtio) => &["sch_direct_xmit", "start_xmit"],
            },
        )
    }

    /// The hard interrupt that announces it over the wire.
    pub fn hard_interrupt(self, to: Machine) -> Chain {
        self.on(
            to,
            match self {
                Self::Loopback => &[],
                Self::Wire(Driver::Igb) => &["irq_handler_entry", "igb_msix_ring"],
                Self::Wire(Driver::Virtio) => &["irq_handler_entry", "skb_recv_done"],
            },
        )
    }

    /// The soft interrupt that follows, unless it runs already.
    fn soft_interrupt(self, to: Machine) -> Chain {
        self.on(
            to,
            match self {
                Self::Loopback => &["net_rx_action"],
                Self::Wire(_) => &["softirq_raise", "net_rx_action"],
            },
        )
    }

    /// The interrupts that announce it: over the wire a hard one, and always a soft one.
    pub fn interrupt(self, to: Machine) -> Chain {
        [self.hard_interrupt(to), self.soft_interrupt(to)].concat()
    }

    /// The functions that it passes next, up to IP.
    pub fn receive(self, to: Machine) -> Chain {
        let poll = match self {
            Self::Loopback => return self.on(to, &["ip_rcv"]),
            Self::Wire(Driver::Igb) => "igb_poll",
            Self::Wire(Driver::Virtio) => "virtnet_poll",
        };
        self.on(
            to,
            &[
                poll,
                "dev_gro_receive",
                "netif_receive_skb_list_internal",
                "ip_list_rcv",
            ],
        )
    }

    /// The whole way of a packet from the left to the right, from one IP to the other.
    pub fn cross(self) -> Chain {
        [
            self.transmit(Machine::Left),
            self.interrupt(Machine::Right),
            self.receive(Machine::Right),
        ]
        .concat()
    }

    /// Later steps on the sender's side: the card reports that it has sent the packet, and
    /// the packet is freed. (A virtio card need not interrupt for that: the next poll finds it.)
    pub fn completion(self, from: Machine) -> Chain {
        self.on(
            from,
            match self {
                Self::Loopback => &[],
                Self::Wire(Driver::Igb) => &[
                    "igb_xmit_frame_ring",
                    "irq_handler_entry",
                    "igb_msix_ring",
                    "igb_poll",
                    "napi_consume_skb",
                ],
                Self::Wire(Driver::Virtio) => &["start_xmit", "napi_consume_skb"],
            },
        )
    }

    /// Functions of the driver to be probed.
    pub fn functions(self) -> &'static [&'static str] {
        match self {
            Self::Loopback => &["loopback_xmit"],
            Self::Wire(Driver::Igb) => &["igb_xmit_frame_ring", "igb_msix_ring", "igb_poll"],
            Self::Wire(Driver::Virtio) => &[
                "virtio_net:start_xmit",
                "virtio_net:skb_recv_done",
                "virtio_net:skb_xmit_done",
                "virtio_net:virtnet_poll",
                "virtio_net:virtnet_poll_tx",
            ],
        }
    }

    /// Does something on the receiver's machine.
    pub fn on_right<T: Send>(self, act: impl FnOnce() -> Result<T> + Send) -> Result<T> {
        match self {
            Self::Loopback => act(),
            Self::Wire(_) => Machine::Right.run(act),
        }
    }

    /// The address of the calling thread's machine.
    pub fn left(self) -> Ipv4Addr {
        match self {
            Self::Loopback => Ipv4Addr::LOCALHOST,
            Self::Wire(_) => Machine::Left.address(),
        }
    }

    /// The receiver's address.
    pub fn address(self) -> Ipv4Addr {
        match self {
            Self::Loopback => Ipv4Addr::LOCALHOST,
            Self::Wire(_) => Machine::Right.address(),
        }
    }

    /// A socket of the receiver's that listens, and its address.
    pub fn listener(self) -> Result<(TcpListener, SocketAddr)> {
        let listener =
            self.on_right(|| TcpListener::bind((self.address(), 0)).context("cannot listen"))?;
        let address = listener.local_addr()?;
        Ok((listener, address))
    }

    /// A connected pair: the left end and the right end.
    pub fn pair(self) -> Result<(TcpStream, TcpStream)> {
        let (listener, address) = self.listener()?;
        let sender = TcpStream::connect(address).context("cannot connect")?;
        let (receiver, _) = listener.accept()?;
        sender.set_nodelay(true)?;
        Ok((sender, receiver))
    }

    /// A connected pair with small buffers. The right one does not block.
    pub fn small_pair(self) -> Result<(TcpStream, TcpStream)> {
        let (listener, address) = self.listener()?;
        // Before they connect, since a window that was offered must stay. The accepted socket
        // inherits the listener's.
        let left = net::socket(AddressFamily::INET, SocketType::STREAM, None)?;
        for socket in [left.as_fd(), listener.as_fd()] {
            sockopt::set_socket_send_buffer_size(socket, SMALL)?;
            sockopt::set_socket_recv_buffer_size(socket, SMALL)?;
        }
        net::connect(&left, &address).context("cannot connect")?;
        let (right, _) = listener.accept()?;
        right.set_nonblocking(true)?;
        right.set_nodelay(true)?;
        Ok((left.into(), right))
    }

    /// A pair of datagram sockets, of which the first sends to the second.
    pub fn datagrams(self) -> Result<(UdpSocket, UdpSocket)> {
        let receiver =
            self.on_right(|| UdpSocket::bind((self.address(), 0)).context("cannot bind"))?;
        let sender = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).context("cannot bind")?;
        sender.connect(receiver.local_addr()?)?;
        receiver.set_read_timeout(Some(SOON))?;
        Ok((sender, receiver))
    }
}

/// Sends until the send buffer is full and stays full. Returns the number of bytes.
pub fn fill(mut socket: &TcpStream) -> Result<usize> {
    let mut sent = 0;
    loop {
        match socket.write(&[0; 4096]) {
            Ok(count) => sent += count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                let mut room = [PollFd::new(&socket, PollFlags::OUT)];
                if poll(&mut room, Some(&LATE))? == 0 {
                    return Ok(sent);
                }
            }
            Err(error) => return Err(error).context("cannot fill the send buffer"),
        }
    }
}
