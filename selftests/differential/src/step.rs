// SPDX-License-Identifier: GPL-2.0

//! Steps: what can happen next, and how often.
//!
//! A step is five numbers. Each operation uses the numbers that it needs, modulo its range. So
//! steps are quick to generate, every step is possible in every state, and each number shrinks
//! separately towards 0, the simplest.

use crate::poller::CallForm;
use proptest::prelude::*;

/// An operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verb {
    /// Wait on a pair.
    Wait,
    /// Act on a file; create one if there is none.
    Act,
    /// Add a file to a pair.
    Add,
    /// Change the interest in a file.
    Modify,
    /// Stop watching a file.
    Delete,
    /// Poll a pair.
    Poll,
    /// Replace a file by a new one.
    Open,
    /// Close a file.
    Close,
    /// Duplicate a descriptor.
    Duplicate,
    /// Create a pair.
    Create,
    /// Close a pair.
    Destroy,
    /// Read the fdinfo of a pair.
    Fdinfo,
    /// Wait with wrong arguments.
    WaitWrongly,
    /// Add, change or delete with wrong arguments.
    CtlWrongly,
    /// Call the other one of each pair first.
    Swap,
    /// Add a pair to a pair.
    AddPair,
    /// Change the interest in a pair.
    ModifyPair,
    /// Stop watching a pair.
    DeletePair,
    /// Add, change or delete a file, then wait.
    ChangeWait,
}

/// The frequencies of the operations, the simplest first.
pub(crate) const WEIGHTS: [(Verb, u16); 19] = [
    (Verb::Wait, 60),
    (Verb::Act, 90),
    (Verb::Add, 30),
    (Verb::Modify, 15),
    (Verb::Delete, 8),
    (Verb::Poll, 12),
    (Verb::Open, 6),
    (Verb::Close, 4),
    (Verb::Duplicate, 4),
    (Verb::Create, 2),
    (Verb::Destroy, 1),
    (Verb::Fdinfo, 3),
    (Verb::WaitWrongly, 4),
    (Verb::CtlWrongly, 4),
    (Verb::Swap, 2),
    (Verb::AddPair, 6),
    (Verb::ModifyPair, 2),
    (Verb::DeletePair, 2),
    (Verb::ChangeWait, 15),
];

/// A step.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    pub(crate) verb: Verb,
    pub(crate) a: u8,
    pub(crate) b: u8,
    pub(crate) c: u16,
    /// The form of the calls on repoll.
    pub(crate) form: CallForm,
}

fn total() -> u16 {
    WEIGHTS.iter().map(|&(_, weight)| weight).sum()
}

fn verb_at(mut number: u16) -> Verb {
    for (verb, weight) in WEIGHTS {
        if number < weight {
            return verb;
        }
        number -= weight;
    }
    Verb::Wait
}

/// Any step.
pub(crate) fn any_step() -> impl Strategy<Value = Step> {
    // The last number in parts, like those of an interest, so that each part shrinks separately.
    let last = (0..1u16 << 3, 0..1u16 << 3, 0..1u16 << 10);
    let form = (any::<bool>(), any::<bool>());
    let numbers = (0..total(), any::<u8>(), any::<u8>(), last, form);
    numbers.prop_map(
        |(number, a, b, (low, middle, high), (directly, by_structure))| Step {
            verb: verb_at(number),
            a,
            b,
            c: low | (middle << 3) | (high << 6),
            form: CallForm {
                directly,
                by_structure,
            },
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_verb_comes_up() {
        let verbs: BTreeSet<_> = (0..total()).map(verb_at).collect();
        assert_eq!(verbs.len(), WEIGHTS.len());
    }

    #[test]
    fn numbers_shrink_towards_a_wait() {
        assert_eq!(verb_at(0), Verb::Wait);
    }
}
