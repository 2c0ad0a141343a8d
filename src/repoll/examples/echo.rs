// SPDX-License-Identifier: MIT OR Apache-2.0

//! A single-threaded server that sends back what it receives, and two clients.

use repoll::{Events, Interest, Mode, Poller};
use std::{
    collections::HashMap,
    io::{self, ErrorKind, Read, Write},
    net::{TcpListener, TcpStream},
    thread,
};

/// Connections have the numbers from 1 on.
const LISTENER: u64 = 0;

/// Serves until this many connections have come and gone.
fn serve(listener: TcpListener, mut expected: usize) -> io::Result<()> {
    let poller = Poller::new()?;
    listener.set_nonblocking(true)?;
    poller.add(&listener, Interest::READABLE, Mode::LEVEL, LISTENER)?;

    let mut connections = HashMap::new();
    let mut accepted = LISTENER;
    let mut events = Events::with_capacity(64);
    while expected > 0 {
        match poller.wait(&mut events, None) {
            // Signals have no meaning here.
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            result => result?,
        };
        for event in &events {
            if event.data() == LISTENER {
                let (stream, _) = listener.accept()?;
                accepted += 1;
                poller.add(&stream, Interest::READABLE, Mode::LEVEL, accepted)?;
                connections.insert(accepted, stream);
            } else if !send_back(&connections[&event.data()])? {
                // A closed file is not watched any more.
                connections.remove(&event.data());
                expected -= 1;
            }
        }
    }
    Ok(())
}

/// Returns whether more data may come.
fn send_back(mut stream: &TcpStream) -> io::Result<bool> {
    let mut buffer = [0; 4096];
    let count = stream.read(&mut buffer)?;
    stream.write_all(&buffer[..count])?;
    Ok(count > 0)
}

fn main() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let server = thread::spawn(|| serve(listener, 2));

    let mut clients = [TcpStream::connect(address)?, TcpStream::connect(address)?];
    for (client, text) in clients.iter_mut().zip(["to", "fro"]) {
        let mut answer = vec![0; text.len()];
        client.write_all(text.as_bytes())?;
        client.read_exact(&mut answer)?;
        assert_eq!(answer, text.as_bytes());
    }
    drop(clients);
    server.join().expect("a server that does not panic")
}
