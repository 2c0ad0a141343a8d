// SPDX-License-Identifier: GPL-2.0

//! The same programs with direct calls, and programs that only direct calls
//! allow.

use super::{alone, create, open, request, write, IN, ONESHOT};
use crate::{
    argument::{Change, Mask, MaxEvents, Operation, Pointer, Timeout, Way, Word, ZeroWord},
    program::{Kind, Op, Program, Slot},
};

/// The program with direct calls instead of ioctls, where they exist.
pub(super) fn directly(program: &Program) -> Program {
    let mut program = program.clone();
    for op in program.lists_mut().into_iter().flatten() {
        match op {
            &mut Op::Ctl { on, request, .. } if !request.takes_turns => {
                *op = Op::DirectChange { on, request };
            }
            Op::Wait { on, wait, .. } if wait.mask == Mask::Same => {
                *op = Op::DirectWait {
                    on: *on,
                    max: wait.max,
                    timeout: wait.timeout,
                    events: wait.events,
                };
            }
            Op::Wait { way, .. } | Op::Batch { way, .. } | Op::BatchWait { way, .. } => {
                *way = Way::Direct(ZeroWord(0));
            }
            _ => {}
        }
    }
    program
}

fn change_wait(change: Change, target: u8, interest: u32, timeout: Timeout) -> Op {
    Op::ChangeWait {
        on: Slot(0),
        request: request(change, target, interest),
        max: MaxEvents::Few(3),
        timeout,
        events: Pointer::Good,
        argument: Pointer::Good,
    }
}

fn advise(on: u8, operation: Operation, words: [Word; 2]) -> Op {
    Op::Advise {
        on: Slot(on),
        operation,
        words,
    }
}

/// Programs for calls that have no ioctl.
pub(super) fn programs() -> [Program; 2] {
    let zeros = Word::Address(Pointer::Good);
    [
        // A change and a wait, again and again.
        Program {
            alone: vec![
                create(0),
                open(1, Kind::Eventfd),
                change_wait(Change::Add, 1, IN | ONESHOT, Timeout::Zero),
                write(1),
                change_wait(Change::Modify, 1, IN | ONESHOT, Timeout::Forever),
                change_wait(Change::Add, 1, IN, Timeout::Forever),
            ],
            together: [
                vec![
                    change_wait(Change::Modify, 1, IN, Timeout::Short(3)),
                    change_wait(Change::Delete, 1, 0, Timeout::Short(1)),
                ],
                vec![write(1), Op::Yield, write(1)],
            ],
        },
        // Calls with little or no effect.
        alone(vec![
            create(0),
            open(1, Kind::Epoll),
            open(2, Kind::Regular),
            advise(
                0,
                Operation::Advice(4),
                [Word::Pair(0, 0), Word::Pair(0, 0)],
            ),
            advise(0, Operation::Advice(3), [Word::Bit(3), Word::Full]),
            advise(0, Operation::Reserved(0), [zeros, Word::Pair(1, -1)]),
            advise(0, Operation::Reserved(1), [zeros, Word::Pair(0, 0)]),
            advise(0, Operation::Reserved(7), [zeros, Word::Pair(1, 0)]),
            advise(0, Operation::Reserved(9), [zeros, Word::Pair(1, 0)]),
            advise(0, Operation::Near(-1), [zeros, zeros]),
            advise(1, Operation::Reserved(0), [zeros, Word::Pair(1, 0)]),
            advise(2, Operation::Reserved(2), [Word::Full, Word::Pair(1, 1)]),
        ]),
    ]
}
