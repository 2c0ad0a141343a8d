// SPDX-License-Identifier: GPL-2.0

//! A timeline as a drawing, in SVG: a line for each row, indented by its depth and coloured by its
//! context; time runs downwards. The letters are left to who shows it.

use crate::{
    event::Context,
    timeline::{Row, Timeline, Who},
};
use std::fmt::Write;

const LINE: usize = 18;
const TOP: usize = 64;
const TIMES: usize = 70;
const INDENT: usize = 9;
const LETTER: usize = 7;
/// Colours that those who see fewer can tell apart as well (Okabe and Ito).
const CONTEXTS: [(Context, &str, &str); 3] = [
    (Context::Process, "process", "#56b4e9"),
    (Context::Softirq, "soft interrupt", "#e69f00"),
    (Context::Hardirq, "interrupt", "#d55e00"),
];

/// Draws it.
pub fn draw(timeline: &Timeline) -> String {
    let mut body = String::new();
    let mut width = 640;
    for (number, row) in timeline.rows.iter().enumerate() {
        width = width.max(add_row(&mut body, TOP + number * LINE, row));
    }
    let height = TOP + timeline.rows.len() * LINE + LINE;
    let mut svg = String::new();
    // Writing to a string does not fail.
    let _ = writeln!(
        svg,
        r#"<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="monospace" font-size="12">
<rect width="100%" height="100%" fill="white"/>
<text x="10" y="22" font-size="15">{}</text>"#,
        escape(timeline.scenario.title()),
    );
    let mut x = TIMES;
    for (_, name, colour) in CONTEXTS {
        let _ = writeln!(
            svg,
            r#"<rect x="{x}" y="36" width="12" height="12" fill="{colour}"/><text x="{}" y="46">{name}</text>"#,
            x + 18
        );
        x += 150;
    }
    let _ = writeln!(svg, r#"<text x="10" y="46">us</text>"#);
    svg + &body + "</svg>\n"
}

/// Adds a row, and returns how wide it is.
fn add_row(out: &mut String, y: usize, row: &Row) -> usize {
    let x = TIMES + row.depth * INDENT + if row.actor == Who::Waiter { INDENT } else { 0 };
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
    let who = if row.actor == Who::Waiter {
        "waiter: "
    } else {
        ""
    };
    let _ = writeln!(
        out,
        r#"<rect x="{}" y="{}" width="5" height="{LINE}" fill="{colour}"/><text x="{}" y="{base}" font-weight="{weight}">{who}{}<tspan dx="{LETTER}" font-weight="normal" fill="dimgrey">{}</tspan></text>"#,
        x - 2,
        y,
        x + 8,
        escape(&row.name),
        escape(&row.detail),
    );
    x + 20 + LETTER * (who.len() + row.name.len() + row.detail.len() + 2)
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
