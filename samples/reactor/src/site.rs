// SPDX-License-Identifier: GPL-2.0

//! The files that are served.
//!
//! They are read once, at the start. No descriptor of a file on a disk can be polled,
//! and who reads one may wait for the disk; in an event loop all others would wait
//! with him.

use anyhow::{
    ensure,
    Context,
    Result, //
};
use bytes::Bytes;
use std::{
    collections::HashMap,
    fs,
    path::Path, //
};
use walkdir::WalkDir;

/// As much as all files may have together.
const MAX_BYTES: u64 = 256 << 20;

/// What is served for a folder.
const INDEX: &str = "index.html";

/// A file.
#[derive(Clone, Debug)]
pub struct Page {
    /// What it holds.
    pub content: Bytes,
    /// What that is.
    pub kind: &'static str,
}

/// The files, by path.
#[derive(Debug, Default)]
pub struct Site {
    pages: HashMap<String, Page>,
}

impl Site {
    /// One page, for who only wants to see the server at work.
    pub fn example() -> Self {
        let mut site = Self::default();
        site.insert(INDEX, Bytes::from_static(b"It works.\n"));
        site
    }

    /// All regular files in a folder and those below. Links are not followed.
    pub fn load(root: &Path) -> Result<Self> {
        let mut site = Self::default();
        let mut bytes = 0;
        for entry in WalkDir::new(root) {
            let entry = entry.context("cannot read the files to serve")?;
            if !entry.file_type().is_file() {
                continue;
            }
            let path = entry.path();
            let name = path.strip_prefix(root)?.to_str();
            let name = name.with_context(|| format!("{}: not UTF-8", path.display()))?;
            let content = fs::read(path).with_context(|| path.display().to_string())?;
            bytes += content.len() as u64;
            ensure!(
                bytes <= MAX_BYTES,
                "{}: more than {MAX_BYTES} bytes",
                root.display()
            );
            site.insert(name, content.into());
        }
        Ok(site)
    }

    /// The page at a path that begins with a slash.
    pub fn page(&self, path: &str) -> Option<&Page> {
        self.pages.get(path)
    }

    fn insert(&mut self, name: &str, content: Bytes) {
        let kind = mime_guess::from_path(name)
            .first_raw()
            .unwrap_or("application/octet-stream");
        let page = Page { content, kind };
        let path = format!("/{name}");
        if let Some(folder) = path.strip_suffix(INDEX).filter(|path| path.ends_with('/')) {
            self.pages.insert(folder.into(), page.clone());
        }
        self.pages.insert(path, page);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn files_are_found_and_links_are_not() {
        let root = std::env::temp_dir().join(format!("site-{}", std::process::id()));
        fs::create_dir_all(root.join("deep")).unwrap();
        fs::write(root.join("index.html"), "top").unwrap();
        fs::write(root.join("deep/index.html"), "deep").unwrap();
        fs::write(root.join("deep/reindex.html"), "other").unwrap();
        fs::write(root.join("data.bin"), [0, 255]).unwrap();
        symlink("/etc/passwd", root.join("link")).unwrap();
        let site = Site::load(&root);
        fs::remove_dir_all(&root).unwrap();
        let site = site.unwrap();

        let content = |path| site.page(path).map(|page| &page.content[..]);
        assert_eq!(content("/"), Some(&b"top"[..]));
        assert_eq!(content("/index.html"), Some(&b"top"[..]));
        assert_eq!(content("/deep/"), Some(&b"deep"[..]));
        assert_eq!(content("/deep/reindex.html"), Some(&b"other"[..]));
        assert_eq!(content("/data.bin"), Some(&[0, 255][..]));
        assert_eq!(site.page("/").unwrap().kind, "text/html");
        for absent in ["/link", "/deep", "/nothing", "", "//"] {
            assert!(site.page(absent).is_none(), "{absent}");
        }
    }

    #[test]
    fn a_folder_that_is_not_there_is_told() {
        assert!(Site::load(Path::new("/nonexistent")).is_err());
    }
}
