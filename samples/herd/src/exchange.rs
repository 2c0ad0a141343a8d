// SPDX-License-Identifier: GPL-2.0

//! The traffic on a connection: a request and its reply.

use anyhow::{ensure, Context, Result};
use rustix::net::sockopt::set_socket_linger;
use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

const SIZE: usize = 64;

type Message = [u8; SIZE];

/// The client's part. It resets the connection at the end, so that no port
/// lingers: thousands of lingering ports would slow down the following
/// connections.
pub fn ask(address: SocketAddr, number: u64) -> Result<()> {
    let mut stream = TcpStream::connect(address).context("cannot connect")?;
    let request = request(number);
    stream.write_all(&request).context("cannot send")?;
    let mut reply = [0; SIZE];
    stream.read_exact(&mut reply).context("cannot receive")?;
    ensure!(
        reply == reply_to(&request),
        "connection {number} got a wrong reply"
    );
    set_socket_linger(&stream, Some(Duration::ZERO)).context("cannot set SO_LINGER")
}

/// The worker's part.
pub fn answer(mut stream: TcpStream) -> io::Result<()> {
    let mut request = [0; SIZE];
    stream.read_exact(&mut request)?;
    stream.write_all(&reply_to(&request))
}

fn request(number: u64) -> Message {
    let mut request = [b'?'; SIZE];
    request[..8].copy_from_slice(&number.to_le_bytes());
    request
}

fn reply_to(request: &Message) -> Message {
    request.map(|byte| !byte)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{net::TcpListener, thread};

    #[test]
    fn each_number_has_a_request_and_a_reply_of_its_own() {
        assert_ne!(request(1), request(256));
        assert_ne!(reply_to(&request(1)), reply_to(&request(2)));
        assert_ne!(reply_to(&request(1)), request(1));
    }

    #[test]
    fn both_parts_fit_together() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::scope(|scope| {
            let client = scope.spawn(move || ask(address, 7));
            answer(listener.accept().unwrap().0).unwrap();
            client.join().unwrap().unwrap();
        });
    }

    #[test]
    fn a_wrong_reply_is_found() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::scope(|scope| {
            let client = scope.spawn(move || ask(address, 7));
            let mut stream = listener.accept().unwrap().0;
            let mut request = [0; SIZE];
            stream.read_exact(&mut request).unwrap();
            stream.write_all(&request).unwrap();
            assert!(client.join().unwrap().is_err());
        });
    }
}
