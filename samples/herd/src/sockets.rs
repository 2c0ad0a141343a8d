// SPDX-License-Identifier: GPL-2.0

//! The sockets and instances of a run.

use crate::policy::Policy;
use anyhow::{Context, Result};
use backend::{Backend, Kind};
use repoll::{CreateFlags, Interest, Mode, Poller};
use rustix::{
    event::{eventfd, EventfdFlags},
    net::{bind, listen, socket_with, sockopt, AddressFamily, SocketFlags, SocketType},
};
use std::{
    io,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    os::fd::OwnedFd,
    sync::Arc,
};

/// The data of a listener's events.
pub const LISTENER: u64 = 0;

/// The data of the event that ends the workers.
pub const STOP: u64 = 1;

/// How many connections may wait to be accepted, if the system allows as many.
const BACKLOG: i32 = 4096;

/// What one worker uses.
#[derive(Clone)]
pub struct Place {
    /// The instance that it waits on.
    pub instance: Arc<Backend>,
    /// The non-blocking socket that it accepts connections from.
    pub listener: Arc<TcpListener>,
}

/// The sockets and instances of a run. Other runs do not use them.
pub struct Sockets {
    /// The address to connect to.
    pub address: SocketAddr,
    /// The place of each worker.
    pub places: Vec<Place>,
    /// Each instance watches it. It is never read, so it ends all workers.
    stop: OwnedFd,
}

impl Sockets {
    /// Creates them for this many workers.
    pub fn new(policy: Policy, backend: Kind, workers: usize) -> Result<Self> {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let first = Arc::new(listener(any, policy)?);
        let address = first.local_addr().context("getsockname")?;
        let stop = eventfd(0, EventfdFlags::CLOEXEC).context("cannot create an eventfd")?;

        let mut places: Vec<Place> = Vec::with_capacity(workers);
        for _ in 0..workers {
            let listener = match policy {
                Policy::Reuseport if !places.is_empty() => Arc::new(listener(address, policy)?),
                _ => first.clone(),
            };
            let instance = match places.first() {
                Some(place) if policy.is_shared() => place.instance.clone(),
                _ => {
                    let instance = instance(policy, backend)?;
                    instance
                        .add(&listener, Interest::READABLE, policy.mode(), LISTENER)
                        .context("cannot watch the listener")?;
                    instance
                        .add(&stop, Interest::READABLE, Mode::LEVEL, STOP)
                        .context("cannot watch an eventfd")?;
                    Arc::new(instance)
                }
            };
            places.push(Place { instance, listener });
        }
        Ok(Self {
            address,
            places,
            stop,
        })
    }

    /// Ends all workers.
    pub fn stop(&self) -> Result<()> {
        rustix::io::write(&self.stop, &1u64.to_ne_bytes()).context("cannot stop the workers")?;
        Ok(())
    }
}

/// An instance for workers that share a socket with this policy.
fn instance(policy: Policy, backend: Kind) -> Result<Backend> {
    let instance = match policy {
        Policy::SharedFifo => Poller::with_flags(CreateFlags::FIFO)
            .map(Backend::Repoll)
            .map_err(io::Error::other),
        _ => Backend::open(backend),
    };
    instance.with_context(|| format!("cannot create an instance of {backend}"))
}

/// A non-blocking socket that listens at this address.
fn listener(address: SocketAddr, policy: Policy) -> Result<TcpListener> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)
        .context("cannot create a socket")?;
    if policy == Policy::Reuseport {
        sockopt::set_socket_reuseport(&socket, true).context("cannot set SO_REUSEPORT")?;
    }
    bind(&socket, &address).with_context(|| format!("cannot bind to {address}"))?;
    listen(&socket, BACKLOG).context("cannot listen")?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_one<T>(of: impl Fn(&Place) -> &Arc<T>, sockets: &Sockets) -> bool {
        Arc::ptr_eq(of(&sockets.places[0]), of(&sockets.places[2]))
    }

    #[test]
    fn only_what_is_shared_is_shared() {
        for (policy, instance, listener) in [
            (Policy::Shared, true, true),
            (Policy::Each, false, true),
            (Policy::Exclusive, false, true),
            (Policy::Reuseport, false, false),
        ] {
            let sockets = Sockets::new(policy, Kind::Epoll, 3).unwrap();
            assert_eq!(sockets.places.len(), 3);
            assert_eq!(
                is_one(|place| &place.instance, &sockets),
                instance,
                "{policy}"
            );
            assert_eq!(
                is_one(|place| &place.listener, &sockets),
                listener,
                "{policy}"
            );
            for place in &sockets.places {
                assert_eq!(place.listener.local_addr().unwrap(), sockets.address);
            }
        }
    }
}
