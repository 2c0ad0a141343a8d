// SPDX-License-Identifier: GPL-2.0

//! The sockets and instances of a run.

use crate::way::Way;
use anyhow::{
    Context,
    Result, //
};
use backend::{
    Backend,
    Kind, //
};
use repoll::{
    CreateFlags,
    Interest,
    Mode,
    Poller, //
};
use rustix::{
    event::{
        eventfd,
        EventfdFlags, //
    },
    net::{
        bind,
        listen,
        socket_with,
        sockopt,
        AddressFamily,
        SocketFlags,
        SocketType, //
    },
};
use std::{
    io,
    net::{
        Ipv4Addr,
        SocketAddr,
        TcpListener, //
    },
    os::fd::OwnedFd,
    sync::Arc,
};

/// The data of a listener's events.
pub const LISTENER: u64 = 0;

/// The data of the event that there is nothing more to do.
pub const STOP: u64 = 1;

/// So many connections may wait to be accepted, if the system allows as many.
const BACKLOG: i32 = 4096;

/// Where one worker stands.
#[derive(Clone)]
pub struct Post {
    /// What it waits on.
    pub instance: Arc<Backend>,
    /// What it accepts connections from; does not block.
    pub listener: Arc<TcpListener>,
}

/// What all workers of a run stand on. Nothing of it is used a second time.
pub struct Stage {
    /// Where to connect to.
    pub address: SocketAddr,
    /// One for each worker.
    pub posts: Vec<Post>,
    /// Watched by each instance; never read, so it stops them all.
    stop: OwnedFd,
}

impl Stage {
    /// Sets it up for so many workers.
    pub fn new(way: Way, backend: Kind, workers: usize) -> Result<Self> {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let first = Arc::new(listener(any, way)?);
        let address = first.local_addr().context("getsockname")?;
        let stop = eventfd(0, EventfdFlags::CLOEXEC).context("cannot make an eventfd")?;

        let mut posts: Vec<Post> = Vec::with_capacity(workers);
        for _ in 0..workers {
            let listener = match way {
                Way::Reuseport if !posts.is_empty() => Arc::new(listener(address, way)?),
                _ => first.clone(),
            };
            let instance = match posts.first() {
                Some(post) if way.is_shared() => post.instance.clone(),
                _ => {
                    let instance = instance(way, backend)?;
                    instance
                        .add(&listener, Interest::READABLE, way.mode(), LISTENER)
                        .context("cannot watch the listener")?;
                    instance
                        .add(&stop, Interest::READABLE, Mode::LEVEL, STOP)
                        .context("cannot watch an eventfd")?;
                    Arc::new(instance)
                }
            };
            posts.push(Post { instance, listener });
        }
        Ok(Self {
            address,
            posts,
            stop,
        })
    }

    /// Has all workers end.
    pub fn stop(&self) -> Result<()> {
        rustix::io::write(&self.stop, &1u64.to_ne_bytes()).context("cannot stop the workers")?;
        Ok(())
    }
}

/// An instance for workers that go that way.
fn instance(way: Way, backend: Kind) -> Result<Backend> {
    let instance = match way {
        Way::SharedFifo => Poller::with_flags(CreateFlags::FIFO)
            .map(Backend::Repoll)
            .map_err(io::Error::other),
        _ => Backend::open(backend),
    };
    instance.with_context(|| format!("no instance of {backend}"))
}

/// A socket that listens at that address and does not block.
fn listener(address: SocketAddr, way: Way) -> Result<TcpListener> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)
        .context("cannot make a socket")?;
    if way == Way::Reuseport {
        sockopt::set_socket_reuseport(&socket, true).context("cannot set SO_REUSEPORT")?;
    }
    bind(&socket, &address).with_context(|| format!("cannot bind to {address}"))?;
    listen(&socket, BACKLOG).context("cannot listen")?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_one<T>(of: impl Fn(&Post) -> &Arc<T>, stage: &Stage) -> bool {
        Arc::ptr_eq(of(&stage.posts[0]), of(&stage.posts[2]))
    }

    #[test]
    fn only_what_is_shared_is_shared() {
        for (way, instance, listener) in [
            (Way::Shared, true, true),
            (Way::Each, false, true),
            (Way::Exclusive, false, true),
            (Way::Reuseport, false, false),
        ] {
            let stage = Stage::new(way, Kind::Epoll, 3).unwrap();
            assert_eq!(stage.posts.len(), 3);
            assert_eq!(is_one(|post| &post.instance, &stage), instance, "{way}");
            assert_eq!(is_one(|post| &post.listener, &stage), listener, "{way}");
            for post in &stage.posts {
                assert_eq!(post.listener.local_addr().unwrap(), stage.address);
            }
        }
    }
}
