// SPDX-License-Identifier: GPL-2.0

//! Bytes that come and go in all sizes of pieces.

use crate::{
    client::{echo, request, Client},
    server::{number, Server, LARGE, LARGE_PAGE, PAGE, SHAPES},
};
use rustix::net::{self, sockopt, AddressFamily, SocketFlags, SocketType};
use std::{
    io::{ErrorKind, Write},
    net::{Shutdown, TcpStream},
    time::Duration,
};

#[test]
fn requests_that_come_together_are_answered_in_order() {
    for shape in SHAPES {
        let server = Server::start(shape, &[]);
        let mut client = server.connect();
        // More than one read, with bodies between the requests.
        let all: String = (0..1000)
            .map(|i| match i % 3 {
                0 => echo(&format!("message {i}")),
                1 => request("GET", "/", ""),
                _ => request("HEAD", "/none", ""),
            })
            .collect();
        client.send(all);
        for i in 0..1000 {
            match i % 3 {
                0 => assert_eq!(client.answer().text(), format!("message {i}")),
                1 => assert_eq!(client.answer().text(), PAGE),
                _ => assert_eq!(client.head().status, 404),
            }
        }
        assert_eq!(number(&server.stop(), "requests"), 1000);
    }
}

#[test]
fn a_request_may_come_byte_by_byte() {
    for shape in SHAPES {
        let server = Server::start(shape, &[]);
        let mut client = server.connect();
        for _ in 0..2 {
            for byte in echo("piecemeal").as_bytes() {
                client.send([*byte]);
            }
            assert_eq!(client.answer().text(), "piecemeal");
        }
    }
}

#[test]
fn what_came_before_a_half_close_is_answered() {
    for shape in SHAPES {
        let server = Server::start(shape, &[]);
        let mut client = server.connect();
        client.send(echo("one") + &echo("two") + "GET / HT");
        client.stream.shutdown(Shutdown::Write).unwrap();
        assert_eq!(client.answer().text(), "one");
        assert_eq!(client.answer().text(), "two");
        client.expect_end();
    }
}

/// A client whose socket takes little at a time. Its buffer is set before the connection
/// is established, so that the offered window is never large.
fn narrow(server: &Server) -> Client {
    let flags = SocketFlags::CLOEXEC;
    let socket = net::socket_with(AddressFamily::INET, SocketType::STREAM, flags, None).unwrap();
    sockopt::set_socket_recv_buffer_size(&socket, 16 << 10).unwrap();
    net::connect(&socket, &server.address).unwrap();
    Client::new(TcpStream::from(socket))
}

#[test]
fn what_does_not_fit_is_sent_when_there_is_room() {
    for shape in SHAPES {
        let server = Server::start(shape, &LARGE_PAGE);
        let mut lazy = narrow(&server);
        lazy.send(request("GET", "/", "") + &echo("after"));
        server.until_blocked();
        // No other client has to wait for it.
        let mut other = server.connect();
        for _ in 0..10 {
            assert_eq!(other.ask("HEAD", "/").status, 200);
        }
        let page = PAGE.bytes().cycle().take(LARGE);
        assert!(page.eq(lazy.answer().body), "{shape}");
        assert_eq!(lazy.answer().text(), "after");

        let figures = server.stop();
        assert!(number(&figures, "blocked") > 0);
    }
}

/// The server reads nothing from a client that takes no responses, so the client is
/// stopped, and costs no time meanwhile.
#[test]
fn who_takes_no_answers_is_asked_nothing() {
    for shape in SHAPES {
        let server = Server::start(shape, &LARGE_PAGE);
        let mut greedy = server.connect();
        let timeout = Some(Duration::from_millis(300));
        greedy.stream.set_write_timeout(timeout).unwrap();
        let requests = request("GET", "/", "").repeat(100);
        let mut sent = 0;
        loop {
            match greedy.stream.write(requests.as_bytes()) {
                Ok(size) => sent += size,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => panic!("{error}"),
            }
            // Everything that sockets hold of it, and much less than the responses.
            assert!(sent < 64 << 20);
        }
        server.until_blocked();
        drop(greedy);

        let figures = server.stop();
        let count = |name| number(&figures, name);
        assert!(count("blocked") > 0);
        assert!(count("requests") < 10, "{figures}");
        assert!(count("waits") < 100, "{figures}");
    }
}
