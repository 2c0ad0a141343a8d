// SPDX-License-Identifier: GPL-2.0

//! A response, and its way into bytes.

use crate::status::Status;
use bytes::Bytes;
use std::{
    fmt::Write as _,
    time::{SystemTime, UNIX_EPOCH},
};

/// A response.
#[derive(Debug)]
pub struct Response {
    /// What became of the request.
    pub status: Status,
    /// What the body is.
    pub kind: &'static str,
    /// The body.
    pub body: Bytes,
    /// With a [`Status::MethodNotAllowed`]: the methods that there are.
    pub allow: Option<&'static str>,
}

impl Response {
    /// One that says only how it went.
    pub fn of(status: Status) -> Self {
        Self {
            status,
            kind: "text/plain; charset=utf-8",
            body: Bytes::from_static(status.line().as_bytes()),
            allow: None,
        }
    }

    /// The other methods are refused.
    pub fn not_allowed(allow: &'static str) -> Self {
        Self {
            allow: Some(allow),
            ..Self::of(Status::MethodNotAllowed)
        }
    }

    /// All that comes before the body. `old` is the client's version, `keep` whether
    /// another request may follow.
    pub fn head(&self, old: bool, keep: bool, date: &mut Date) -> Bytes {
        let mut head = String::with_capacity(256);
        // Writing to a string does not fail.
        let _ = write!(
            head,
            "HTTP/1.1 {}\r\nDate: {}\r\nContent-Type: {}\r\nContent-Length: {}\r\n",
            self.status.line(),
            date.now(),
            self.kind,
            self.body.len(),
        );
        if let Some(allow) = self.allow {
            let _ = write!(head, "Allow: {allow}\r\n");
        }
        match (keep, old) {
            (false, _) => head.push_str("Connection: close\r\n"),
            (true, true) => head.push_str("Connection: keep-alive\r\n"),
            (true, false) => {}
        }
        head.push_str("\r\n");
        head.into()
    }
}

/// The time of day as HTTP writes it, made anew once a second.
#[derive(Debug)]
pub struct Date {
    second: u64,
    text: String,
}

impl Date {
    /// Makes one.
    pub fn new() -> Self {
        Self {
            second: u64::MAX,
            text: String::new(),
        }
    }

    fn now(&mut self) -> &str {
        let now = SystemTime::now();
        // A clock that is set before 1970 has seconds of its own.
        let second = now
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_secs());
        if second != self.second {
            self.second = second;
            self.text = httpdate::fmt_http_date(now.max(UNIX_EPOCH));
        }
        &self.text
    }
}
