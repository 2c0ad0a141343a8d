// SPDX-License-Identifier: GPL-2.0

//! What people get to see of a record.

use crate::{
    record::{
        Record,
        SHAPES, //
    },
    summary::{
        Summary,
        Table,
        KINDS, //
    },
};
use anyhow::Result;
use chart::{
    bars,
    Report,
    Series, //
};
use std::path::Path;

impl Report for Record {
    fn text(&self) -> Result<String> {
        Ok(Table(self).to_string())
    }

    fn draw(&self, folder: &Path) -> Result<()> {
        let names = SHAPES.map(|shape| shape.to_string());
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        let column = |kind, value: &dyn Fn(&Summary) -> f64| -> Vec<f64> {
            let of = |shape| Summary::new(self, shape, kind).map_or(f64::NAN, |one| value(&one));
            SHAPES.map(of).into()
        };

        let rates = KINDS.map(|kind| (kind.to_string(), column(kind, &|one| one.rate)));
        chart(
            &folder.join("requests.svg"),
            "Three shapes of a server",
            "requests per second, on one emulated machine",
            &names,
            &rates,
        )?;
        let latencies: Vec<_> = KINDS
            .iter()
            .flat_map(|&kind| {
                [
                    (format!("{kind}: half"), column(kind, &|one| one.p50_ms)),
                    (
                        format!("{kind}: 99 of 100"),
                        column(kind, &|one| one.p99_ms),
                    ),
                ]
            })
            .collect();
        chart(
            &folder.join("latency.svg"),
            "Three shapes of a server",
            "ms until so many requests are answered",
            &names,
            &latencies,
        )
    }
}

fn chart(
    path: &Path,
    title: &str,
    label: &str,
    names: &[&str],
    columns: &[(String, Vec<f64>)],
) -> Result<()> {
    let series: Vec<_> = columns
        .iter()
        .map(|(name, values)| Series { name, values })
        .collect();
    bars(path, title, label, names, &series)
}
