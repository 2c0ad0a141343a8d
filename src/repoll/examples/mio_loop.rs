// SPDX-License-Identifier: MIT OR Apache-2.0

//! mio's loop, in which a repoll instance watches some of the files: those that
//! other instances watch, too, and that take turns.

use mio::{net::TcpListener, Poll, Token};
use repoll::{Events, Exclusive, Interest, Poller};
use std::{
    io::{self, Read},
    net::TcpStream,
    time::Duration,
};

const INSTANCE: Token = Token(0);
const LISTENER: Token = Token(1);

fn main() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0".parse().expect("an address"))?;
    let address = listener.local_addr()?;

    // The instance watches mio's listener in a mode that mio does not have.
    let mut poller = Poller::new()?;
    let mode = Exclusive::LEVEL.round_robin();
    poller.add(&listener, Interest::READABLE, mode, LISTENER.0 as u64)?;

    // mio's loop watches the instance.
    let mut poll = Poll::new()?;
    let readable = mio::Interest::READABLE;
    poll.registry().register(&mut poller, INSTANCE, readable)?;

    let mut client = TcpStream::connect(address)?;
    let mut outer = mio::Events::with_capacity(8);
    poll.poll(&mut outer, None)?;
    assert!(outer.iter().any(|event| event.token() == INSTANCE));

    // mio is edge-triggered, so fetch all events.
    let mut events = Events::with_capacity(8);
    while poller.wait(&mut events, Some(Duration::ZERO))? > 0 {
        for event in &events {
            assert_eq!(event.token(), LISTENER);
            drop(listener.accept()?);
        }
    }
    assert_eq!(client.read(&mut [0])?, 0);
    Ok(())
}
