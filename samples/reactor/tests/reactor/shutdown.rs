// SPDX-License-Identifier: GPL-2.0

//! The end of a server.

use crate::{
    client::{echo, request},
    server::{number, Server, LARGE, LARGE_PAGE, SHAPES},
};
use rustix::process::Signal;
use std::time::{Duration, Instant};

#[test]
fn idle_connections_do_not_keep_it() {
    for shape in SHAPES {
        for signal in [Signal::TERM, Signal::INT] {
            let server = Server::start(shape, &["--grace", "3600"]);
            let mut idle = server.connect();
            let mut used = server.connect();
            assert_eq!(used.ask("GET", "/").status, 200);
            server.signal(signal);
            idle.expect_end();
            used.expect_end();
            let figures = server.figures();
            assert_eq!(number(&figures, "cut"), 0);
            assert_eq!(number(&figures, "connections"), 2);
        }
    }
}

#[test]
fn what_was_begun_is_finished() {
    for shape in SHAPES {
        let options = [&LARGE_PAGE[..], &["--grace", "3600"]].concat();
        let server = Server::start(shape, &options);
        let mut slow = server.connect();
        slow.send(request("POST", "/echo", "Content-Length: 4\r\n\r\n12"));
        let mut early = server.connect();
        early.send("GET / HT");
        let mut reader = server.connect();
        reader.send(request("GET", "/", ""));
        // The server has read everything.
        let head = reader.head();
        assert_eq!(head.status, 200);
        assert_eq!(server.connect().ask("HEAD", "/").status, 200);

        server.signal(Signal::TERM);
        server.until_deaf();
        slow.send("34");
        let answer = slow.answer();
        assert_eq!((answer.status, answer.text()), (200, "1234"));
        slow.expect_end();
        early.send("TP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(early.answer().body.len(), LARGE);
        early.expect_end();
        assert_eq!(reader.rest(LARGE).len(), LARGE);
        drop(reader);
        assert_eq!(number(&server.figures(), "cut"), 0);
    }
}

#[test]
fn what_takes_too_long_is_cut() {
    for shape in SHAPES {
        let server = Server::start(shape, &["--grace", "0.5"]);
        let mut slow = server.connect();
        slow.send("GET / HT");
        assert_eq!(server.connect().ask("GET", "/").status, 200);
        server.until_sockets(2);
        let begin = Instant::now();
        let figures = server.stop();
        assert!(begin.elapsed() >= Duration::from_millis(500));
        assert_eq!(number(&figures, "cut"), 1);
    }
}

#[test]
fn a_second_signal_ends_it_at_once() {
    for shape in SHAPES {
        let server = Server::start(shape, &["--grace", "3600"]);
        let mut slow = server.connect();
        slow.send(&echo("never sent")[..30]);
        assert_eq!(server.connect().ask("GET", "/").status, 200);
        server.signal(Signal::TERM);
        server.until_deaf();
        server.signal(Signal::TERM);
        // It may also count the connections that the test used for its checks.
        assert!(number(&server.figures(), "cut") >= 1);
    }
}
