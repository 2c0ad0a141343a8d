// SPDX-License-Identifier: GPL-2.0

//! Tables whose columns are as wide as their widest cell.

use std::io::{self, Write};

/// How the text of a column is aligned.
#[derive(Clone, Copy, PartialEq)]
pub enum Align {
    /// For words.
    Left,
    /// For numbers.
    Right,
}

/// A table.
pub struct Table<const N: usize> {
    head: [(&'static str, Align); N],
    rows: Vec<[String; N]>,
}

impl<const N: usize> Table<N> {
    /// A table with these columns.
    pub fn new(head: [(&'static str, Align); N]) -> Self {
        Self {
            head,
            rows: Vec::new(),
        }
    }

    /// Appends a row.
    pub fn push(&mut self, row: [String; N]) {
        self.rows.push(row);
    }

    /// Prints the head and at most the first `most` rows.
    pub fn print(&self, out: &mut dyn Write, most: usize) -> io::Result<()> {
        let rows = &self.rows[..self.rows.len().min(most)];
        let widths: [usize; N] = std::array::from_fn(|n| {
            let cells = rows.iter().map(|row| row[n].chars().count());
            cells.chain([self.head[n].0.len()]).max().unwrap_or(0)
        });
        let head = self.head.map(|(title, _)| title.to_string());
        for row in std::iter::once(&head).chain(rows) {
            let mut line = String::new();
            for ((cell, (_, align)), width) in row.iter().zip(&self.head).zip(&widths) {
                line += &match align {
                    Align::Left => format!("{cell:<width$}  "),
                    Align::Right => format!("{cell:>width$}  "),
                };
            }
            writeln!(out, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned() {
        let mut table = Table::new([("ID", Align::Right), ("NAME", Align::Left)]);
        table.push(["7".into(), "x".into()]);
        table.push(["1234".into(), "longer".into()]);
        table.push(["5".into(), "not printed".into()]);
        let mut out = Vec::new();
        table.print(&mut out, 2).unwrap();
        let expected = "  ID  NAME\n   7  x\n1234  longer\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
