// SPDX-License-Identifier: GPL-2.0

//! Requests and their responses.

use crate::{
    client::{echo, request},
    server::{backend, number, program, Server, PAGE, SHAPES},
};
use std::{net::TcpListener, process::Command};

#[test]
fn the_page_is_served_again_and_again_on_one_connection() {
    for shape in SHAPES {
        let server = Server::start(shape, &[]);
        let mut client = server.connect();
        let page = client.ask("GET", "/");
        assert_eq!((page.status, page.text()), (200, PAGE));
        let kind = page.field("content-type");
        assert_eq!(kind, Some("text/plain; charset=utf-8"));
        assert_eq!(page.field("connection"), None);
        assert!(page.field("date").unwrap().ends_with(" GMT"));
        assert_eq!(client.ask("GET", "/?a=b").text(), PAGE);

        let head = client.ask("HEAD", "/");
        assert_eq!(head.status, 200);
        assert_eq!(head.field("content-length"), Some(&*PAGE.len().to_string()));
        for target in ["/none", "//", "*", "/echo/", "http://test/"] {
            assert_eq!(client.ask("GET", target).status, 404, "{target}");
        }
        assert_eq!(client.ask("HEAD", "/none").status, 404);

        let figures = server.stop();
        assert_eq!(figures["shape"], shape);
        assert_eq!(figures["backend"], *backend());
        assert_eq!(number(&figures, "connections"), 1);
        assert_eq!(number(&figures, "requests"), 9);
        assert_eq!(number(&figures, "refused"), 6);
    }
}

/// Both make the same changes; on repoll, the wait includes them.
#[test]
fn what_repoll_is_told_costs_no_call() {
    for shape in SHAPES {
        let server = Server::start(shape, &[]);
        let mut client = server.connect();
        for _ in 0..100 {
            assert_eq!(client.ask("GET", "/").status, 200);
        }
        let figures = server.stop();
        let [calls, waits, changes] =
            ["calls", "waits", "changes"].map(|name| number(&figures, name));
        match &*backend() {
            "repoll" => assert_eq!(calls, waits),
            _ => assert_eq!(calls, waits + changes),
        }
        // In the pool, each request re-arms its connection; the other shapes have no need
        // to.
        match shape {
            "pool" => assert!(changes >= 100, "{changes}"),
            _ => assert!(changes < 10, "{changes}"),
        }
    }
}

#[test]
fn what_is_posted_comes_back() {
    for shape in SHAPES {
        let server = Server::start(shape, &[]);
        let mut client = server.connect();
        for length in [0, 1, 1000, 100_000, 1 << 20] {
            let body = "x".repeat(length);
            client.send(echo(&body));
            let answer = client.answer();
            assert_eq!((answer.status, answer.text() == body), (200, true));
        }
        client.send(request(
            "POST",
            "/echo",
            "Expect: 100-continue\r\nContent-Length: 5\r\n",
        ));
        assert_eq!(client.head().status, 100);
        client.send("hello");
        assert_eq!(client.answer().text(), "hello");
    }
}

#[test]
fn methods_are_for_what_they_are_for() {
    for shape in SHAPES {
        let server = Server::start(shape, &[]);
        let mut client = server.connect();
        for (method, target, status, allow) in [
            ("POST", "/", 405, Some("GET, HEAD")),
            ("DELETE", "/", 405, Some("GET, HEAD")),
            ("GET", "/echo", 405, Some("POST")),
            ("PUT", "/echo", 405, Some("POST")),
            ("POST", "/none", 404, None),
        ] {
            let answer = client.ask(method, target);
            assert_eq!(answer.status, status, "{method} {target}");
            assert_eq!(answer.field("allow"), allow, "{method} {target}");
        }
        assert_eq!(client.ask("BREW", "/").status, 501);
        client.expect_end();
    }
}

/// The start of the next request is then unknown, so there is none.
#[test]
fn what_is_no_request_is_refused_and_the_last() {
    for shape in SHAPES {
        let server = Server::start(shape, &["--max-body", "1000", "--max-head", "500"]);
        let long = "a".repeat(600);
        for (sent, status) in [
            ("nonsense\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\n\r\n", 400),
            ("\x16\x03\x01\x02\x01", 400),
            ("GET / HTTP/3.0\r\nHost: a\r\n\r\n", 505),
            (&request("GET", &format!("/{long}"), ""), 431),
            (&format!("GET /{long}"), 414),
            (&request("GET", "/", &format!("A: {long}\r\n")), 431),
            (&request("GET", "/", &"A: b\r\n".repeat(70)), 431),
            (&request("POST", "/echo", "Content-Length: 1001\r\n"), 413),
            (&request("POST", "/echo", "Content-Length: -1\r\n"), 400),
            (
                &request("POST", "/echo", "Transfer-Encoding: chunked\r\n"),
                411,
            ),
            (
                &request("POST", "/echo", "Transfer-Encoding: gzip\r\n"),
                501,
            ),
            (&request("POST", "/echo", "Expect: wonders\r\n"), 417),
        ] {
            let mut client = server.connect();
            client.send(sent);
            let answer = client.answer();
            assert_eq!(answer.status, status, "{sent:?}");
            assert_eq!(answer.field("connection"), Some("close"), "{sent:?}");
            client.expect_end();
        }
        // This does not delay other clients.
        assert_eq!(server.connect().ask("GET", "/").status, 200);
    }
}

/// A client may continue to send without reading the response. It must be able to read it
/// afterwards: no reset may discard it.
#[test]
fn a_refusal_reaches_who_is_still_sending() {
    for shape in SHAPES {
        let server = Server::start(shape, &["--max-body", "1000"]);
        let mut client = server.connect();
        let head = request("POST", "/echo", "Content-Length: 300000\r\n");
        client.send(head + &"x".repeat(300_000));
        assert_eq!(client.answer().status, 413);
        client.expect_end();
    }
}

#[test]
fn connections_end_as_their_version_has_it() {
    for shape in SHAPES {
        let server = Server::start(shape, &[]);
        let mut client = server.connect();
        client.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
        assert_eq!(client.answer().field("connection"), Some("keep-alive"));
        client.send("GET / HTTP/1.0\r\n\r\n");
        assert_eq!(client.answer().field("connection"), Some("close"));
        client.expect_end();

        let mut client = server.connect();
        client.send(request("GET", "/", "Connection: close\r\n"));
        assert_eq!(client.answer().field("connection"), Some("close"));
        client.expect_end();
    }
}

#[test]
fn senseless_options_are_refused() {
    let run = |options: &[&str]| Command::new(program()).args(options).output().unwrap();
    for options in [
        &["--shape", "round"][..],
        &["--backend", "select"],
        &["--threads", "0"],
        &["--max-connections", "0"],
        &["--header-timeout", "-1"],
        &["--grace", "soon"],
        &["--port", "65536"],
        &["--page-bytes", "-1"],
    ] {
        let output = run(options);
        assert_eq!(output.status.code(), Some(2), "{options:?}");
        assert!(!output.stderr.is_empty(), "{options:?}");
    }
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let output = run(&["--port", &port]);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains(&port), "{text}");
}
