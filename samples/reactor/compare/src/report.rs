// SPDX-License-Identifier: GPL-2.0

//! How a record is presented.

use crate::{
    record::{Record, SHAPES},
    summary::{Summary, Table, KINDS},
};
use anyhow::Result;
use measurements::{bars, Report, Series};
use std::path::Path;

impl Report for Record {
    fn text(&self) -> Result<String> {
        Ok(Table(self).to_string())
    }

    fn draw(&self, folder: &Path) -> Result<()> {
        let shapes = SHAPES.map(|shape| shape.to_string());
        let series = |name: String, kind, value: fn(&Summary) -> f64| {
            let of = |shape| Summary::new(self, shape, kind).map_or(f64::NAN, |one| value(&one));
            Series::new(name, SHAPES.map(of))
        };
        let draw = |file, label, series: &[_]| {
            let title = "Three shapes of a server";
            bars(&folder.join(file), title, label, &shapes, series)
        };

        let rates = KINDS.map(|kind| series(kind.to_string(), kind, |one| one.rate));
        draw(
            "requests.svg",
            "requests per second, on one emulated machine",
            &rates,
        )?;
        let latencies = KINDS.map(|kind| {
            [
                series(format!("{kind}: half"), kind, |one| one.p50_ms),
                series(format!("{kind}: 99 of 100"), kind, |one| one.p99_ms),
            ]
        });
        draw(
            "latency.svg",
            "ms until this share of the requests was answered",
            latencies.as_flattened(),
        )
    }
}
