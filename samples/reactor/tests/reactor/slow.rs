// SPDX-License-Identifier: GPL-2.0

//! Clients that take too long.

use crate::{
    client::{echo, request},
    server::{number, Server, LARGE, LARGE_PAGE, SHAPES},
};
use std::{
    io::{Read, Write},
    thread::sleep,
    time::{Duration, Instant},
};

/// Long enough for a client to send its data on a busy machine.
const TIMEOUT: Duration = Duration::from_secs(1);

#[test]
fn a_head_has_its_time_however_its_bytes_come() {
    for shape in SHAPES {
        let server = Server::start(shape, &["--header-timeout", "1"]);
        let begin = Instant::now();
        let mut silent = server.connect();
        let mut partial = server.connect();
        partial.send("GET / HTTP/1.1\r\nHost: a\r\n");
        // A byte now and then does not help.
        let mut dripping = server.connect();
        dripping.stream.set_nonblocking(true).unwrap();
        while dripping.stream.read(&mut [0]).is_err() {
            // It may be closed already.
            let _ = dripping.stream.write(b"A");
            sleep(Duration::from_millis(20));
        }
        assert!(begin.elapsed() >= TIMEOUT);
        assert_eq!(partial.answer().status, 408);
        partial.expect_end();
        silent.expect_end();
        assert_eq!(number(&server.stop(), "timed_out"), 3);
    }
}

/// The time limit of a head applies neither to a body nor to the time between
/// requests.
#[test]
fn a_connection_may_be_idle_for_longer_than_a_head_takes() {
    for shape in SHAPES {
        let options = ["--header-timeout", "1", "--idle-timeout", "60"];
        let server = Server::start(shape, &options);
        let mut client = server.connect();
        let (head, body) = echo("patience").split_once("pat").map(own).unwrap();
        assert_eq!(client.ask("GET", "/").status, 200);
        sleep(TIMEOUT * 3 / 2);
        client.send(head);
        sleep(TIMEOUT * 3 / 2);
        client.send(format!("pat{body}"));
        assert_eq!(client.answer().text(), "patience");

        // The time limit starts again for the next head.
        sleep(TIMEOUT * 3 / 2);
        client.send("GET");
        assert_eq!(client.answer().status, 408);
    }
}

fn own((a, b): (&str, &str)) -> (String, String) {
    (a.into(), b.into())
}

#[test]
fn who_is_idle_for_too_long_is_closed() {
    for shape in SHAPES {
        let options = [&LARGE_PAGE[..], &["--idle-timeout", "1"]].concat();
        let server = Server::start(shape, &options);
        let begin = Instant::now();
        let mut kept = server.connect();
        assert_eq!(kept.ask("HEAD", "/").status, 200);
        let mut body = server.connect();
        body.send(request("POST", "/echo", "Content-Length: 10\r\n\r\nhalf"));
        let mut deaf = server.connect();
        deaf.send(request("GET", "/", ""));

        kept.expect_end();
        assert!(begin.elapsed() >= TIMEOUT);
        assert_eq!(body.answer().status, 408);
        body.expect_end();
        // By then the server has given up, and everything that it could send
        // has arrived.
        server.until_sockets(1);
        let mut rest = Vec::new();
        // An end, or a reset.
        let _ = deaf.stream.read_to_end(&mut rest);
        assert!(rest.len() < LARGE);
        assert_eq!(number(&server.stop(), "timed_out"), 3);
    }
}
