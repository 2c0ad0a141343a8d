// SPDX-License-Identifier: GPL-2.0

//! Initial programs: the normal ways to use the interface.

mod direct;

use crate::{
    argument::{
        Batch, Change, Count, Cursor, Id, Interest, Mask, MaxEvents, Pointer, Query, Request, Size,
        Target, Telling, Timeout, Waiting, Way, Zero,
    },
    program::{Kind, Op, Program, Slot},
};

const IN: u32 = libc::EPOLLIN as u32;
const OUT: u32 = libc::EPOLLOUT as u32;
const ET: u32 = libc::EPOLLET as u32;
const ONESHOT: u32 = libc::EPOLLONESHOT as u32;
const EXCLUSIVE: u32 = libc::EPOLLEXCLUSIVE as u32;

fn create(slot: u8) -> Op {
    create_as(slot, false)
}

fn create_as(slot: u8, fifo: bool) -> Op {
    Op::Create {
        slot: Slot(slot),
        cloexec: true,
        fifo,
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

fn request(change: Change, target: u8, interest: u32) -> Request {
    Request {
        change,
        target: Target::Slot(Slot(target)),
        interest: Interest(interest),
        data: target,
        takes_turns: false,
        flags: Zero(0),
        padding: Zero(0),
    }
}

/// An addition that takes turns.
fn in_turns(target: u8) -> Request {
    Request {
        takes_turns: true,
        ..request(Change::Add, target, IN | EXCLUSIVE)
    }
}

fn ask(on: u8, request: Request) -> Op {
    Op::Ctl {
        on: Slot(on),
        request,
        event: Pointer::Good,
        argument: Pointer::Good,
    }
}

fn ctl(on: u8, change: Change, target: u8, interest: u32) -> Op {
    ask(on, request(change, target, interest))
}

fn add(on: u8, target: u8, interest: u32) -> Op {
    ctl(on, Change::Add, target, interest)
}

fn waiting(timeout: Timeout) -> Waiting {
    Waiting {
        max: MaxEvents::Few(3),
        timeout,
        events: Pointer::Good,
        mask: Mask::Same,
        flags: Zero(0),
        padding: Zero(0),
    }
}

fn wait(on: u8, timeout: Timeout) -> Op {
    Op::Wait {
        on: Slot(on),
        wait: waiting(timeout),
        way: Way::Ioctl,
        argument: Pointer::Good,
    }
}

fn changes(requests: &[Request], count: Count, changes: Pointer) -> Batch {
    Batch {
        requests: requests.to_vec(),
        count,
        changes,
        flags: Zero(0),
    }
}

fn batch(on: u8, batch: Batch) -> Op {
    Op::Batch {
        on: Slot(on),
        batch,
        interrupted: false,
        way: Way::Ioctl,
        argument: Pointer::Good,
    }
}

fn batch_wait(on: u8, batch: Batch, timeout: Timeout) -> Op {
    Op::BatchWait {
        on: Slot(on),
        batch,
        wait: waiting(timeout),
        way: Way::Ioctl,
        argument: Pointer::Good,
    }
}

/// A query about one instance, or about this one and the next.
fn query(about: u8, all: bool, size: Size) -> Query {
    Query {
        id: Id::Of(Slot(about)),
        cursor: Cursor::Begin,
        to: Pointer::Good,
        count: Count::Listed,
        size,
        all,
        flags: Zero(0),
        padding: Zero(0),
    }
}

fn list(about: u8, all: bool, size: Size) -> Op {
    Op::List {
        query: query(about, all, size),
        interrupted: false,
        argument: Pointer::Good,
    }
}

fn items(about: u8, all: bool, size: Size) -> Op {
    Op::Items {
        query: query(about, all, size),
        interrupted: false,
        argument: Pointer::Good,
    }
}

/// A query for the next few items.
fn more_items(about: u8, cursor: Cursor) -> Op {
    Op::Items {
        query: Query {
            cursor,
            count: Count::So(2),
            ..query(about, true, Size::Known)
        },
        interrupted: false,
        argument: Pointer::Good,
    }
}

fn info(on: u8) -> Op {
    info_of_size(on, Size::Known)
}

fn info_of_size(on: u8, size: Size) -> Op {
    Op::Info {
        on: Slot(on),
        telling: Telling {
            size,
            ..Telling::default()
        },
        argument: Pointer::Good,
    }
}

fn features(on: u8, word: u8) -> Op {
    Op::Features {
        on: Slot(on),
        word,
        shift: 0,
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

/// A file of each kind with two ends is watched, written to and closed.
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

/// All initial programs.
pub fn programs() -> Vec<Program> {
    let mut programs = Vec::from(
        [
            Kind::Pipe,
            Kind::UnixStream,
            Kind::Tcp,
            Kind::Pty,
            Kind::Wire,
        ]
        .map(pair),
    );
    programs.extend([
        // A file that dies while it is opened under another name, and a slow file.
        Program {
            alone: vec![create(0), open(1, Kind::FuseFifo), open(3, Kind::FuseFile)],
            together: [
                vec![
                    add(0, 2, IN),
                    close(1),
                    wait(0, Timeout::Short(3)),
                    close(2),
                ],
                vec![
                    open(4, Kind::FuseFifo),
                    add(0, 4, IN),
                    add(0, 3, IN | OUT),
                    close(4),
                    close(3),
                ],
            ],
        },
        // The life of an item.
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
        // Queries of each kind about instances and items.
        alone(vec![
            create(0),
            create_as(1, true),
            open(2, Kind::Eventfd),
            open(3, Kind::Epoll),
            open(4, Kind::Pty),
            add(0, 1, IN),
            add(0, 3, IN),
            add(0, 4, IN),
            ask(0, in_turns(2)),
            write(2),
            info(0),
            info_of_size(1, Size::Longer(3)),
            features(1, 0),
            list(0, true, Size::Known),
            list(1, false, Size::Longer(2)),
            items(0, true, Size::Longer(1)),
            items(0, false, Size::Known),
            more_items(0, Cursor::Begin),
            more_items(0, Cursor::Last),
            more_items(1, Cursor::Last),
            more_items(0, Cursor::Bent(70)),
            more_items(0, Cursor::So(7, 7)),
            close(0),
            list(1, true, Size::So(0)),
        ]),
        // The same while they are waited on, and come and go.
        Program {
            alone: vec![create(0), open(1, Kind::Eventfd), add(0, 1, IN)],
            together: [
                vec![
                    wait(0, Timeout::Short(200)),
                    ctl(0, Change::Delete, 1, 0),
                    close(0),
                    create(2),
                    add(2, 1, IN | ET),
                ],
                vec![
                    Op::Yield,
                    list(0, true, Size::Known),
                    more_items(0, Cursor::Begin),
                    more_items(0, Cursor::Last),
                    info(0),
                    items(2, false, Size::Known),
                    list(2, false, Size::Known),
                ],
            ],
        },
        // Instances that watch each other, and one that must not.
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
        // The kernel's own epolls, above and below.
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
        // A file that is closed while a thread waits for it, and while it is added.
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
    programs.extend(turns());
    programs.extend(batches());
    let directly: Vec<_> = programs.iter().map(direct::directly).collect();
    programs.extend(directly);
    programs.extend(direct::programs());
    programs
}

/// Flags determine which waiter is woken.
fn turns() -> [Program; 2] {
    [
        // Two instances that take turns.
        alone(vec![
            create(0),
            create(1),
            open(2, Kind::Eventfd),
            ask(0, in_turns(2)),
            ask(1, in_turns(2)),
            write(2),
            wait(0, Timeout::Zero),
            wait(1, Timeout::Zero),
            read(2),
            write(2),
            wait(1, Timeout::Zero),
            wait(0, Timeout::Zero),
            close(2),
        ]),
        // Two waiters on one instance, in the order in which they came.
        Program {
            alone: vec![
                create_as(0, true),
                open(1, Kind::Eventfd),
                add(0, 1, IN | ET),
            ],
            together: [
                vec![
                    wait(0, Timeout::Short(40)),
                    write(1),
                    wait(0, Timeout::Short(40)),
                ],
                vec![write(1), wait(0, Timeout::Short(40)), write(1)],
            ],
        },
    ]
}

/// Many changes with one call.
fn batches() -> [Program; 6] {
    use Change::{Add, Delete, Modify};

    let life = [
        request(Add, 1, IN | ONESHOT),
        request(Modify, 1, IN | OUT),
        request(Delete, 1, 0),
    ];
    [
        // Items that are added, modified and deleted, one of them for good; some changes fail.
        alone(vec![
            create(0),
            open(1, Kind::Eventfd),
            batch(0, changes(&life, Count::So(48), Pointer::Good)),
            batch(0, changes(&life, Count::So(16), Pointer::Good)),
            batch(0, changes(&life, Count::So(15), Pointer::Good)),
            wait(0, Timeout::Zero),
            batch(0, changes(&life, Count::So(0), Pointer::Good)),
            batch(0, changes(&life, Count::TooMany, Pointer::Good)),
        ]),
        // Changes that end at an unmapped page, within the first sixteen and after them.
        alone(vec![
            create(0),
            open(1, Kind::Pipe),
            batch(0, changes(&life, Count::So(17), Pointer::Across(1))),
            batch(0, changes(&life, Count::So(17), Pointer::Across(40))),
            batch(0, changes(&life, Count::So(1), Pointer::Across(8))),
            batch(0, changes(&life, Count::So(2), Pointer::ReadOnly)),
            batch_wait(
                0,
                changes(&life, Count::So(33), Pointer::Across(33)),
                Timeout::Forever,
            ),
        ]),
        // Batches that are refused, and batches whose results cannot be stored.
        alone(vec![
            create(0),
            open(1, Kind::Eventfd),
            batch(
                0,
                Batch {
                    flags: Zero(1),
                    ..changes(&life, Count::Listed, Pointer::Good)
                },
            ),
            batch(0, changes(&life, Count::Huge, Pointer::Good)),
            batch(0, changes(&life, Count::Most, Pointer::Null)),
            Op::Batch {
                on: Slot(0),
                batch: changes(&life, Count::Listed, Pointer::Good),
                interrupted: false,
                way: Way::Ioctl,
                argument: Pointer::ReadOnly,
            },
            Op::BatchWait {
                on: Slot(0),
                batch: changes(&life, Count::Listed, Pointer::Good),
                wait: waiting(Timeout::Forever),
                way: Way::Ioctl,
                argument: Pointer::ReadOnly,
            },
            wait(0, Timeout::Zero),
        ]),
        // One-shot items that are re-armed and waited for.
        alone(vec![
            create(0),
            open(1, Kind::UnixStream),
            batch_wait(
                0,
                changes(
                    &[
                        request(Add, 1, IN | ONESHOT),
                        request(Add, 2, OUT | ONESHOT),
                    ],
                    Count::Listed,
                    Pointer::Good,
                ),
                Timeout::Zero,
            ),
            write(2),
            batch_wait(
                0,
                changes(
                    &[
                        request(Modify, 1, IN | ONESHOT),
                        request(Modify, 2, OUT | ONESHOT),
                    ],
                    Count::Listed,
                    Pointer::Good,
                ),
                Timeout::Forever,
            ),
            batch_wait(
                0,
                changes(&[request(Delete, 5, 0)], Count::Listed, Pointer::Good),
                Timeout::Forever,
            ),
            batch_wait(
                0,
                changes(&[], Count::Listed, Pointer::Null),
                Timeout::Forever,
            ),
        ]),
        // Changes that must release the mutex, between others that need not; and changes that are
        // refused.
        alone(vec![
            create(0),
            create(1),
            open(2, Kind::Epoll),
            open(3, Kind::Eventfd),
            open(4, Kind::Regular),
            batch(
                0,
                changes(
                    &[
                        request(Add, 3, IN),
                        request(Add, 2, IN),
                        request(Add, 1, IN | ET),
                        request(Add, 0, IN),
                        in_turns(4),
                        request(Modify, 2, OUT),
                        request(Delete, 3, 0),
                        in_turns(3),
                    ],
                    Count::Listed,
                    Pointer::Good,
                ),
            ),
            write(3),
            wait(0, Timeout::Zero),
            close(1),
            close(2),
            close(3),
        ]),
        // The longest possible batch, while signals come and another thread waits and closes.
        Program {
            alone: vec![create(0), open(1, Kind::Eventfd)],
            together: [
                vec![Op::Batch {
                    on: Slot(0),
                    batch: changes(&life[..2], Count::Most, Pointer::Good),
                    interrupted: true,
                    way: Way::Ioctl,
                    argument: Pointer::Good,
                }],
                vec![
                    write(1),
                    wait(0, Timeout::Short(9)),
                    ctl(0, Delete, 1, 0),
                    close(1),
                    batch_wait(
                        0,
                        changes(&life, Count::Listed, Pointer::Good),
                        Timeout::Short(9),
                    ),
                ],
            ],
        },
    ]
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
