// SPDX-License-Identifier: GPL-2.0

//! Derives one program from another: operations are added, removed, changed and moved.

use crate::{
    argument::{Batch, Count, Id, Pointer, Target, Way, Zero},
    program::{Op, Program, Slot, MAX_OPS},
};
use arbitrary::{Arbitrary, Unstructured};
use rand::{
    rngs::SmallRng,
    seq::{IndexedMutRandom, IndexedRandom},
    Rng, RngCore, SeedableRng,
};

/// A function that changes the bytes of something small in place, and returns their new number.
/// Only the first bytes of the slice are in use, as many as the second argument.
pub type Bytewise<'a> = &'a mut dyn FnMut(&mut [u8], usize) -> usize;

/// The greatest number of changes that are gathered into one batch.
const GATHERED: usize = 20;

/// Changes programs at random.
pub struct Mutator<'a> {
    rng: SmallRng,
    bytewise: Bytewise<'a>,
}

impl<'a> Mutator<'a> {
    /// The results are the same for the same seed.
    pub fn new(seed: u64, bytewise: Bytewise<'a>) -> Self {
        Self {
            rng: SmallRng::seed_from_u64(seed),
            bytewise,
        }
    }

    /// Makes one or a few changes. The result takes at most `max` bytes.
    pub fn mutate(&mut self, program: &mut Program, max: usize) {
        for _ in 0..self.rng.random_range(1..=4) {
            self.change(program);
        }
        self.trim(program, max);
    }

    /// A program that begins like `one` and ends like `other`.
    pub fn cross(&mut self, one: &Program, other: &Program, max: usize) -> Program {
        let mut child = one.clone();
        for (list, tail) in child.lists_mut().into_iter().zip(other.lists()) {
            list.truncate(self.rng.random_range(0..=list.len()));
            list.extend_from_slice(&tail[self.rng.random_range(0..=tail.len())..]);
        }
        self.trim(&mut child, max);
        child
    }

    fn change(&mut self, program: &mut Program) {
        let fresh = self.fresh();
        let mut lists = program.lists_mut();
        let other = self.rng.random_range(0..lists.len());
        let from = lists[other].clone();
        let list = lists.choose_mut(&mut self.rng).expect("there are three");
        if list.is_empty() {
            list.push(fresh);
            return;
        }
        let at = self.rng.random_range(0..list.len());
        match self.rng.random_range(0..11) {
            0 | 1 => list.insert(self.rng.random_range(0..=list.len()), fresh),
            2 => list[at] = fresh,
            3 => {
                let end = self.rng.random_range(at..list.len().min(at + 4)) + 1;
                list.drain(at..end);
            }
            4 => {
                let with = self.rng.random_range(0..list.len());
                list.swap(at, with);
            }
            5 => {
                if let Some(op) = from.choose(&mut self.rng) {
                    list.insert(at, op.clone());
                }
            }
            6 | 7 => {
                let op = self.related(&list[at]).unwrap_or(fresh);
                list.insert(self.rng.random_range(at..list.len()) + 1, op);
            }
            8 => gather(list, at),
            _ => list[at] = self.altered(&list[at]).unwrap_or(fresh),
        }
    }

    /// A new operation.
    fn fresh(&mut self) -> Op {
        loop {
            let mut bytes = [0; 512];
            self.rng.fill_bytes(&mut bytes);
            let op = Op::arbitrary(&mut Unstructured::new(&bytes)).expect("enough bytes");
            // The operations with the most code in the module are the most frequent.
            let main = matches!(
                op,
                Op::Create { .. }
                    | Op::Ctl { .. }
                    | Op::Wait { .. }
                    | Op::BatchWait { .. }
                    | Op::DirectWait { .. }
                    | Op::DirectChange { .. }
                    | Op::ChangeWait { .. }
                    | Op::Open { .. }
            );
            if main || self.rng.random_ratio(1, 3) {
                return op;
            }
        }
    }

    /// A new operation on the item, the instance or the file of another operation.
    fn related(&mut self, op: &Op) -> Option<Op> {
        let (on, target) = self.item(op)?;
        loop {
            let mut fresh = self.fresh();
            match (&mut fresh, target) {
                (
                    Op::Ctl {
                        on: there, request, ..
                    }
                    | Op::DirectChange { on: there, request }
                    | Op::ChangeWait {
                        on: there, request, ..
                    },
                    _,
                ) => (*there, request.target) = (on, target),
                (
                    Op::Batch {
                        on: there, batch, ..
                    }
                    | Op::BatchWait {
                        on: there, batch, ..
                    },
                    _,
                ) => {
                    *there = on;
                    if let Some(request) = batch.requests.choose_mut(&mut self.rng) {
                        request.target = target;
                    }
                }
                (
                    Op::Wait { on: there, .. }
                    | Op::DirectWait { on: there, .. }
                    | Op::Info { on: there, .. },
                    _,
                ) => *there = on,
                (Op::List { query, .. } | Op::Items { query, .. }, _) => query.id = Id::Of(on),
                (Op::Close { slot }, Target::Slot(it)) => *slot = it,
                _ => continue,
            }
            return Some(fresh);
        }
    }

    /// The instance and the file of the operation's item.
    fn item(&mut self, op: &Op) -> Option<(Slot, Target)> {
        let (on, request) = match op {
            Op::Ctl { on, request, .. }
            | Op::DirectChange { on, request }
            | Op::ChangeWait { on, request, .. } => (on, request),
            Op::Batch { on, batch, .. } | Op::BatchWait { on, batch, .. } => {
                (on, batch.requests.choose(&mut self.rng)?)
            }
            _ => return None,
        };
        Some((*on, request.target))
    }

    /// The same operation with a changed argument.
    fn altered(&mut self, op: &Op) -> Option<Op> {
        let mut bytes = postcard::to_stdvec(op).expect("plain data can be stored");
        let len = bytes.len();
        bytes.resize(2 * len + 8, 0);
        let len = (self.bytewise)(&mut bytes, len);
        // The result is often invalid or too short.
        bytes[len..].fill(0);
        let (altered, _) = postcard::take_from_bytes(&bytes).ok()?;
        Some(altered)
    }

    /// Makes the program one that can be loaded and takes at most `max` bytes.
    fn trim(&mut self, program: &mut Program, max: usize) {
        for list in program.lists_mut() {
            list.truncate(MAX_OPS);
        }
        while program.store().len() > max && !program.is_empty() {
            let mut lists = program.lists_mut();
            lists
                .choose_mut(&mut self.rng)
                .expect("there are three")
                .pop();
        }
    }
}

/// Makes the changes of several operations, from `at` on, with one call, together with a wait that
/// follows.
fn gather(list: &mut Vec<Op>, at: usize) {
    let Some(&Op::Ctl { on, argument, .. }) = list.get(at) else {
        return;
    };
    let requests: Vec<_> = list[at..]
        .iter()
        .map_while(|op| match op {
            Op::Ctl {
                on: there, request, ..
            } if *there == on => Some(*request),
            _ => None,
        })
        .take(GATHERED)
        .collect();
    let mut end = at + requests.len();
    let batch = Batch {
        requests,
        count: Count::Listed,
        changes: Pointer::Good,
        flags: Zero(0),
    };
    let op = match list.get(end) {
        Some(&Op::Wait {
            on: there,
            wait,
            way,
            ..
        }) if there == on => {
            end += 1;
            Op::BatchWait {
                on,
                batch,
                wait,
                way,
                argument,
            }
        }
        _ => Op::Batch {
            on,
            batch,
            interrupted: false,
            way: Way::Ioctl,
            argument,
        },
    };
    list.splice(at..end, [op]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seeds;

    #[test]
    fn changes_in_a_row_become_one_call() {
        let ctls = |list: &[Op]| {
            let ctls = list.iter().filter(|op| matches!(op, Op::Ctl { .. }));
            ctls.count()
        };
        let mut list = seeds::programs().remove(0).alone;
        let before = list.len();
        let at = list
            .iter()
            .position(|op| matches!(op, Op::Ctl { .. }))
            .unwrap();
        assert_eq!(ctls(&list), 2);
        gather(&mut list, at);
        assert_eq!((ctls(&list), list.len()), (0, before - 1));
        assert!(matches!(&list[at], Op::Batch { batch, .. } if batch.requests.len() == 2));
    }

    #[test]
    fn a_wait_behind_them_joins() {
        let pair = seeds::programs().remove(0).alone;
        let ops = |wanted: fn(&Op) -> bool| pair.iter().filter(move |op| wanted(op)).cloned();
        let mut list: Vec<_> = ops(|op| matches!(op, Op::Ctl { .. })).collect();
        list.extend(ops(|op| matches!(op, Op::Wait { .. })));
        let before = list.len();
        gather(&mut list, 0);
        assert_eq!(list.len(), before - 2);
        assert!(matches!(&list[0], Op::BatchWait { batch, .. } if batch.requests.len() == 2));
    }

    #[test]
    fn what_comes_out_can_be_loaded_and_is_small_enough() {
        let mut flip = |bytes: &mut [u8], len: usize| {
            bytes[len / 2] ^= 0x41;
            len
        };
        let mut mutator = Mutator::new(1, &mut flip);
        let mut programs = [Program::default(), Program::default()];
        for round in 0..2000 {
            let which = round % 2;
            mutator.mutate(&mut programs[which], 700);
            let child = mutator.cross(&programs[0], &programs[1], 700);
            for program in [&programs[which], &child] {
                let bytes = program.store();
                assert!(bytes.len() <= 700);
                assert_eq!(Program::load(&bytes).as_ref(), Some(program));
            }
        }
        assert!(programs[0].len() > 10);
    }
}
