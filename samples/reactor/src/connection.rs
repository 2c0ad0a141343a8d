// SPDX-License-Identifier: GPL-2.0

//! A connection: a socket and a session.
//!
//! A connection never receives and sends at the same time: output goes first, and nothing
//! more is read until it has been sent. So the server reads nothing more from a client
//! that does not take its responses, and such a client has at most one turn's responses
//! in memory.

use crate::{
    context::Context,
    gate::Permit,
    limits::{Limits, HIGH_WATER, LINGER},
    output::Output,
    session::{Session, Waiting},
};
use std::{
    io::{self, ErrorKind, Read},
    net::{Shutdown, TcpStream},
    os::fd::{AsFd, BorrowedFd},
    time::Instant,
};

/// How many full reads a connection makes in one turn, before the others continue.
const READS: usize = 4;

/// What a connection waits for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Next {
    /// Something to read.
    Readable,
    /// Room to send the output.
    Writable,
    /// Nothing: close it.
    Closed,
}

/// A connection.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    session: Session,
    output: Output,
    /// Since when it has been waiting for a head.
    head_since: Option<Instant>,
    deadline: Instant,
    /// Everything is sent; the connection only waits for the client's end.
    lingering: bool,
    _permit: Permit,
}

impl Connection {
    /// Takes over a non-blocking socket.
    pub fn new(stream: TcpStream, permit: Permit, limits: &Limits, now: Instant) -> Self {
        Self {
            stream,
            session: Session::default(),
            output: Output::default(),
            head_since: Some(now),
            deadline: now + limits.header_timeout,
            lingering: false,
            _permit: permit,
        }
    }

    /// The time by which something must happen.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Takes no more requests after the current one and those that have already arrived.
    pub fn finish(&mut self) {
        self.session.finish();
    }

    /// The deadline has passed.
    pub fn time_out(&mut self, context: &mut Context, now: Instant) -> Next {
        if self.lingering {
            return Next::Closed;
        }
        context.figures.timed_out += 1;
        if !self.output.is_empty() {
            return Next::Closed;
        }
        self.session.time_out(context, &mut self.output);
        match self.output.is_empty() {
            true => Next::Closed,
            false => self.drive(context, now),
        }
    }

    /// Does everything that is possible without waiting, and returns what to wait for.
    pub fn drive(&mut self, context: &mut Context, now: Instant) -> Next {
        // An error is that of the connection, which then ends.
        let next = self.turn(context, now).unwrap_or(Next::Closed);
        if !self.lingering {
            self.deadline = self.next_deadline(&context.limits, now);
        }
        next
    }

    fn turn(&mut self, context: &mut Context, now: Instant) -> io::Result<Next> {
        if self.lingering {
            return self.linger(context);
        }
        let mut reads = 0;
        loop {
            // Several requests may have arrived together.
            while self.output.len() < HIGH_WATER && self.session.advance(context, &mut self.output)
            {
                self.head_since = None;
            }
            let held_back = self.output.len() >= HIGH_WATER;
            if !self.output.send(&mut self.stream)? {
                context.figures.blocked += 1;
                self.head_since = None;
                return Ok(Next::Writable);
            }
            if self.session.waiting() == Waiting::Nothing {
                return self.close(context, now);
            }
            // No event will come for a request that has already arrived.
            if held_back {
                continue;
            }
            // A read that was not full has emptied the socket.
            if reads == READS {
                return Ok(self.rest());
            }
            let Some(length) = self.read(context)? else {
                return Ok(self.rest());
            };
            if length == 0 {
                self.session.end();
                continue;
            }
            self.session.feed(&context.scratch[..length]);
            let full = length == context.scratch.len();
            reads = if full { reads + 1 } else { READS };
        }
    }

    /// What to wait for now that nothing more can be done.
    fn rest(&self) -> Next {
        match self.session.waiting() {
            Waiting::Request if self.session.is_finishing() => Next::Closed,
            _ => Next::Readable,
        }
    }

    /// The number of bytes read: 0 at the end, `None` if the read would block.
    fn read(&mut self, context: &mut Context) -> io::Result<Option<usize>> {
        loop {
            match self.stream.read(&mut context.scratch) {
                Ok(length) => return Ok(Some(length)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Everything is sent. Closing a socket with unread data resets the connection, and
    /// the client might not see the last response.
    fn close(&mut self, context: &mut Context, now: Instant) -> io::Result<Next> {
        if !self.session.is_unheard() {
            return Ok(Next::Closed);
        }
        self.stream.shutdown(Shutdown::Write)?;
        self.lingering = true;
        self.deadline = now + LINGER;
        self.linger(context)
    }

    fn linger(&mut self, context: &mut Context) -> io::Result<Next> {
        for _ in 0..READS {
            match self.read(context)? {
                Some(0) => return Ok(Next::Closed),
                Some(_) => {}
                None => break,
            }
        }
        Ok(Next::Readable)
    }

    fn next_deadline(&mut self, limits: &Limits, now: Instant) -> Instant {
        let waiting = self.session.waiting();
        if waiting == Waiting::Head && self.output.is_empty() {
            self.head_since.get_or_insert(now);
        }
        match (waiting, self.head_since) {
            (Waiting::Request | Waiting::Head, Some(since)) => since + limits.header_timeout,
            _ => now + limits.idle_timeout,
        }
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}
