// SPDX-License-Identifier: GPL-2.0

//! The page at `/`, and the echo at `/echo`.

use crate::{
    head::{Head, Method},
    response::Response,
    status::Status,
};
use bytes::Bytes;

/// The page repeats this line up to its size.
const LINE: &[u8] = b"It works.\n";

/// Produces the responses.
#[derive(Debug)]
pub struct Service {
    page: Bytes,
}

impl Service {
    /// Creates a service with a page of this many bytes.
    pub fn new(page_bytes: usize) -> Self {
        let page = LINE.iter().copied().cycle().take(page_bytes).collect();
        Self { page }
    }

    /// The response to a request. The body of a response to `HEAD` is not sent.
    pub fn answer(&self, head: &Head, body: Bytes) -> Response {
        let path = head.target.split('?').next().unwrap_or_default();
        match (path, head.method) {
            ("/", Method::Get | Method::Head) => Response {
                body: self.page.clone(),
                ..Response::of(Status::Ok)
            },
            ("/", _) => Response::not_allowed("GET, HEAD"),
            ("/echo", Method::Post) => Response {
                // Whatever it is, a browser must not treat it as a page of this server.
                kind: "application/octet-stream",
                body,
                ..Response::of(Status::Ok)
            },
            ("/echo", _) => Response::not_allowed("POST"),
            _ => Response::of(Status::NotFound),
        }
    }
}
