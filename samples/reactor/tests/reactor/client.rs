// SPDX-License-Identifier: GPL-2.0

//! A client that sends what a test requires.

use crate::server::PATIENCE;
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
};

pub struct Client {
    pub stream: TcpStream,
    input: BufReader<TcpStream>,
}

/// A response.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    head: String,
    pub body: Vec<u8>,
}

impl Answer {
    /// The value of a field.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (field, value) = line.split_once(": ")?;
            field.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

impl Client {
    pub fn new(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        let input = BufReader::new(stream.try_clone().unwrap());
        Self { stream, input }
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).unwrap();
    }

    /// Sends a request without a body, and returns the response.
    pub fn ask(&mut self, method: &str, target: &str) -> Answer {
        self.send(request(method, target, ""));
        match method {
            "HEAD" => self.head(),
            _ => self.answer(),
        }
    }

    pub fn answer(&mut self) -> Answer {
        let mut answer = self.head();
        let length = answer.field("content-length").unwrap().parse().unwrap();
        answer.body = self.rest(length);
        answer
    }

    /// Receives a response without a body.
    pub fn head(&mut self) -> Answer {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            let size = self.input.read_line(&mut head).unwrap();
            assert!(size > 0, "the connection has ended: {head:?}");
        }
        let status = head.strip_prefix("HTTP/1.1 ").unwrap();
        Answer {
            status: status[..3].parse().unwrap(),
            head,
            body: Vec::new(),
        }
    }

    /// Receives the next bytes.
    pub fn rest(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.input.read_exact(&mut bytes).unwrap();
        bytes
    }

    /// Checks that nothing follows but the end.
    pub fn expect_end(&mut self) {
        let mut rest = Vec::new();
        self.input.read_to_end(&mut rest).unwrap();
        assert!(rest.is_empty(), "{:?}", String::from_utf8_lossy(&rest));
    }
}

/// A request; `more` contains fields with their ends of line, and what follows the head.
pub fn request(method: &str, target: &str, more: &str) -> String {
    let (fields, body) = more.split_once("\r\n\r\n").unwrap_or((more, ""));
    let fields = match fields {
        "" => String::new(),
        fields => format!("{}\r\n", fields.trim_end()),
    };
    format!("{method} {target} HTTP/1.1\r\nHost: test\r\n{fields}\r\n{body}")
}

/// A request to echo `body`.
pub fn echo(body: &str) -> String {
    let length = body.len();
    request(
        "POST",
        "/echo",
        &format!("Content-Length: {length}\r\n\r\n{body}"),
    )
}
