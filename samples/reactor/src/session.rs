// SPDX-License-Identifier: GPL-2.0

//! A session: bytes in, responses out. It does not know the socket.

use crate::{
    context::Context,
    head::{Head, Method},
    output::Output,
    response::Response,
    status::Status,
};
use bytes::{Bytes, BytesMut};

/// What a session is waiting for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Waiting {
    /// A request.
    Request,
    /// The rest of a head.
    Head,
    /// The rest of a body.
    Body,
    /// Nothing: there will be no other request.
    Nothing,
}

/// A session.
#[derive(Debug, Default)]
pub struct Session {
    /// Bytes that have not been handled.
    input: BytesMut,
    /// The new bytes may complete a head.
    fresh: bool,
    phase: Phase,
    /// The next response is the last one.
    last: bool,
    /// The client may be sending data that nobody will read.
    unheard: bool,
}

#[derive(Debug, Default)]
enum Phase {
    #[default]
    Head,
    Body(Head),
    Over,
}

impl Session {
    /// Adds bytes from the client.
    pub fn feed(&mut self, bytes: &[u8]) {
        // No head is complete without the end of a line. But the first byte of
        // garbage should be refused without waiting for the end of its line.
        self.fresh |= self.input.is_empty() || bytes.contains(&b'\n');
        self.input.extend_from_slice(bytes);
    }

    /// No more bytes will come; complete requests are still answered.
    pub fn end(&mut self) {
        self.phase = Phase::Over;
    }

    /// Makes the next response the last one.
    pub fn finish(&mut self) {
        self.last = true;
    }

    /// Whether [`finish`](Self::finish) was called.
    pub fn is_finishing(&self) -> bool {
        self.last
    }

    /// The client has taken too long.
    pub fn time_out(&mut self, context: &mut Context, output: &mut Output) {
        match self.waiting() {
            Waiting::Head | Waiting::Body => self.refuse(Status::RequestTimeout, context, output),
            Waiting::Request | Waiting::Nothing => self.phase = Phase::Over,
        }
    }

    /// What the session is waiting for.
    pub fn waiting(&self) -> Waiting {
        match self.phase {
            Phase::Head if self.input.is_empty() => Waiting::Request,
            Phase::Head => Waiting::Head,
            Phase::Body(_) => Waiting::Body,
            Phase::Over => Waiting::Nothing,
        }
    }

    /// Whether the client might be sending data that nobody will read.
    pub fn is_unheard(&self) -> bool {
        self.unheard
    }

    /// Answers the next request if it is complete. Returns whether it did.
    pub fn advance(&mut self, context: &mut Context, output: &mut Output) -> bool {
        if matches!(self.phase, Phase::Head) {
            match self.take_head(context) {
                Ok(Some(head)) => self.phase = Phase::Body(head),
                Ok(None) => return false,
                Err(status) => {
                    self.refuse(status, context, output);
                    return true;
                }
            }
        }
        let Phase::Body(head) = &mut self.phase else {
            return false;
        };
        // It fits, because it is within the limit on bodies.
        let length = head.length as usize;
        if self.input.len() < length {
            if head.expects_continue && self.input.is_empty() {
                head.expects_continue = false;
                output.push(Bytes::from_static(b"HTTP/1.1 100 Continue\r\n\r\n"));
            }
            return false;
        }
        let body = self.input.split_to(length).freeze();
        self.fresh = !self.input.is_empty();
        if let Phase::Body(head) = std::mem::take(&mut self.phase) {
            self.answer(&head, body, context, output);
        }
        true
    }

    /// Takes a head that is complete and within its limits.
    fn take_head(&mut self, context: &Context) -> Result<Option<Head>, Status> {
        let limits = &context.limits;
        if !std::mem::take(&mut self.fresh) || self.input.is_empty() {
            return match self.input.len() > limits.head {
                true => Err(self.too_long()),
                false => Ok(None),
            };
        }
        let parsed = Head::parse(&self.input)?;
        let taken = parsed
            .as_ref()
            .map_or(self.input.len(), |(_, length)| *length);
        if taken > limits.head {
            return Err(self.too_long());
        }
        let Some((head, length)) = parsed else {
            return Ok(None);
        };
        // Now the start of the next request is known, but the body up to there
        // may remain unread.
        let _ = self.input.split_to(length);
        match head.length > limits.body {
            true => Err(Status::ContentTooLarge),
            false => Ok(Some(head)),
        }
    }

    fn too_long(&self) -> Status {
        match self.input.contains(&b'\n') {
            true => Status::HeaderFieldsTooLarge,
            false => Status::UriTooLong,
        }
    }

    fn answer(&mut self, head: &Head, body: Bytes, context: &mut Context, output: &mut Output) {
        let response = context.service.answer(head, body);
        let keep = head.keep_alive && !self.last;
        output.push(context.head(&response, head.old, keep));
        if head.method != Method::Head {
            output.push(response.body);
        }
        if !keep {
            // A client that has asked to close the connection sends nothing
            // more.
            self.unheard = head.keep_alive || !self.input.is_empty();
            self.phase = Phase::Over;
        }
    }

    /// The start of the next request is unknown, so this was the last one.
    fn refuse(&mut self, status: Status, context: &mut Context, output: &mut Output) {
        let response = Response::of(status);
        output.push(context.head(&response, false, false));
        output.push(response.body);
        self.unheard = true;
        self.phase = Phase::Over;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{limits::Limits, service::Service};
    use std::{sync::Arc, time::Duration};

    fn context() -> Context {
        let limits = Limits {
            head: 200,
            body: 1000,
            header_timeout: Duration::ZERO,
            idle_timeout: Duration::ZERO,
        };
        Context::new(&Arc::new(Service::new(10)), limits)
    }

    /// All responses to bytes that come in pieces of this size.
    fn converse(bytes: &[u8], size: usize) -> (String, Session) {
        let (mut session, mut context) = (Session::default(), context());
        let mut output = Output::default();
        for piece in bytes.chunks(size) {
            session.feed(piece);
            while session.advance(&mut context, &mut output) {}
        }
        let mut text = Vec::new();
        assert!(output.send(&mut text).unwrap());
        (String::from_utf8(text).unwrap(), session)
    }

    fn statuses(text: &str) -> Vec<&str> {
        let lines = text.split("\r\n").filter(|line| line.contains("HTTP/1.1 "));
        lines
            .map(|line| &line[line.find("HTTP/1.1 ").unwrap() + 9..][..3])
            .collect()
    }

    #[test]
    fn it_does_not_matter_how_the_bytes_come() {
        let requests = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n\
            POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\nhello world\
            HEAD / HTTP/1.1\r\nHost: a\r\n\r\n\
            GET /none HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
        for size in [1, 2, 7, 50, 1000] {
            let (text, session) = converse(requests, size);
            assert_eq!(statuses(&text), ["200", "200", "200", "404"], "{size}");
            assert!(text.contains("\r\n\r\nhello worldHTTP/1.1 200"), "{text}");
            // The length of the body is sent, but no body.
            assert_eq!(text.matches("Content-Length: 10\r\n").count(), 2);
            assert_eq!(text.matches("It works.\n").count(), 1);
            assert_eq!(session.waiting(), Waiting::Nothing);
            assert!(!session.is_unheard());
        }
    }

    #[test]
    fn heads_and_bodies_have_limits() {
        let long = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(200));
        let fields = format!(
            "GET / HTTP/1.1\r\nHost: a\r\nA: {}\r\n\r\n",
            "a".repeat(200)
        );
        let body = "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\n";
        for size in [1, 1000] {
            for (request, status) in [(&*long, "414"), (&*fields, "431"), (body, "413")] {
                let (text, session) = converse(request.as_bytes(), size);
                let status = match (size, status) {
                    // The whole line has arrived already.
                    (1000, "414") => "431",
                    (_, status) => status,
                };
                assert_eq!(statuses(&text), [status], "{size} {request}");
                assert!(text.contains("Connection: close\r\n"));
                assert!(session.is_unheard());
            }
        }
        // The limit applies to each head separately.
        let two = "GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(20);
        assert_eq!(statuses(&converse(two.as_bytes(), 1000).0).len(), 20);
    }

    #[test]
    fn a_body_is_asked_for_only_if_it_is_wanted() {
        let request = |length| {
            format!(
                "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\
                 Content-Length: {length}\r\n\r\n"
            )
        };
        let (text, session) = converse(request(5).as_bytes(), 1000);
        assert_eq!(text, "HTTP/1.1 100 Continue\r\n\r\n");
        assert_eq!(session.waiting(), Waiting::Body);
        let (text, _) = converse(request(5000).as_bytes(), 1000);
        assert_eq!(statuses(&text), ["413"]);
        let (text, _) = converse(format!("{}12345", request(5)).as_bytes(), 1000);
        assert_eq!(statuses(&text), ["200"]);
    }

    #[test]
    fn what_was_begun_is_answered_before_the_end() {
        let (mut session, mut context) = (Session::default(), context());
        let mut output = Output::default();
        session.feed(b"GET / HTTP/1.1\r\n");
        session.finish();
        assert_eq!(session.waiting(), Waiting::Head);
        session.feed(b"Host: a\r\n\r\n");
        assert!(session.advance(&mut context, &mut output));
        assert_eq!(session.waiting(), Waiting::Nothing);
        let mut text = Vec::new();
        output.send(&mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        assert!(text.contains("Connection: close\r\n"), "{text}");
    }

    #[test]
    fn who_is_slow_is_told_in_a_request_and_not_between() {
        let (mut context, mut output) = (context(), Output::default());
        let mut session = Session::default();
        session.time_out(&mut context, &mut output);
        assert!(output.is_empty());

        let mut session = Session::default();
        session.feed(b"GET");
        assert!(!session.advance(&mut context, &mut output));
        session.time_out(&mut context, &mut output);
        let mut text = Vec::new();
        output.send(&mut text).unwrap();
        assert!(text.starts_with(b"HTTP/1.1 408 "));
    }
}
