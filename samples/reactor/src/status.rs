// SPDX-License-Identifier: GPL-2.0

//! The status of a response.

/// A status code.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Status {
    /// 200
    Ok,
    /// 400: not valid HTTP
    BadRequest,
    /// 404
    NotFound,
    /// 405: known, but not for this target
    MethodNotAllowed,
    /// 408: the request did not come in time
    RequestTimeout,
    /// 411: a body without a length
    LengthRequired,
    /// 413: a body that is too long
    ContentTooLarge,
    /// 414: a request line that is too long
    UriTooLong,
    /// 417: an expectation other than `100-continue`
    ExpectationFailed,
    /// 431: a head that is too long, or of too many fields
    HeaderFieldsTooLarge,
    /// 501: an unknown method or coding
    NotImplemented,
    /// 505
    VersionNotSupported,
}

impl Status {
    /// The code and the phrase, as in the first line of a response.
    pub fn line(self) -> &'static str {
        match self {
            Self::Ok => "200 OK",
            Self::BadRequest => "400 Bad Request",
            Self::NotFound => "404 Not Found",
            Self::MethodNotAllowed => "405 Method Not Allowed",
            Self::RequestTimeout => "408 Request Timeout",
            Self::LengthRequired => "411 Length Required",
            Self::ContentTooLarge => "413 Content Too Large",
            Self::UriTooLong => "414 URI Too Long",
            Self::ExpectationFailed => "417 Expectation Failed",
            Self::HeaderFieldsTooLarge => "431 Request Header Fields Too Large",
            Self::NotImplemented => "501 Not Implemented",
            Self::VersionNotSupported => "505 HTTP Version Not Supported",
        }
    }
}
