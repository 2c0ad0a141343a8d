// SPDX-License-Identifier: GPL-2.0

//! A timeline as a drawing, in SVG: a line for each row, indented by its depth and coloured by its
//! context; time runs downwards. Over the wire each machine has a column of its own. The viewer
//! chooses the font.

use crate::{
    event::Context,
    glossary,
    timeline::{Row, Timeline, Who},
};
use std::fmt::Write;

const LINE: usize = 18;
const TOP: usize = 84;
const TIMES: usize = 70;
const INDENT: usize = 9;
const LETTER: usize = 8;
/// How far to the right the column of the right machine begins.
const COLUMN: usize = 760;
/// Colours that colour-blind readers can distinguish, too (Okabe and Ito).
const CONTEXTS: [(Context, &str, &str); 4] = [
    (Context::Process, "process or kernel thread", "#56b4e9"),
    (Context::Softirq, "soft interrupt", "#e69f00"),
    (Context::Ksoftirqd, "ksoftirqd", "#009e73"),
    (Context::Hardirq, "hard interrupt", "#d55e00"),
];

/// Draws it.
pub fn draw(timeline: &Timeline) -> String {
    let mut body = String::new();
    // That of the longest legend.
    let mut width = 1640;
    let rows = timeline.shown();
    for (number, row) in rows.iter().enumerate() {
        width = width.max(add_row(&mut body, TOP + number * LINE, row));
    }
    let mut height = TOP + rows.len() * LINE + 2 * LINE;
    for note in &timeline.notes {
        let _ = writeln!(
            body,
            r#"<text x="{TIMES}" y="{height}" xml:space="preserve">{}</text>"#,
            escape(note)
        );
        height += LINE;
        width = width.max(TIMES + LETTER * note.len());
    }
    let mut svg = String::new();
    // Writing to a string does not fail.
    let _ = writeln!(
        svg,
        r#"<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="monospace" font-size="12">
<rect width="100%" height="100%" fill="white"/>
<text x="10" y="22" font-size="15">{}</text>"#,
        escape(&timeline.title()),
    );
    let mut x = TIMES;
    for (context, name, colour) in CONTEXTS {
        if !rows.iter().any(|row| row.context == context) {
            continue;
        }
        let _ = writeln!(
            svg,
            r#"<rect x="{x}" y="36" width="12" height="12" fill="{colour}"/><text x="{}" y="46">{name}</text>"#,
            x + 18
        );
        x += 230;
    }
    let _ = writeln!(
        svg,
        r#"<text x="{x}" y="46" fill="dimgrey">bold: recorded at this time; plain: a caller; italic: a remark of this program</text>
<text x="{}" y="72" text-anchor="end">us</text>"#,
        TIMES - 12
    );
    for (who, title) in [Who::Left, Who::Right]
        .into_iter()
        .zip(timeline.scenario.columns())
    {
        if rows.iter().any(|row| row.actor == who) {
            let x = TIMES + column(who);
            let bottom = TOP + rows.len() * LINE;
            let _ = writeln!(
                svg,
                r##"<text x="{x}" y="72" font-size="14" font-weight="bold">{title}</text>
<line x1="{0}" x2="{0}" y1="78" y2="{bottom}" stroke="#dddddd"/>"##,
                x - 6
            );
        }
    }
    svg + &body + "</svg>\n"
}

/// How far to the right the rows of an actor begin.
fn column(who: Who) -> usize {
    match who {
        Who::Right => COLUMN,
        Who::Waiter => INDENT,
        Who::Actor | Who::Other | Who::Left => 0,
    }
}

/// Adds a row, and returns how wide it is.
fn add_row(out: &mut String, y: usize, row: &Row) -> usize {
    let x = TIMES + row.depth * INDENT + column(row.actor);
    let colour = CONTEXTS
        .iter()
        .find(|(context, ..)| *context == row.context)
        .map_or("", |(_, _, colour)| colour);
    let base = y + LINE - 5;
    if let Some(time) = row.time {
        let _ = write!(
            out,
            r#"<text x="{}" y="{base}" text-anchor="end">{time:.0}</text>"#,
            TIMES - 12
        );
    }
    let weight = if row.time.is_some() { "bold" } else { "normal" };
    let who = match row.actor {
        Who::Waiter => "waiter: ",
        _ => "",
    };
    let meaning = glossary::meaning(&row.name, &row.detail).unwrap_or("");
    let separator = match meaning.is_empty() || row.detail.is_empty() {
        true => "",
        false => "; ",
    };
    let more = format!("{meaning}{separator}{}", row.detail);
    let style = match row.remark {
        true => "italic",
        false => "normal",
    };
    let _ = writeln!(
        out,
        r#"<rect x="{}" y="{}" width="5" height="{LINE}" fill="{colour}"/><text x="{}" y="{base}" font-weight="{weight}" font-style="{style}">{who}{}<tspan dx="{LETTER}" font-weight="normal" font-style="normal" fill="dimgrey">{}</tspan></text>"#,
        x - 2,
        y,
        x + 8,
        escape(&row.name),
        escape(&more),
    );
    x + 20 + LETTER * (who.len() + row.name.len() + more.len() + 2)
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
