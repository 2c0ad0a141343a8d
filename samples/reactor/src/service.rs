// SPDX-License-Identifier: GPL-2.0

//! What is answered to whom.

use crate::{
    head::{
        Head,
        Method, //
    },
    response::Response,
    site::Site,
    status::Status,
    target,
};
use bytes::Bytes;

/// The files, and the echo.
#[derive(Debug)]
pub struct Service {
    site: Site,
}

impl Service {
    /// Serves these files.
    pub fn new(site: Site) -> Self {
        Self { site }
    }

    /// The response to a request. The body of one to `HEAD` is not sent.
    pub fn answer(&self, head: &Head, body: Bytes) -> Response {
        let path = match target::path(&head.target) {
            Ok(path) => path,
            Err(status) => return Response::of(status),
        };
        match (path.as_str(), head.method) {
            ("/echo", Method::Post) => Response {
                status: Status::Ok,
                // Whatever it is, no browser is to take it for a page of this server's.
                kind: "application/octet-stream",
                body,
                allow: None,
            },
            ("/echo", _) => Response::not_allowed("POST"),
            (path, method) => match (self.site.page(path), method) {
                (None, _) => Response::of(Status::NotFound),
                (Some(page), Method::Get | Method::Head) => Response {
                    status: Status::Ok,
                    kind: page.kind,
                    body: page.content.clone(),
                    allow: None,
                },
                (Some(_), _) => Response::not_allowed("GET, HEAD"),
            },
        }
    }
}
