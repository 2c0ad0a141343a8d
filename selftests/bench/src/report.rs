// SPDX-License-Identifier: GPL-2.0

//! Presents figures: a table and charts.

use crate::{
    bars::{Bar, BARS},
    figure::{Document, Figure},
};
use anyhow::Result;
use measurements::{bars, lines, Line, Series};
use std::{fmt::Write, path::Path};

/// The documents of one measurement.
pub struct Report<'a> {
    documents: Vec<&'a Document>,
    before: Option<&'a Document>,
}

/// A table, and how many goals are missed.
pub struct Table {
    /// A line for each figure.
    pub text: String,
    /// Goals that the figures miss.
    pub missed: usize,
    /// Work that could not be measured, with a goal or without.
    pub failed: usize,
}

impl<'a> Report<'a> {
    /// A report on `documents`; those of `before` are shown for comparison.
    pub fn new(documents: Vec<&'a Document>, before: Option<&'a Document>) -> Self {
        Self { documents, before }
    }

    /// The table.
    pub fn table(&self) -> Result<Table> {
        let mut table = Table {
            text: String::new(),
            missed: 0,
            failed: 0,
        };
        for document in &self.documents {
            self.add(document, &mut table)?;
        }
        Ok(table)
    }

    fn add(&self, document: &Document, table: &mut Table) -> Result<()> {
        let text = &mut table.text;
        writeln!(
            text,
            "{}, Linux {}, by {}",
            document.mode, document.kernel, document.clock
        )?;
        write!(text, "{:52} {:>11} {:>11}", "", "epoll", "repoll")?;
        if self.before.is_some() {
            write!(text, " {:>11}", "before")?;
        }
        writeln!(text, " {:>7} {:>8}", "ratio", "bar")?;
        for figure in &document.figures {
            let bar = Bar::of(&figure.key);
            write!(
                text,
                "{:52} {:>11.1} {:>11.1}",
                figure.title, figure.epoll.median, figure.repoll.median
            )?;
            if let Some(before) = self.before {
                let cost = before
                    .figure(&figure.key)
                    .map(|figure| figure.repoll.median);
                write!(text, " {:>11.1}", cost.unwrap_or(f64::NAN))?;
            }
            write!(text, " {:>7.3}", figure.ratio.median)?;
            if let Some(bar) = bar {
                let met = bar.is_met_by(figure);
                table.missed += usize::from(!met);
                write!(text, " {bar:>8} {}", if met { "met" } else { "MISSED" })?;
            }
            writeln!(text)?;
        }
        for failure in &document.failures {
            writeln!(text, "{}: {}", failure.key, failure.reason)?;
        }
        table.failed += document.failures.len();
        writeln!(text)?;
        Ok(())
    }

    fn figures(&self) -> impl Iterator<Item = &'a Figure> + '_ {
        self.documents.iter().flat_map(|document| &document.figures)
    }

    /// Goals for work that was not measured.
    pub fn unmeasured(&self) -> Vec<&'static str> {
        let measured = |key: &str| self.figures().any(|figure| figure.key == key);
        let keys = BARS.iter().map(|(key, _)| *key);
        keys.filter(|key| !measured(key)).collect()
    }

    /// Draws all charts into `folder`.
    pub fn draw(&self, folder: &Path) -> Result<()> {
        self.draw_ratios(&folder.join("ratios.svg"))?;
        for (name, title) in [
            ("add", "Adding one more file"),
            ("modify", "Modifying"),
            ("delete", "Deleting"),
            ("wait", "Waiting for one event"),
        ] {
            self.draw_growth(name, title, &folder.join(format!("scale-{name}.svg")))?;
        }
        Ok(())
    }

    fn draw_ratios(&self, path: &Path) -> Result<()> {
        let figures: Vec<_> = self
            .figures()
            .filter(|figure| figure.watched.is_none())
            .collect();
        if figures.is_empty() {
            return Ok(());
        }
        let titles: Vec<_> = figures.iter().map(|figure| figure.title.clone()).collect();
        let bar = |figure: &&Figure| Bar::of(&figure.key).map_or(f64::NAN, Bar::ratio);
        let series = [
            Series::new("repoll", figures.iter().map(|figure| figure.ratio.median)),
            Series::new("the bar", figures.iter().map(bar)),
        ];
        bars(
            path,
            "repoll, if epoll is 1",
            "repoll / epoll",
            &titles,
            &series,
        )
    }

    fn draw_growth(&self, name: &str, title: &str, path: &Path) -> Result<()> {
        let prefix = format!("scale-{name}-");
        let points = |cost: fn(&Figure) -> f64| -> Vec<_> {
            self.figures()
                .filter(|figure| figure.key.starts_with(&prefix))
                .filter_map(|figure| Some((figure.watched? as f64, cost(figure))))
                .collect()
        };
        let epoll = points(|figure| figure.epoll.median);
        let repoll = points(|figure| figure.repoll.median);
        if epoll.len() < 2 {
            return Ok(());
        }
        let series = [
            Line {
                name: "repoll".into(),
                points: repoll,
            },
            Line {
                name: "epoll".into(),
                points: epoll,
            },
        ];
        lines(path, title, "files watched", "instructions", &series, true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{figure::Failure, measure::figure};

    fn document() -> Document {
        Document {
            mode: "icount".into(),
            kernel: "7.3.4".into(),
            command_line: String::new(),
            clock: "tsc".into(),
            date: None,
            command: None,
            figures: vec![
                figure("modify", "modify", "instructions", vec![100.0], vec![90.0]),
                figure(
                    "add-delete",
                    "add and delete",
                    "instructions",
                    vec![100.0],
                    vec![120.0],
                ),
                figure(
                    "getppid",
                    "the least call",
                    "instructions",
                    vec![100.0],
                    vec![900.0],
                ),
            ],
            failures: vec![Failure {
                key: "churn".into(),
                reason: "no more ports".into(),
            }],
        }
    }

    fn line<'a>(table: &'a Table, title: &str) -> &'a str {
        let mut lines = table.text.lines();
        lines.find(|line| line.starts_with(title)).unwrap()
    }

    #[test]
    fn the_table_judges_what_has_a_bar() {
        let document = document();
        let table = Report::new(vec![&document], None).table().unwrap();
        assert_eq!((table.missed, table.failed), (1, 1));
        assert!(line(&table, "modify").ends_with("<= 0.950 met"));
        assert!(line(&table, "add and delete").ends_with("<= 0.880 MISSED"));
        assert!(line(&table, "the least call").ends_with("9.000"));
        assert!(line(&table, "churn").ends_with("no more ports"));
    }

    #[test]
    fn what_was_before_stands_beside() {
        let (now, mut before) = (document(), document());
        before.figures[0].repoll.median = 321.0;
        let table = Report::new(vec![&now], Some(&before)).table().unwrap();
        assert!(line(&table, "modify").contains(" 321.0 "));
    }

    #[test]
    fn bars_without_a_figure_are_named() {
        let document = document();
        let missing = Report::new(vec![&document], None).unmeasured();
        assert!(missing.contains(&"rps-nginx") && !missing.contains(&"modify"));
    }
}
