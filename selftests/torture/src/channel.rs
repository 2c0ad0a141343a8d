// SPDX-License-Identifier: GPL-2.0

//! Connections of each kind, which carry messages.
//!
//! A channel has the same descriptor numbers throughout its life. The files behind them change:
//! [`become_of`] replaces one file by another, and so closes it. So a thread that uses a number
//! late still finds a file of the channel.

use rustix::{
    event::{eventfd, EventfdFlags},
    io::Errno,
    net::{shutdown, sockopt, Shutdown},
    pipe::{pipe_with, PipeFlags},
    time::{
        timerfd_create, timerfd_settime, Itimerspec, TimerfdClockId, TimerfdFlags,
        TimerfdTimerFlags, Timespec,
    },
};
use std::{
    io,
    net::{TcpListener, TcpStream},
    os::{
        fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
        unix::net::UnixStream,
    },
    sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst},
    time::Duration,
};

/// A kind of connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Eventfd,
    Pipe,
    Unix,
    Tcp,
    /// TCP between the guest's two network cards: an interrupt of a card delivers a message.
    Wire,
    /// Sends from an interrupt, which may come at any point of the code that its processor runs.
    Timer,
}

/// The kinds. Kinds that are listed more often occur more often.
pub(crate) const KINDS: [Kind; 6] = [
    Kind::Eventfd,
    Kind::Pipe,
    Kind::Unix,
    Kind::Tcp,
    Kind::Timer,
    Kind::Timer,
];

/// What is written: a message, or a byte that only wakes.
#[derive(Clone, Copy)]
enum Word {
    Message = 1,
    Noise = 2,
}

/// How much noise adds to the counter of an eventfd; messages add 1.
const EVENTFD_NOISE: u64 = 1 << 32;

/// A connection.
#[derive(Debug)]
pub(crate) struct Channel {
    pub(crate) kind: Kind,
    /// The end that is watched and read.
    reader: OwnedFd,
    /// The end that is written to, if it is another one.
    writer: Option<OwnedFd>,
    /// A second number for the reading end; at other times, for an unused file.
    alias: OwnedFd,
    /// Whether the reading end must be read through its second number.
    aliased: AtomicBool,
    /// Counts the changes of the files behind the numbers.
    moves: AtomicU32,
}

/// What a reader found in a channel.
#[derive(Clone, Copy, Default)]
pub(crate) struct Found {
    pub(crate) messages: u64,
    /// The end: nothing will follow.
    pub(crate) end: bool,
}

/// A file that is never readable, as a placeholder.
pub(crate) fn nothing() -> io::Result<OwnedFd> {
    Ok(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?)
}

/// Makes the number `fd` refer to the file of `other`, and so closes the previous file.
pub(crate) fn become_of(fd: BorrowedFd<'_>, other: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: No memory is passed. The number still belongs to its owner.
    let result = unsafe { libc::dup3(other.as_raw_fd(), fd.as_raw_fd(), libc::O_CLOEXEC) };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

fn ends(kind: Kind) -> io::Result<(OwnedFd, Option<OwnedFd>)> {
    Ok(match kind {
        Kind::Eventfd => (nothing()?, None),
        Kind::Timer => {
            let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
            (timerfd_create(TimerfdClockId::Monotonic, flags)?, None)
        }
        Kind::Pipe => {
            let (reader, writer) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
            (reader, Some(writer))
        }
        Kind::Unix => {
            let (reader, writer) = UnixStream::pair()?;
            reader.set_nonblocking(true)?;
            writer.set_nonblocking(true)?;
            (reader.into(), Some(writer.into()))
        }
        Kind::Tcp | Kind::Wire => {
            let (writer, reader) = match kind {
                Kind::Wire => wire::connection().map_err(io::Error::other)?,
                _ => {
                    let listener = TcpListener::bind("127.0.0.1:0")?;
                    let writer = TcpStream::connect(listener.local_addr()?)?;
                    (writer, listener.accept()?.0)
                }
            };
            for end in [&reader, &writer] {
                end.set_nonblocking(true)?;
                end.set_nodelay(true)?;
                // The close must not leave a port that cannot be used for a while.
                sockopt::set_socket_linger(end, Some(Duration::ZERO))?;
            }
            (reader.into(), Some(writer.into()))
        }
    })
}

impl Channel {
    /// A new connection.
    pub(crate) fn new(kind: Kind) -> io::Result<Self> {
        let (reader, writer) = ends(kind)?;
        Ok(Self {
            kind,
            reader,
            writer,
            alias: nothing()?,
            aliased: AtomicBool::new(false),
            moves: AtomicU32::new(0),
        })
    }

    /// The number under which the channel is watched.
    pub(crate) fn reader(&self) -> BorrowedFd<'_> {
        self.reader.as_fd()
    }

    /// How many messages fit.
    pub(crate) fn room(&self) -> usize {
        match self.kind {
            // Setting the timer again would discard a message that it has not sent.
            Kind::Timer => 1,
            _ => 8,
        }
    }

    /// Sends a message: after this time with a timer, otherwise at once.
    pub(crate) fn send(&self, after: Duration) -> io::Result<()> {
        if self.kind != Kind::Timer {
            return self.write(Word::Message);
        }
        let zero = Timespec::default();
        let time = Itimerspec {
            it_interval: zero,
            it_value: Timespec {
                tv_sec: 0,
                // Zero would disarm the timer.
                tv_nsec: after.subsec_nanos().max(1).into(),
            },
        };
        timerfd_settime(self.read_from(), TimerfdTimerFlags::empty(), &time)?;
        Ok(())
    }

    /// Makes the reading end readable without a message.
    pub(crate) fn disturb(&self) -> io::Result<()> {
        match self.kind {
            Kind::Timer => Ok(()),
            _ => self.write(Word::Noise),
        }
    }

    fn write(&self, word: Word) -> io::Result<()> {
        let byte = [word as u8];
        let number = match word {
            Word::Message => 1,
            Word::Noise => EVENTFD_NOISE,
        }
        .to_ne_bytes();
        let (end, bytes) = match &self.writer {
            Some(writer) => (writer, byte.as_slice()),
            None => (self.read_from(), number.as_slice()),
        };
        rustix::io::retry_on_intr(|| rustix::io::write(end, bytes))?;
        Ok(())
    }

    /// Reads everything, or at most one message.
    pub(crate) fn read(&self, all: bool) -> io::Result<Found> {
        let mut found = Found::default();
        loop {
            let moves = self.moves.load(SeqCst);
            let again = self.read_once(self.read_from(), all, &mut found)?;
            // If the numbers have changed, it is unknown which file was read.
            let moved = self.moves.load(SeqCst) != moves;
            if !(moved || all && again) {
                return Ok(found);
            }
        }
    }

    /// The current number of the reading end.
    fn read_from(&self) -> &OwnedFd {
        if self.aliased.load(SeqCst) {
            &self.alias
        } else {
            &self.reader
        }
    }

    /// Reads once. Returns whether there may be more.
    fn read_once(&self, end: &OwnedFd, all: bool, found: &mut Found) -> io::Result<bool> {
        let mut bytes = [0; 64];
        let room = match self.kind {
            Kind::Eventfd | Kind::Timer => 8,
            _ if all => bytes.len(),
            _ => 1,
        };
        let read = match rustix::io::retry_on_intr(|| rustix::io::read(end, &mut bytes[..room])) {
            Ok(read) => read,
            // A reset: both ends are just being closed.
            Err(Errno::AGAIN | Errno::CONNRESET) => return Ok(false),
            Err(error) => return Err(error.into()),
        };
        if read == 0 {
            found.end = true;
            return Ok(false);
        }
        found.messages += if matches!(self.kind, Kind::Eventfd | Kind::Timer) {
            let number = bytes
                .first_chunk()
                .map_or(0, |bytes| u64::from_ne_bytes(*bytes));
            number % EVENTFD_NOISE
        } else {
            let words = bytes[..read].iter();
            words.filter(|&&byte| byte == Word::Message as u8).count() as u64
        };
        Ok(true)
    }

    /// Whether the channel can report to its reader that nothing will follow.
    pub(crate) fn has_end(&self) -> bool {
        self.writer.is_some()
    }

    /// Closes the writing end.
    pub(crate) fn hang_up(&self, nothing: BorrowedFd<'_>) -> io::Result<()> {
        match (&self.writer, self.kind) {
            (Some(writer), Kind::Pipe) => become_of(writer.as_fd(), nothing),
            (Some(writer), _) => Ok(shutdown(writer, Shutdown::Write)?),
            (None, _) => Ok(()),
        }
    }

    /// Gives the reading end a second number and closes the first. It stays watched under the
    /// first.
    pub(crate) fn move_away(&self, nothing: BorrowedFd<'_>) -> io::Result<()> {
        become_of(self.alias.as_fd(), self.reader.as_fd())?;
        self.aliased.store(true, SeqCst);
        self.moves.fetch_add(1, SeqCst);
        become_of(self.reader.as_fd(), nothing)
    }

    /// Undoes [`Channel::move_away`].
    pub(crate) fn move_back(&self, nothing: BorrowedFd<'_>) -> io::Result<()> {
        become_of(self.reader.as_fd(), self.alias.as_fd())?;
        self.aliased.store(false, SeqCst);
        self.moves.fetch_add(1, SeqCst);
        become_of(self.alias.as_fd(), nothing)
    }

    /// Closes both ends, with everything that is on its way; the connection is then not watched any
    /// more.
    pub(crate) fn close(&self, nothing: BorrowedFd<'_>) -> io::Result<()> {
        become_of(self.reader.as_fd(), nothing)?;
        match &self.writer {
            Some(writer) => become_of(writer.as_fd(), nothing),
            None => Ok(()),
        }
    }

    /// Opens a new connection under the numbers of a closed one.
    pub(crate) fn open(&self) -> io::Result<()> {
        let (reader, writer) = ends(self.kind)?;
        if let (Some(old), Some(new)) = (&self.writer, &writer) {
            become_of(old.as_fd(), new.as_fd())?;
        }
        become_of(self.reader.as_fd(), reader.as_fd())
    }
}
