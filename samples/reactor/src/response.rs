// SPDX-License-Identifier: GPL-2.0

//! Responses, and their encoding.

use crate::status::Status;
use bytes::Bytes;
use std::{
    fmt::Write as _,
    time::{SystemTime, UNIX_EPOCH},
};

/// A response.
#[derive(Debug)]
pub struct Response {
    /// The result of the request.
    pub status: Status,
    /// The type of the body.
    pub kind: &'static str,
    /// The body.
    pub body: Bytes,
    /// With a [`Status::MethodNotAllowed`]: the allowed methods.
    pub allow: Option<&'static str>,
}

impl Response {
    /// A response whose body only states the status.
    pub fn of(status: Status) -> Self {
        Self {
            status,
            kind: "text/plain; charset=utf-8",
            body: Bytes::from_static(status.line().as_bytes()),
            allow: None,
        }
    }

    /// A response that refuses all methods except `allow`.
    pub fn not_allowed(allow: &'static str) -> Self {
        Self {
            allow: Some(allow),
            ..Self::of(Status::MethodNotAllowed)
        }
    }

    /// Everything before the body. `old` is whether the client uses HTTP/1.0, and `keep`
    /// whether another request may follow.
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

/// The current time in HTTP's format, which is updated once per second.
#[derive(Debug)]
pub struct Date {
    second: u64,
    text: String,
}

impl Date {
    /// Creates a clock.
    pub fn new() -> Self {
        Self {
            second: u64::MAX,
            text: String::new(),
        }
    }

    fn now(&mut self) -> &str {
        let now = SystemTime::now();
        // A clock that is set before 1970 has its own seconds.
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
