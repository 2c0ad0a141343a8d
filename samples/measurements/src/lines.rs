// SPDX-License-Identifier: GPL-2.0

//! Line charts.

use crate::{colour, draw_legend, drawn, label, top, FONT};
use anyhow::{ensure, Context, Result};
use plotters::{
    coord::ranged1d::{Ranged, ValueFormatter},
    prelude::*,
};
use std::{ops::Range, path::Path};

const SIZE: (u32, u32) = (800, 450);

/// A line with its own colour.
pub struct Line {
    /// Its name in the legend.
    pub name: String,
    /// Its points, as (x, y).
    pub points: Vec<(f64, f64)>,
}

/// Writes a chart to `path` with a line for each of `series`. The x axis is
/// logarithmic if `log_x` is set.
pub fn lines(
    path: &Path,
    title: &str,
    x_label: &str,
    y_label: &str,
    series: &[Line],
    log_x: bool,
) -> Result<()> {
    let points = || series.iter().flat_map(|line| &line.points).copied();
    let last = top(points().map(|(x, _)| x))?;
    let end = top(points().map(|(_, y)| y))?;
    let first = points().map(|(x, _)| x).fold(f64::INFINITY, f64::min);

    let root = SVGBackend::new(path, SIZE).into_drawing_area();
    drawn(root.fill(&WHITE))?;
    let mut builder = ChartBuilder::on(&root);
    builder
        .caption(title, (FONT, 18))
        .margin(12)
        .x_label_area_size(42)
        .y_label_area_size(64);
    let labels = (x_label, y_label);
    if log_x {
        ensure!(first > 0.0, "{title}: {first} has no logarithm");
        let x = (first..last).log_scale();
        let chart = drawn(builder.build_cartesian_2d(x, 0.0..end))?;
        fill(chart, labels, series)?;
    } else {
        let range: Range<f64> = first.min(0.0)..last;
        let chart = drawn(builder.build_cartesian_2d(range, 0.0..end))?;
        fill(chart, labels, series)?;
    }
    drawn(root.present()).with_context(|| format!("cannot write {}", path.display()))
}

type Plane<X> = Cartesian2d<X, plotters::coord::types::RangedCoordf64>;

fn fill<'a, X>(
    mut chart: ChartContext<'a, SVGBackend<'a>, Plane<X>>,
    (x_label, y_label): (&str, &str),
    series: &[Line],
) -> Result<()>
where
    X: Ranged<ValueType = f64> + ValueFormatter<f64>,
{
    drawn(
        chart
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .x_desc(x_label)
            .y_desc(y_label)
            .x_label_formatter(&|value| label(*value))
            .y_label_formatter(&|value| label(*value))
            .label_style((FONT, 13))
            .draw(),
    )?;
    for (which, line) in series.iter().enumerate() {
        let style = colour(which).stroke_width(2);
        drawn(chart.draw_series(LineSeries::new(line.points.iter().copied(), style)))?
            .label(&line.name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], style));
        let dot = colour(which).filled();
        let dots = line.points.iter().map(|&at| Circle::new(at, 3, dot));
        drawn(chart.draw_series(dots))?;
    }
    draw_legend(&mut chart)
}
