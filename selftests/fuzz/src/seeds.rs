// SPDX-License-Identifier: GPL-2.0

//! Programs to begin with: the ways in which the interface is meant to be used.

use crate::{
    argument::{
        Change,
        Interest,
        Mask,
        MaxEvents,
        Pointer,
        Target,
        Timeout,
        Zero, //
    },
    program::{
        Kind,
        Op,
        Program,
        Slot, //
    }, //
};

const IN: u32 = libc::EPOLLIN as u32;
const OUT: u32 = libc::EPOLLOUT as u32;
const ET: u32 = libc::EPOLLET as u32;
const ONESHOT: u32 = libc::EPOLLONESHOT as u32;
const EXCLUSIVE: u32 = libc::EPOLLEXCLUSIVE as u32;

fn create(slot: u8) -> Op {
    Op::Create {
        slot: Slot(slot),
        cloexec: true,
        flags: Zero(0),
        padding: Zero(0),
        argument: Pointer::Good,
    }
}

fn open(slot: u8, kind: Kind) -> Op {
    Op::Open {
        slot: Slot(slot),
        kind,
    }
}

fn ctl(on: u8, change: Change, target: u8, interest: u32) -> Op {
    Op::Ctl {
        on: Slot(on),
        change,
        target: Target::Slot(Slot(target)),
        interest: Interest(interest),
        data: target,
        event: Pointer::Good,
        flags: Zero(0),
        padding: Zero(0),
        argument: Pointer::Good,
    }
}

fn add(on: u8, target: u8, interest: u32) -> Op {
    ctl(on, Change::Add, target, interest)
}

fn wait(on: u8, timeout: Timeout) -> Op {
    Op::Wait {
        on: Slot(on),
        max: MaxEvents::Few(3),
        timeout,
        events: Pointer::Good,
        mask: Mask::Same,
        flags: Zero(0),
        padding: Zero(0),
        argument: Pointer::Good,
    }
}

fn read(on: u8) -> Op {
    Op::Read {
        on: Slot(on),
        len: 9,
    }
}

fn write(on: u8) -> Op {
    Op::Write {
        on: Slot(on),
        len: 0,
    }
}

fn close(slot: u8) -> Op {
    Op::Close { slot: Slot(slot) }
}

fn alone(alone: Vec<Op>) -> Program {
    Program {
        alone,
        ..Program::default()
    }
}

/// A file of each kind that has two ends is watched, written to and closed.
fn pair(kind: Kind) -> Program {
    alone(vec![
        create(0),
        open(1, kind),
        add(0, 1, IN),
        add(0, 2, OUT | ET),
        write(2),
        wait(0, Timeout::Zero),
        read(1),
        close(2),
        wait(0, Timeout::Short(9)),
        close(1),
        wait(0, Timeout::Zero),
    ])
}

/// All of them.
pub fn programs() -> Vec<Program> {
    let mut programs = Vec::from([Kind::Pipe, Kind::UnixStream, Kind::Tcp, Kind::Pty].map(pair));
    programs.extend([
        // An item's life.
        alone(vec![
            create(0),
            open(1, Kind::Eventfd),
            add(0, 1, IN | ONESHOT),
            write(1),
            wait(0, Timeout::Zero),
            wait(0, Timeout::Zero),
            ctl(0, Change::Modify, 1, IN | OUT),
            wait(0, Timeout::Zero),
            Op::Fdinfo { on: Slot(0) },
            ctl(0, Change::Delete, 1, 0),
            wait(0, Timeout::Short(3)),
        ]),
        // Instances that watch each other, and one that may not.
        alone(vec![
            create(0),
            create(1),
            create(2),
            open(3, Kind::Eventfd),
            add(0, 1, IN),
            add(1, 2, IN | ET),
            add(2, 3, IN),
            add(2, 0, IN),
            write(3),
            wait(0, Timeout::Zero),
            Op::Poll {
                on: Slot(0),
                events: libc::POLLIN as u16,
                patient: true,
            },
            close(1),
            wait(0, Timeout::Zero),
        ]),
        // The kernel's own, above and below.
        alone(vec![
            create(0),
            open(1, Kind::Epoll),
            open(2, Kind::Epoll),
            open(3, Kind::Eventfd),
            Op::EpollCtl {
                on: Slot(2),
                change: Change::Add,
                target: Slot(3),
                interest: Interest(IN),
            },
            add(0, 2, IN),
            Op::EpollCtl {
                on: Slot(1),
                change: Change::Add,
                target: Slot(0),
                interest: Interest(IN),
            },
            write(3),
            Op::EpollWait { on: Slot(1) },
            wait(0, Timeout::Zero),
        ]),
        // A waiter that is woken, and one that is interrupted.
        Program {
            alone: vec![create(0), open(1, Kind::Eventfd), add(0, 1, IN | ET)],
            together: [
                vec![wait(0, Timeout::Forever), wait(0, Timeout::Forever)],
                vec![write(1)],
            ],
        },
        // Closed while it is being waited for, and while it is being added.
        Program {
            alone: vec![create(0), open(1, Kind::Pipe), create(3), add(3, 0, IN)],
            together: [
                vec![
                    add(0, 1, IN | EXCLUSIVE),
                    wait(0, Timeout::Short(20)),
                    wait(3, Timeout::Zero),
                ],
                vec![
                    write(2),
                    close(1),
                    open(1, Kind::UnixStream),
                    add(0, 1, IN),
                    close(0),
                ],
            ],
        },
    ]);
    programs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_can_be_loaded() {
        for program in programs() {
            assert_eq!(Program::load(&program.store()), Some(program));
        }
    }
}
