// SPDX-License-Identifier: GPL-2.0

//! The head of a request: what the client requests, and where the body ends.

use crate::status::Status;
use std::str;

/// More fields than any client needs.
const MAX_FIELDS: usize = 64;

/// The method.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Method {
    /// GET
    Get,
    /// HEAD
    Head,
    /// POST
    Post,
    /// A known method that this server does not support.
    Other,
}

/// The head of a request.
#[derive(Debug, Eq, PartialEq)]
pub struct Head {
    /// The method.
    pub method: Method,
    /// The request target, as it was sent.
    pub target: Box<str>,
    /// The length of the body in bytes.
    pub length: u64,
    /// Whether the client uses HTTP/1.0.
    pub old: bool,
    /// Whether more requests may follow.
    pub keep_alive: bool,
    /// Whether the client waits for permission to send the body.
    pub expects_continue: bool,
}

impl Head {
    /// Reads a head from the beginning of `bytes`. Returns it with its length, or `None`
    /// if it is not complete.
    pub fn parse(bytes: &[u8]) -> Result<Option<(Self, usize)>, Status> {
        let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
        let mut request = httparse::Request::new(&mut fields);
        let length = match request.parse(bytes) {
            Ok(httparse::Status::Complete(length)) => length,
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(httparse::Error::TooManyHeaders) => return Err(Status::HeaderFieldsTooLarge),
            Err(httparse::Error::Version) => return Err(Status::VersionNotSupported),
            Err(_) => return Err(Status::BadRequest),
        };
        let head = Self::of(&request)?;
        Ok(Some((head, length)))
    }

    fn of(request: &httparse::Request<'_, '_>) -> Result<Self, Status> {
        let (Some(method), Some(target), Some(version)) =
            (request.method, request.path, request.version)
        else {
            return Err(Status::BadRequest);
        };
        let old = version == 0;
        let mut head = Self {
            method: known(method)?,
            target: target.into(),
            length: 0,
            old,
            keep_alive: !old,
            expects_continue: false,
        };
        let (mut hosts, mut length, mut coding) = (0, None, None);
        let mut connection = Connection::default();
        for field in request.headers.iter() {
            let is = |name: &str| field.name.eq_ignore_ascii_case(name);
            if is("host") {
                hosts += 1;
            } else if is("content-length") {
                let value = number(field.value)?;
                // Two different lengths: a proxy might use the other one.
                if length.replace(value).is_some_and(|other| other != value) {
                    return Err(Status::BadRequest);
                }
            } else if is("transfer-encoding") {
                coding = Some(field.value);
            } else if is("connection") {
                connection.read(field.value);
            } else if is("expect") && !old {
                match field.value.eq_ignore_ascii_case(b"100-continue") {
                    true => head.expects_continue = true,
                    false => return Err(Status::ExpectationFailed),
                }
            }
        }
        if hosts > 1 || (hosts == 0 && !old) {
            return Err(Status::BadRequest);
        }
        if let Some(coding) = coding {
            return Err(match length.is_some() || old {
                true => Status::BadRequest,
                false if coding.eq_ignore_ascii_case(b"chunked") => Status::LengthRequired,
                false => Status::NotImplemented,
            });
        }
        head.length = length.unwrap_or(0);
        head.keep_alive = match old {
            true => connection.keep_alive && !connection.close,
            false => !connection.close,
        };
        Ok(head)
    }
}

fn known(method: &str) -> Result<Method, Status> {
    match method {
        "GET" => Ok(Method::Get),
        "HEAD" => Ok(Method::Head),
        "POST" => Ok(Method::Post),
        "PUT" | "DELETE" | "OPTIONS" | "PATCH" | "TRACE" => Ok(Method::Other),
        _ => Err(Status::NotImplemented),
    }
}

/// Parses digits and nothing else. A number that is too large is also too large for a
/// body.
fn number(value: &[u8]) -> Result<u64, Status> {
    let digits = str::from_utf8(value).map_err(|_| Status::BadRequest)?;
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Status::BadRequest);
    }
    digits.parse().map_err(|_| Status::ContentTooLarge)
}

/// The client's wishes for the connection.
#[derive(Default)]
struct Connection {
    close: bool,
    keep_alive: bool,
}

impl Connection {
    fn read(&mut self, value: &[u8]) {
        for option in value.split(|&byte| byte == b',') {
            let option = option.trim_ascii();
            self.close |= option.eq_ignore_ascii_case(b"close");
            self.keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Option<(Head, usize)>, Status> {
        Head::parse(text.as_bytes())
    }

    fn head(text: &str) -> Head {
        let (head, length) = parse(text).unwrap().unwrap();
        assert_eq!(length, text.len());
        head
    }

    #[test]
    fn a_head_is_not_complete_before_its_empty_line() {
        let text = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
        for end in 0..text.len() {
            assert_eq!(parse(&text[..end]), Ok(None), "{end}");
        }
        let (head, length) = parse(&format!("{text}GET")).unwrap().unwrap();
        assert_eq!(length, text.len());
        assert_eq!((head.method, &*head.target), (Method::Get, "/"));
        assert!(head.keep_alive && !head.old && !head.expects_continue);
    }

    #[test]
    fn connections_are_kept_as_their_version_has_it() {
        for (version, fields, kept) in [
            ("1.1", "", true),
            ("1.1", "Connection: close\r\n", false),
            ("1.1", "Connection: Upgrade, CLOSE\r\n", false),
            ("1.0", "", false),
            ("1.0", "Connection: Keep-Alive\r\n", true),
            ("1.0", "Connection: keep-alive, close\r\n", false),
        ] {
            let head = head(&format!("GET / HTTP/{version}\r\nHost: a\r\n{fields}\r\n"));
            assert_eq!(head.keep_alive, kept, "{version} {fields}");
        }
    }

    #[test]
    fn a_body_has_one_length() {
        let post = |fields: &str| parse(&format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\n"));
        let length = |fields| post(fields).map(|head| head.unwrap().0.length);
        assert_eq!(length("Content-Length: 12\r\n"), Ok(12));
        assert_eq!(length(""), Ok(0));
        let same = "Content-Length: 3\r\ncontent-length: 3\r\n";
        assert_eq!(length(same), Ok(3));
        for bad in [
            "Content-Length: 3\r\nContent-Length: 4\r\n",
            "Content-Length: 3, 3\r\n",
            "Content-Length: +3\r\n",
            "Content-Length: -3\r\n",
            "Content-Length: 0x3\r\n",
            "Content-Length:\r\n",
            "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
        ] {
            assert_eq!(length(bad), Err(Status::BadRequest), "{bad}");
        }
        let huge = "Content-Length: 99999999999999999999999\r\n";
        assert_eq!(length(huge), Err(Status::ContentTooLarge));
        let chunked = "Transfer-Encoding: chunked\r\n";
        assert_eq!(length(chunked), Err(Status::LengthRequired));
        let zipped = "Transfer-Encoding: gzip, chunked\r\n";
        assert_eq!(length(zipped), Err(Status::NotImplemented));
    }

    #[test]
    fn what_is_no_http_is_refused() {
        for (text, status) in [
            ("GET / HTTP/1.1\r\n\r\n", Status::BadRequest),
            (
                "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
                Status::BadRequest,
            ),
            ("GET /\r\n\r\n", Status::BadRequest),
            ("\x16\x03\x01\x02", Status::BadRequest),
            ("GET / HTTP/1.1\r\nHost : a\r\n\r\n", Status::BadRequest),
            (
                "GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n",
                Status::BadRequest,
            ),
            (
                "GET / HTTP/2.0\r\nHost: a\r\n\r\n",
                Status::VersionNotSupported,
            ),
            ("BREW / HTTP/1.1\r\nHost: a\r\n\r\n", Status::NotImplemented),
            (
                "GET / HTTP/1.1\r\nHost: a\r\nExpect: more\r\n\r\n",
                Status::ExpectationFailed,
            ),
        ] {
            assert_eq!(parse(text), Err(status), "{text:?}");
        }
        let many = "A: b\r\n".repeat(MAX_FIELDS + 1);
        let text = format!("GET / HTTP/1.1\r\n{many}\r\n");
        assert_eq!(parse(&text), Err(Status::HeaderFieldsTooLarge));
    }
}
