// SPDX-License-Identifier: GPL-2.0

//! Derives smaller programs from one that fails.

use crate::{
    argument::{
        Batch, BusyPoll, Count, Cursor, Mask, Pointer, Query, Request, Size, Telling, Waiting, Way,
        Zero, ZeroWord,
    },
    program::{Op, Program},
};

/// The programs to try instead of this one, the much smaller ones first. Each is smaller, or
/// equally long and simpler, so repeated shrinking ends.
pub fn candidates(program: &Program) -> Vec<Program> {
    let mut candidates = Vec::new();
    let longest = program.lists().map(Vec::len).max().unwrap_or(0);
    let mut chunk = longest;
    while chunk > 0 {
        for list in 0..program.lists().count() {
            without_chunks(program, list, chunk, &mut candidates);
        }
        chunk /= 2;
    }
    candidates.extend(one_thread(program));
    for list in 0..program.lists().count() {
        for at in 0..program.lists().nth(list).map_or(0, Vec::len) {
            let mut plainer = program.clone();
            let op = &mut plainer.lists_mut()[list][at];
            let shorter = without_a_change(op);
            *op = plain(op);
            candidates.push(plainer);
            for op in shorter {
                let mut program = program.clone();
                program.lists_mut()[list][at] = op;
                candidates.push(program);
            }
        }
    }
    candidates.retain(|candidate| candidate != program);
    candidates
}

/// Removes each run of this many operations, and the rest at the end.
fn without_chunks(program: &Program, list: usize, chunk: usize, candidates: &mut Vec<Program>) {
    let len = program.lists().nth(list).map_or(0, Vec::len);
    for start in (0..len).step_by(chunk) {
        let mut shorter = program.clone();
        shorter.lists_mut()[list].drain(start..len.min(start + chunk));
        candidates.push(shorter);
    }
}

/// The same operations in one thread, if there are two.
fn one_thread(program: &Program) -> Option<Program> {
    if program.lists().skip(1).all(Vec::is_empty) {
        return None;
    }
    let alone = program.lists().flatten().cloned().collect();
    Program::load(
        &Program {
            alone,
            ..Program::default()
        }
        .store(),
    )
}

/// The same operation with valid arguments.
fn plain(op: &Op) -> Op {
    let mut op = op.clone();
    match &mut op {
        Op::Create {
            flags,
            padding,
            argument,
            ..
        } => (*flags, *padding, *argument) = (Zero(0), Zero(0), Pointer::Good),
        Op::Ctl {
            request,
            event,
            argument,
            ..
        } => {
            plain_request(request);
            (*event, *argument) = (Pointer::Good, Pointer::Good);
        }
        Op::Wait {
            wait,
            way,
            argument,
            ..
        } => {
            plain_wait(wait);
            (*way, *argument) = (plain_way(*way), Pointer::Good);
        }
        Op::Batch {
            batch,
            interrupted,
            way,
            argument,
            ..
        } => {
            plain_batch(batch);
            (*interrupted, *argument) = (false, Pointer::Good);
            *way = plain_way(*way);
        }
        Op::BatchWait {
            batch,
            wait,
            way,
            argument,
            ..
        } => {
            plain_batch(batch);
            plain_wait(wait);
            (*way, *argument) = (plain_way(*way), Pointer::Good);
        }
        Op::DirectWait { events, .. } => *events = Pointer::Good,
        Op::DirectChange { request, .. } => plain_request(request),
        Op::ChangeWait {
            request,
            events,
            argument,
            ..
        } => {
            plain_request(request);
            (*events, *argument) = (Pointer::Good, Pointer::Good);
        }
        Op::List {
            query,
            interrupted,
            argument,
        }
        | Op::Items {
            query,
            interrupted,
            argument,
        } => {
            plain_query(query);
            (*interrupted, *argument) = (false, Pointer::Good);
        }
        Op::SetParams {
            params,
            padding,
            argument,
            ..
        } => {
            (*padding, *argument) = (Zero(0), Pointer::Good);
            *params = BusyPoll::Modest(0, 0, false);
        }
        Op::Info {
            telling, argument, ..
        } => (*telling, *argument) = (Telling::default(), Pointer::Good),
        Op::Features {
            word,
            padding,
            argument,
            ..
        } => (*word, *padding, *argument) = (0, Zero(0), Pointer::Good),
        Op::GetParams { argument, .. } => *argument = Pointer::Good,
        _ => {}
    }
    op
}

fn plain_request(request: &mut Request) {
    (request.flags, request.padding) = (Zero(0), Zero(0));
}

fn plain_wait(wait: &mut Waiting) {
    (wait.events, wait.mask) = (Pointer::Good, Mask::Same);
    (wait.flags, wait.padding) = (Zero(0), Zero(0));
}

fn plain_way(way: Way) -> Way {
    match way {
        Way::Ioctl => Way::Ioctl,
        Way::Direct(_) => Way::Direct(ZeroWord(0)),
    }
}

fn plain_query(query: &mut Query) {
    query.cursor = Cursor::Begin;
    (query.to, query.count, query.size) = (Pointer::Good, Count::Listed, Size::Known);
    (query.flags, query.padding) = (Zero(0), Zero(0));
}

fn plain_batch(batch: &mut Batch) {
    batch.requests.iter_mut().for_each(plain_request);
    (batch.count, batch.changes, batch.flags) = (Count::Listed, Pointer::Good, Zero(0));
}

/// The batches that lack one change each.
fn without_a_change(op: &Op) -> Vec<Op> {
    let len = changes(&mut op.clone()).map_or(0, |requests| requests.len());
    (0..len)
        .map(|left_out| {
            let mut shorter = op.clone();
            if let Some(requests) = changes(&mut shorter) {
                requests.remove(left_out);
            }
            shorter
        })
        .collect()
}

fn changes(op: &mut Op) -> Option<&mut Vec<Request>> {
    match op {
        Op::Batch { batch, .. } | Op::BatchWait { batch, .. } => Some(&mut batch.requests),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{program::MAX_OPS, seeds};

    /// Shrinks a program as long as a smaller one fails.
    fn shrink(mut program: Program, fails: impl Fn(&Program) -> bool) -> Program {
        while let Some(smaller) = candidates(&program)
            .into_iter()
            .find(|candidate| fails(candidate))
        {
            program = smaller;
        }
        program
    }

    #[test]
    fn what_makes_it_fail_is_left() {
        let mut alone: Vec<_> = seeds::programs()
            .into_iter()
            .flat_map(|seed| seed.alone)
            .collect();
        alone.truncate(MAX_OPS);
        alone[MAX_OPS / 3] = Op::Signal;
        let program = Program {
            alone,
            together: [vec![Op::Yield; 7], vec![Op::Yield, Op::Signal]],
        };
        let signals = |program: &Program| {
            program
                .lists()
                .flatten()
                .filter(|op| **op == Op::Signal)
                .count()
        };
        let least = shrink(program, |program| signals(program) == 2);
        assert_eq!(least.len(), 2);
        assert_eq!(least.alone.len(), 2);
    }

    #[test]
    fn there_is_an_end_to_it() {
        let program = Program {
            alone: seeds::programs().remove(0).alone,
            together: [vec![Op::Yield; MAX_OPS], vec![Op::Signal; MAX_OPS]],
        };
        assert!(shrink(program, |_| true).is_empty());
    }
}
