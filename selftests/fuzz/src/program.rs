// SPDX-License-Identifier: GPL-2.0

//! The grammar: what a program of the fuzzer consists of, and how it is stored.
//!
//! Programs are stored by postcard, which numbers variants and fields by their order: with any
//! change of this file and of those of [`argument`](crate::argument), older corpora mean something
//! else. They are kept under a hash of all.

use crate::argument::{
    Batch, BusyPoll, Change, Command, Interest, MaxEvents, Operation, Pointer, Query, Request,
    Telling, Timeout, Waiting, Way, Word, Zero,
};
use arbitrary::{Arbitrary, Result, Unstructured};
use serde::{Deserialize, Serialize};
use std::fmt;

/// How many files a program can have open.
pub const SLOTS: u8 = 12;

/// No list of a program is longer than this.
pub const MAX_OPS: usize = 32;

/// What one input does.
#[derive(Arbitrary, Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Program {
    /// What the first thread does before there is a second one.
    pub alone: Vec<Op>,
    /// What each of two threads does at the same time.
    pub together: [Vec<Op>; 2],
}

impl Program {
    /// Reads a stored program; `None` if it is none, or too long.
    pub fn load(bytes: &[u8]) -> Option<Self> {
        let (program, rest) = postcard::take_from_bytes::<Self>(bytes).ok()?;
        (rest.is_empty() && program.lists().all(|list| list.len() <= MAX_OPS)).then_some(program)
    }

    /// The program as it is stored.
    pub fn store(&self) -> Vec<u8> {
        postcard::to_stdvec(self).expect("plain data can be stored")
    }

    /// Its lists of operations.
    pub fn lists(&self) -> impl Iterator<Item = &Vec<Op>> {
        std::iter::once(&self.alone).chain(&self.together)
    }

    /// Its lists of operations, to change them.
    pub fn lists_mut(&mut self) -> [&mut Vec<Op>; 3] {
        let [left, right] = &mut self.together;
        [&mut self.alone, left, right]
    }

    /// How many operations it has.
    pub fn len(&self) -> usize {
        self.lists().map(Vec::len).sum()
    }

    /// Whether it does nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (title, list) in ["alone", "together, left", "together, right"]
            .iter()
            .zip(self.lists())
        {
            if !list.is_empty() {
                writeln!(f, "{title}:")?;
            }
            for op in list {
                writeln!(f, "  {op:?}")?;
            }
        }
        Ok(())
    }
}

/// The number of an open file in the program's table; any other is taken modulo [`SLOTS`].
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub struct Slot(pub u8);

impl Slot {
    /// Its place in the table.
    pub fn index(self) -> usize {
        usize::from(self.0 % SLOTS)
    }

    /// The next one, where the other end of a pair goes.
    pub fn next(self) -> Self {
        Self((self.0 % SLOTS + 1) % SLOTS)
    }
}

impl<'a> Arbitrary<'a> for Slot {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        Ok(Self(u.int_in_range(0..=SLOTS - 1)?))
    }
}

/// What kind of file is opened.
#[derive(Arbitrary, Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub enum Kind {
    /// A counter.
    Eventfd,
    /// A pipe: the end to read, then the one to write.
    Pipe,
    /// A named pipe, both ends in one.
    Fifo,
    /// A pair of stream sockets.
    UnixStream,
    /// A pair of datagram sockets.
    UnixDatagram,
    /// A pair of sockets that keep packets in order.
    UnixSeqpacket,
    /// Both ends of a connection. Its events come in soft interrupts.
    Tcp,
    /// A socket that listens, and one that connects to it.
    TcpListener,
    /// Two that send to each other.
    Udp,
    /// A pseudo-terminal: the master, then the slave.
    Pty,
    /// A timer.
    Timer,
    /// A signalfd for the signal that the program sends.
    Signal,
    /// An inotify that watches the folder of the FIFO.
    Inotify,
    /// A fanotify that watches nothing.
    Fanotify,
    /// This process.
    Pid,
    /// One of the kernel's epolls.
    Epoll,
    /// An io_uring.
    Uring,
    /// The mounts, a file of procfs that can be polled.
    Mounts,
    /// The control node.
    Control,
    /// The control node, by its path alone.
    ControlPath,
    /// A device that cannot be polled.
    Null,
    /// A regular file.
    Regular,
    /// A folder.
    Folder,
    /// A FIFO of FUSE, by two names that are all it has.
    FuseFifo,
    /// A file of FUSE, which answers when it likes.
    FuseFile,
    /// Both ends of a connection between the guest's two network cards. Its events come in hard
    /// interrupts.
    Wire,
}

/// What makes the next operation of the thread fail.
#[derive(Arbitrary, Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub enum Fault {
    /// One allocation, or copy from or to user space: the first one, or a later one.
    Nth(u8),
    /// There are no descriptors left.
    Descriptors,
    /// The user may not watch any more files.
    Watches,
}

/// One operation.
#[derive(Arbitrary, Clone, Debug, Deserialize, PartialEq, Serialize)]
pub enum Op {
    /// REPOLL_CREATE: an instance in a slot.
    Create {
        /// Where it goes.
        slot: Slot,
        /// Close on exec.
        cloexec: bool,
        /// Who waits first is woken first.
        fifo: bool,
        /// Bits that are not known.
        flags: Zero,
        /// `__pad`.
        padding: Zero,
        /// Where the argument is.
        argument: Pointer,
    },
    /// REPOLL_CTL.
    Ctl {
        /// The instance.
        on: Slot,
        /// The change.
        request: Request,
        /// Where the event is.
        event: Pointer,
        /// Where the argument is.
        argument: Pointer,
    },
    /// REPOLL_WAIT.
    Wait {
        /// The instance.
        on: Slot,
        /// For what.
        wait: Waiting,
        /// By which call.
        way: Way,
        /// Where the argument is.
        argument: Pointer,
    },
    /// REPOLL_BATCH.
    Batch {
        /// The instance.
        on: Slot,
        /// The changes.
        batch: Batch,
        /// Signals come meanwhile.
        interrupted: bool,
        /// By which call.
        way: Way,
        /// Where the argument is.
        argument: Pointer,
    },
    /// REPOLL_BATCH_WAIT.
    BatchWait {
        /// The instance.
        on: Slot,
        /// The changes.
        batch: Batch,
        /// The wait.
        wait: Waiting,
        /// By which call.
        way: Way,
        /// Where the argument is.
        argument: Pointer,
    },
    /// REPOLL_DIRECT_WAIT.
    DirectWait {
        /// The instance.
        on: Slot,
        /// How many events.
        max: MaxEvents,
        /// For how long.
        timeout: Timeout,
        /// Where they go.
        events: Pointer,
    },
    /// REPOLL_DIRECT_ADD, _MOD or _DEL.
    DirectChange {
        /// The instance.
        on: Slot,
        /// The change.
        request: Request,
    },
    /// REPOLL_DIRECT_CHANGE_WAIT.
    ChangeWait {
        /// The instance.
        on: Slot,
        /// The change.
        request: Request,
        /// How many events.
        max: MaxEvents,
        /// For how long.
        timeout: Timeout,
        /// Where they go.
        events: Pointer,
        /// Where the argument is.
        argument: Pointer,
    },
    /// fadvise64() with anything, on any file.
    Advise {
        /// The file.
        on: Slot,
        /// The operation.
        operation: Operation,
        /// The words.
        words: [Word; 2],
    },
    /// REPOLL_LIST.
    List {
        /// Which instances.
        query: Query,
        /// Signals come meanwhile.
        interrupted: bool,
        /// Where the argument is.
        argument: Pointer,
    },
    /// REPOLL_ITEMS.
    Items {
        /// Of which instance.
        query: Query,
        /// Signals come meanwhile.
        interrupted: bool,
        /// Where the argument is.
        argument: Pointer,
    },
    /// REPOLL_INFO.
    Info {
        /// The instance.
        on: Slot,
        /// How.
        telling: Telling,
        /// Where the argument is.
        argument: Pointer,
    },
    /// REPOLL_FEATURES.
    Features {
        /// The instance, or a control node.
        on: Slot,
        /// Of which word.
        word: u8,
        /// By how much that is shifted.
        shift: u8,
        /// `__pad`.
        padding: Zero,
        /// Where the argument is.
        argument: Pointer,
    },
    /// EPIOCSPARAMS.
    SetParams {
        /// The instance.
        on: Slot,
        /// To what.
        params: BusyPoll,
        /// `__pad`.
        padding: Zero,
        /// Where the argument is.
        argument: Pointer,
    },
    /// EPIOCGPARAMS.
    GetParams {
        /// The instance.
        on: Slot,
        /// Where the answer goes.
        argument: Pointer,
    },
    /// Any ioctl on any file.
    Ioctl {
        /// The file.
        on: Slot,
        /// The number.
        command: Command,
        /// The argument.
        argument: Pointer,
    },
    /// Open something, in a slot and perhaps the next.
    Open {
        /// Where it goes.
        slot: Slot,
        /// What it is.
        kind: Kind,
    },
    /// Copy a descriptor.
    Dup {
        /// From here.
        from: Slot,
        /// To there.
        to: Slot,
    },
    /// Close a descriptor.
    Close {
        /// Where it is.
        slot: Slot,
    },
    /// Have a native epoll watch something, or no longer.
    EpollCtl {
        /// The epoll.
        on: Slot,
        /// The operation.
        change: Change,
        /// The file.
        target: Slot,
        /// The event's bits.
        interest: Interest,
    },
    /// Ask a native epoll what is ready.
    EpollWait {
        /// The epoll.
        on: Slot,
    },
    /// poll() one file.
    Poll {
        /// The file.
        on: Slot,
        /// For what.
        events: u16,
        /// Wait a moment, on the file's wait queues.
        patient: bool,
    },
    /// Read some bytes.
    Read {
        /// The file.
        on: Slot,
        /// How many, and one more.
        len: u8,
    },
    /// Write some bytes.
    Write {
        /// The file.
        on: Slot,
        /// How many, and one more, if it does not want eight.
        len: u8,
    },
    /// Shut a socket down.
    Shutdown {
        /// The socket.
        on: Slot,
        /// Which direction.
        how: u8,
    },
    /// Set a timer.
    SetTimer {
        /// The timer.
        on: Slot,
        /// In how many times 16 microseconds; 0 is never.
        ticks: u8,
        /// Again and again.
        again: bool,
    },
    /// Send the thread a signal, which is blocked outside waits.
    Signal,
    /// Read the fdinfo of a descriptor.
    Fdinfo {
        /// The descriptor.
        on: Slot,
    },
    /// Have the next operation fail.
    Inject(Fault),
    /// Let the other thread go first.
    Yield,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_can_be_loaded() {
        let bytes: Vec<u8> = (0..4096u32).map(|n| ((n * 7919) >> 3) as u8).collect();
        let mut u = Unstructured::new(&bytes);
        let program = Program {
            alone: (0..MAX_OPS).map(|_| u.arbitrary().unwrap()).collect(),
            together: [vec![Op::Signal], vec![Op::Yield]],
        };
        assert_eq!(Program::load(&program.store()), Some(program));
    }

    #[test]
    fn what_is_too_long_or_has_a_rest_is_refused() {
        let long = Program {
            alone: vec![Op::Yield; MAX_OPS + 1],
            ..Program::default()
        };
        assert_eq!(Program::load(&long.store()), None);

        let mut rest = Program::default().store();
        rest.push(0);
        assert_eq!(Program::load(&rest), None);
    }
}
