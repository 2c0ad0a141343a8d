// SPDX-License-Identifier: GPL-2.0

//! A timeline as a drawing, in SVG: a line for each row, indented by its depth and coloured by its
//! context; time runs downwards. Over the wire each machine has a column of its own. The letters are
//! left to the viewer.

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
const LETTER: usize = 7;
/// How far to the right the column of the right machine begins.
const COLUMN: usize = 420;
/// Colours that readers who see fewer of them can tell apart as well (Okabe and Ito).
const CONTEXTS: [(Context, &str, &str); 4] = [
    (Context::Process, "process", "#56b4e9"),
    (Context::Softirq, "soft interrupt", "#e69f00"),
    (Context::Ksoftirqd, "ksoftirqd", "#009e73"),
    (Context::Hardirq, "hard interrupt", "#d55e00"),
];

/// Draws it.
pub fn draw(timeline: &Timeline) -> String {
    let mut body = String::new();
    let mut width = 720;
    for (number, row) in timeline.rows.iter().enumerate() {
        width = width.max(add_row(&mut body, TOP + number * LINE, row));
    }
    let mut height = TOP + timeline.rows.len() * LINE + LINE;
    for note in &timeline.notes {
        let _ = writeln!(
            body,
            r#"<text x="{TIMES}" y="{height}">{}</text>"#,
            escape(note)
        );
        height += LINE;
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
        if !timeline.rows.iter().any(|row| row.context == context) {
            continue;
        }
        let _ = writeln!(
            svg,
            r#"<rect x="{x}" y="36" width="12" height="12" fill="{colour}"/><text x="{}" y="46">{name}</text>"#,
            x + 18
        );
        x += 150;
    }
    let _ = writeln!(svg, r#"<text x="10" y="46">us</text>"#);
    for (who, title) in [Who::Left, Who::Right]
        .into_iter()
        .zip(timeline.scenario.columns())
    {
        if timeline.rows.iter().any(|row| row.actor == who) {
            let x = TIMES + column(who);
            let bottom = TOP + timeline.rows.len() * LINE;
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

/// How far to the right somebody's rows begin.
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
    let mut more = row.detail.clone();
    if let Some(meaning) = glossary::meaning(&row.name) {
        if !more.is_empty() {
            more += "; ";
        }
        more += meaning;
    }
    let _ = writeln!(
        out,
        r#"<rect x="{}" y="{}" width="5" height="{LINE}" fill="{colour}"/><text x="{}" y="{base}" font-weight="{weight}">{who}{}<tspan dx="{LETTER}" font-weight="normal" fill="dimgrey">{}</tspan></text>"#,
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
