// SPDX-License-Identifier: GPL-2.0

//! Compares new figures with the committed ones.

use crate::figure::{Document, Figure};

/// How far a cost may differ from the committed one, relative to it.
pub const TOLERANCE: f64 = 0.02;

/// The differences between `new` and `committed`, one line each. `new` may contain fewer
/// figures. A cost that has improved also counts: it would hide the next one that becomes
/// worse.
pub fn differences(committed: &Document, new: &Document) -> Vec<String> {
    let mut lines = Vec::new();
    for failure in &new.failures {
        lines.push(format!("{}: {}", failure.key, failure.reason));
    }
    for figure in known(committed, new) {
        match committed.figure(&figure.key) {
            None => lines.push(format!("{}: there is no committed figure", figure.key)),
            Some(before) => lines.extend(difference(before, figure)),
        }
    }
    lines
}

/// The figures of `new` that are precise enough to compare, like the committed ones. The
/// difference between two large figures may not be.
pub fn known<'a>(
    committed: &'a Document,
    new: &'a Document,
) -> impl Iterator<Item = &'a Figure> + 'a {
    let exact = |figure: &Figure| figure.repoll.relative_spread() <= TOLERANCE;
    new.figures
        .iter()
        .filter(move |figure| exact(figure) && committed.figure(&figure.key).is_none_or(exact))
}

fn difference(before: &Figure, now: &Figure) -> Option<String> {
    let change = now.repoll.median / before.repoll.median - 1.0;
    // A cost that is not a number also counts as different.
    let same = change.abs() <= TOLERANCE;
    (!same).then(|| {
        format!(
            "{}: {:.1} {}, committed {:.1}, {:+.1} %",
            now.key,
            now.repoll.median,
            now.unit,
            before.repoll.median,
            100.0 * change
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{figure::Failure, measure::figure};

    fn document(costs: &[(&str, f64)]) -> Document {
        let figures = costs
            .iter()
            .map(|&(key, cost)| figure(key, key, "instructions", vec![100.0], vec![cost]));
        Document {
            mode: "icount".into(),
            kernel: "7.3.4".into(),
            command_line: String::new(),
            clock: "tsc".into(),
            date: None,
            command: None,
            figures: figures.collect(),
            failures: Vec::new(),
        }
    }

    #[test]
    fn small_differences_pass() {
        let committed = document(&[("a", 1000.0), ("b", 10.0)]);
        let new = document(&[("a", 1019.0)]);
        assert!(differences(&committed, &new).is_empty());
    }

    #[test]
    fn better_and_worse_are_told() {
        let committed = document(&[("a", 1000.0), ("b", 1000.0)]);
        let new = document(&[("a", 1021.0), ("b", 979.0)]);
        let lines = differences(&committed, &new);
        assert_eq!(lines.len(), 2);
        assert!(lines[0].contains("+2.1 %") && lines[1].contains("-2.1 %"));
    }

    #[test]
    fn what_is_new_is_to_be_committed() {
        let lines = differences(&document(&[]), &document(&[("a", 1.0)]));
        assert_eq!(lines, ["a: there is no committed figure"]);
    }

    #[test]
    fn failures_are_told() {
        let mut new = document(&[]);
        new.failures.push(Failure {
            key: "a".into(),
            reason: "why".into(),
        });
        assert_eq!(differences(&document(&[]), &new), ["a: why"]);
    }

    #[test]
    fn what_is_not_known_well_is_left_out() {
        let (exact, mut vague) = (document(&[("a", 3.0)]), document(&[]));
        vague
            .figures
            .push(figure("a", "", "", vec![1.0; 3], vec![1.0, 2.0, 3.0]));
        assert!(differences(&exact, &vague).is_empty());
        assert!(differences(&vague, &exact).is_empty());
        assert_eq!(known(&vague, &exact).count(), 0);
    }
}
