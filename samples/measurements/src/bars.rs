// SPDX-License-Identifier: GPL-2.0

//! Bar charts with groups of bars, one group below the other.

use crate::{colour, draw_legend, drawn, label, top, FONT};
use anyhow::{ensure, Context, Result};
use plotters::{
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};
use std::path::Path;

const WIDTH: u32 = 960;
const BAR: u32 = 14;
const GAP: u32 = 10;
const MARGIN: u32 = 110;

/// A series of bars with its own colour: a value for each category.
pub struct Series {
    /// Its name in the legend.
    pub name: String,
    /// One value for each category; a value that is not finite has no bar.
    pub values: Vec<f64>,
}

impl Series {
    /// Creates a series.
    pub fn new(name: impl Into<String>, values: impl IntoIterator<Item = f64>) -> Self {
        Self {
            name: name.into(),
            values: values.into_iter().collect(),
        }
    }
}

/// Writes a chart to `path` with a group of bars for each of `categories`, and
/// in each group one bar for each of `series`. `y_label` describes the lengths
/// of the bars.
pub fn bars(
    path: &Path,
    title: &str,
    y_label: &str,
    categories: &[String],
    series: &[Series],
) -> Result<()> {
    for one in series {
        ensure!(
            one.values.len() == categories.len(),
            "{}: {} values for {} categories",
            one.name,
            one.values.len(),
            categories.len()
        );
    }
    let finite = |value: &f64| value.is_finite();
    let values = series.iter().flat_map(|one| &one.values).copied();
    let end = top(values.filter(finite))?;
    let group = series.len() as u32 * BAR + GAP;
    // The legend is below all bars.
    let legend = series.len() as u32 * 20 + 20;
    let height = MARGIN + group * categories.len() as u32 + legend;
    // Letters are about 7 pixels wide.
    let names = categories.iter().map(|name| name.chars().count()).max();
    let left = 7 * names.unwrap_or(0) as u32 + 20;

    let root = SVGBackend::new(path, (WIDTH, height)).into_drawing_area();
    drawn(root.fill(&WHITE))?;
    let groups = categories.len() as f64 + f64::from(legend) / f64::from(group);
    let mut chart = drawn(
        ChartBuilder::on(&root)
            .caption(title, (FONT, 18))
            .margin(12)
            .y_label_area_size(left)
            .x_label_area_size(40)
            .build_cartesian_2d(0.0..end, groups..0.0),
    )?;
    drawn(
        chart
            .configure_mesh()
            .disable_y_mesh()
            .disable_y_axis()
            .y_labels(0)
            .light_line_style(TRANSPARENT)
            .x_desc(y_label)
            .x_label_formatter(&|value| label(*value))
            .label_style((FONT, 13))
            .draw(),
    )?;

    let name_style = (FONT, 13)
        .into_text_style(&root)
        .pos(Pos::new(HPos::Right, VPos::Center));
    let area = chart.plotting_area();
    for (at, name) in categories.iter().enumerate() {
        let (x, y) = area.map_coordinate(&(0.0, at as f64 + 0.5));
        drawn(root.draw(&Text::new(name.as_str(), (x - 8, y), name_style.clone())))?;
    }

    let pixel = 1.0 / f64::from(group);
    for (which, one) in series.iter().enumerate() {
        let fill = colour(which).filled();
        let first = (which as u32 * BAR + GAP / 2) as f64 * pixel;
        let places = one.values.iter().enumerate();
        let rectangles = places
            .filter(|(_, value)| finite(value))
            .map(|(at, &value)| {
                let y = at as f64 + first;
                let width = f64::from(BAR - 2) * pixel;
                Rectangle::new([(0.0, y), (value, y + width)], fill)
            });
        drawn(chart.draw_series(rectangles))?
            .label(&one.name)
            .legend(move |(x, y)| Rectangle::new([(x, y - 5), (x + 12, y + 5)], fill));
    }
    draw_legend(&mut chart)?;
    drawn(root.present()).with_context(|| format!("cannot write {}", path.display()))
}
