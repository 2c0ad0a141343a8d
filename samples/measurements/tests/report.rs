// SPDX-License-Identifier: GPL-2.0

//! Reports of stored records.

use anyhow::Result;
use measurements::{Kept, Report};
use serde::{Deserialize, Serialize};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Its chart is a file that contains its number.
#[derive(Deserialize, Serialize)]
struct Record {
    number: u32,
}

impl Report for Record {
    fn text(&self) -> Result<String> {
        Ok(self.number.to_string())
    }

    fn draw(&self, folder: &Path) -> Result<()> {
        Ok(fs::write(folder.join("number"), self.text()?)?)
    }
}

/// A folder for each test, with a record in it.
fn folder(name: &str, record: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    // The first time, there is none.
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("record.json"), record).unwrap();
    folder
}

#[test]
fn charts_are_drawn_into_a_folder_that_is_made() {
    let folder = folder("made", r#"{"number":7}"#);
    let svg = folder.join("two/deep");
    let mut kept = Kept {
        record: folder.join("record.json"),
        svg: Some(svg.clone()),
    };
    kept.report::<Record>().unwrap();
    assert_eq!(fs::read_to_string(svg.join("number")).unwrap(), "7");
    kept.svg = None;
    kept.report::<Record>().unwrap();
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 2);
}

#[test]
fn what_cannot_be_read_is_named() {
    let folder = folder("unread", "{}");
    for name in ["record.json", "missing.json"] {
        let kept = Kept {
            record: folder.join(name),
            svg: None,
        };
        let error = kept.report::<Record>().unwrap_err();
        assert!(error.to_string().ends_with(name), "{error}");
    }
}
