// SPDX-License-Identifier: GPL-2.0

//! The contents of the files.

use measurements::{bars, lines, Line, Series};
use std::{fs, path::PathBuf};

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name)
}

fn categories() -> [String; 2] {
    ["add", "modify"].map(String::from)
}

#[test]
fn bars_have_names_and_as_many_rectangles() {
    let path = file("bars.svg");
    let series = [
        Series::new("epoll", [2870.0, 755.0]),
        Series::new("repoll", [2900.0, f64::NAN]),
    ];
    bars(&path, "A title", "instructions", &categories(), &series).unwrap();
    let svg = fs::read_to_string(&path).unwrap();
    for text in [
        "A title",
        "instructions",
        "add",
        "modify",
        "epoll",
        "repoll",
    ] {
        assert!(svg.contains(text), "{text}");
    }
    let blue = svg.matches("fill=\"#0072B2\"").count();
    let orange = svg.matches("fill=\"#E69F00\"").count();
    // One of each colour is in the legend.
    assert_eq!((blue, orange), (3, 2));
}

#[test]
fn bars_want_a_value_for_each_category() {
    let series = [Series::new("epoll", [1.0])];
    assert!(bars(&file("wrong.svg"), "", "", &categories(), &series).is_err());
}

#[test]
fn lines_go_through_all_points() {
    let series = [Line {
        name: "repoll".into(),
        points: vec![(10.0, 5.0), (1000.0, 6.0), (100_000.0, 7.0)],
    }];
    for log_x in [false, true] {
        let path = file(if log_x { "log.svg" } else { "linear.svg" });
        lines(&path, "A title", "items", "instructions", &series, log_x).unwrap();
        let svg = fs::read_to_string(&path).unwrap();
        assert_eq!(svg.matches("<circle").count(), 3);
        assert!(svg.contains("items") && svg.contains("repoll"));
    }
}

#[test]
fn zero_has_no_logarithm() {
    let series = [Line {
        name: "repoll".into(),
        points: vec![(0.0, 1.0), (1.0, 2.0)],
    }];
    assert!(lines(&file("zero.svg"), "", "", "", &series, true).is_err());
    assert!(lines(&file("zero.svg"), "", "", "", &series, false).is_ok());
}
