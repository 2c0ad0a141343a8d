// SPDX-License-Identifier: GPL-2.0

//! Measurements of programs. A program stores a record of its measurements as JSON and
//! presents it as a [`Report`]; the record names the [`Machine`] that it was made on. A
//! [`median()`] represents repeated measurements.
//!
//! Charts are plain SVG: [`bars()`] compares figures of several kinds side by side,
//! [`lines()`] shows how figures grow. The viewer draws the letters, so that writing a
//! file needs no font, and the same figures give the same file.

mod bars;
mod lines;
mod machine;
mod median;
mod report;

pub use bars::{bars, Series};
pub use lines::{lines, Line};
pub use machine::Machine;
pub use median::median;
pub use report::{chosen, print, read, Kept, Report};

use anyhow::{anyhow, Result};
use plotters::{coord::CoordTranslate, drawing::DrawingAreaErrorKind, prelude::*, style::RGBColor};
use std::error::Error;

const FONT: &str = "sans-serif";
const GREY: RGBColor = RGBColor(0x99, 0x99, 0x99);

/// Colours that colour-blind people can also distinguish (Okabe and Ito).
const COLOURS: [RGBColor; 6] = [
    RGBColor(0x00, 0x72, 0xb2),
    RGBColor(0xe6, 0x9f, 0x00),
    RGBColor(0x00, 0x9e, 0x73),
    RGBColor(0xcc, 0x79, 0xa7),
    RGBColor(0xd5, 0x5e, 0x00),
    RGBColor(0x56, 0xb4, 0xe9),
];

fn colour(series: usize) -> RGBColor {
    COLOURS[series % COLOURS.len()]
}

/// A number for people: at most three significant digits.
fn label(value: f64) -> String {
    let round = |value: f64, unit: &str| {
        let digits = match value.abs() {
            v if v >= 100.0 => 0,
            v if v >= 10.0 => 1,
            _ => 2,
        };
        let text = format!("{value:.digits$}");
        match text.contains('.') {
            true => format!("{}{unit}", text.trim_end_matches('0').trim_end_matches('.')),
            false => format!("{text}{unit}"),
        }
    };
    match value.abs() {
        v if v >= 1e6 => round(value / 1e6, "M"),
        v if v >= 1e4 => round(value / 1e3, "k"),
        _ => round(value, ""),
    }
}

/// The end of an axis: slightly more than the greatest of `values`.
fn top(values: impl Iterator<Item = f64>) -> Result<f64> {
    let greatest = values.fold(0.0, f64::max);
    match greatest.is_finite() && greatest > 0.0 {
        true => Ok(greatest * 1.1),
        false => Err(anyhow!("there is nothing to draw")),
    }
}

/// Draws the legend.
fn draw_legend<'a, C: CoordTranslate>(
    chart: &mut ChartContext<'a, SVGBackend<'a>, C>,
) -> Result<()> {
    drawn(
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::LowerRight)
            .background_style(WHITE)
            .border_style(GREY)
            .label_font((FONT, 13))
            .draw(),
    )
}

/// The backend's errors cannot be sent between threads, which `anyhow` requires.
fn drawn<T, E: Error + Send + Sync>(result: Result<T, DrawingAreaErrorKind<E>>) -> Result<T> {
    result.map_err(|error| anyhow!("cannot draw: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_short() {
        let cases = [
            (0.0, "0"),
            (0.5, "0.5"),
            (1.25, "1.25"),
            (100.0, "100"),
            (2870.4, "2870"),
            (18970.0, "19k"),
            (1e6, "1M"),
        ];
        for (value, text) in cases {
            assert_eq!(label(value), text);
        }
    }

    #[test]
    fn an_axis_needs_a_value() {
        assert!(top([].into_iter()).is_err());
        assert!(top([f64::INFINITY].into_iter()).is_err());
        assert!(top([3.0, 1.0].into_iter()).unwrap() > 3.0);
    }
}
