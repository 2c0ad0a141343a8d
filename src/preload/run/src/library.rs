// SPDX-License-Identifier: GPL-2.0

//! The library to preload.

use anyhow::{bail, ensure, Context, Result};
use std::{
    env,
    ffi::OsString,
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::{Path, PathBuf},
};

const NAME: &str = "librepoll.so";

/// Where distributions put preloaded libraries, relative to the folder of programs.
const INSTALLED: &str = "../lib/repoll";

/// The library that the user named, or else the one that was installed with this program.
pub(crate) fn find(named: Option<&Path>) -> Result<PathBuf> {
    if let Some(named) = named {
        return named
            .canonicalize()
            .with_context(|| named.display().to_string());
    }
    let me = env::current_exe().context("cannot find the path of repoll-run")?;
    let here = me.parent().unwrap_or(Path::new("/"));
    for candidate in [here.join(NAME), here.join(INSTALLED).join(NAME)] {
        if let Ok(library) = candidate.canonicalize() {
            return Ok(library);
        }
    }
    bail!(
        "there is no {NAME} in {here} or {here}/{INSTALLED}; specify it with --library",
        here = here.display()
    )
}

/// The value of `LD_PRELOAD`.
pub(crate) struct Preload {
    /// The whole value.
    pub(crate) value: OsString,
    /// The first part of it, which is only for this program; possibly empty.
    pub(crate) own: OsString,
}

/// Puts the library before the previous value, but after the runtime of a sanitizer.
///
/// ASan's runtime requires to be the first of all libraries. TSan's runtime has its own functions
/// for epoll, which record that a wait comes after a change; they call those of this library.
pub(crate) fn preload(
    library: &Path,
    needed: &[String],
    already: Option<OsString>,
) -> Result<Preload> {
    // The dynamic linker has no quoting for these.
    let is_separator = |byte: &u8| matches!(byte, b' ' | b':');
    ensure!(
        !library.as_os_str().as_bytes().iter().any(is_separator),
        "{}: the path of a library to preload must not contain blanks or colons",
        library.display()
    );
    let already = already.unwrap_or_default();
    let (first, rest): (Vec<&[u8]>, Vec<_>) = already
        .as_bytes()
        .split(is_separator)
        .filter(|name| !name.is_empty())
        .partition(|name| is_runtime(name));
    // The program names it without a path, so the linker finds the one that the program would use.
    let own: Vec<_> = needed
        .iter()
        .map(|name| name.as_bytes())
        .filter(|name| is_runtime(name) && !first.iter().any(|path| file_name(path) == *name))
        .collect();
    let library = library.as_os_str().as_bytes();
    Ok(Preload {
        value: OsString::from_vec([&own[..], &first, &[library], &rest].concat().join(&b':')),
        own: OsString::from_vec(own.join(&b':')),
    })
}

fn file_name(path: &[u8]) -> &[u8] {
    path.rsplit(|byte| *byte == b'/').next().unwrap_or(path)
}

/// Whether it is gcc's or clang's runtime of a sanitizer that replaces functions of libc.
fn is_runtime(path: &[u8]) -> bool {
    let name = file_name(path);
    ["asan", "hwasan", "lsan", "tsan"].iter().any(|sanitizer| {
        let gcc = format!("lib{sanitizer}.so");
        let clang = format!("libclang_rt.{sanitizer}");
        name.starts_with(gcc.as_bytes()) || name.starts_with(clang.as_bytes())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn preload_of(library: &str, needed: &[&str], already: Option<&str>) -> (String, String) {
        let needed: Vec<_> = needed.iter().map(|name| name.to_string()).collect();
        let preload = preload(Path::new(library), &needed, already.map(OsString::from)).unwrap();
        let text = |part: OsString| part.into_string().unwrap();
        (text(preload.value), text(preload.own))
    }

    #[test]
    fn what_is_preloaded_already_stays() {
        let of = |already| preload_of("/l.so", &["libc.so.6"], already).0;
        assert_eq!(of(None), "/l.so");
        assert_eq!(of(Some("")), "/l.so");
        assert_eq!(of(Some("a.so b.so")), "/l.so:a.so:b.so");
    }

    #[test]
    fn runtimes_of_sanitizers_come_first() {
        let of = |needed: &[&str], already| preload_of("/l.so", needed, already);
        let (value, own) = of(&["liba.so", "libasan.so.8", "libc.so.6"], Some("b.so"));
        assert_eq!(value, "libasan.so.8:/l.so:b.so");
        assert_eq!(own, "libasan.so.8");
        for runtime in ["libtsan.so.2", "libclang_rt.asan-x86_64.so"] {
            assert_eq!(of(&[runtime], None).0, format!("{runtime}:/l.so"));
        }
        // What the user requested applies to all programs that are started.
        let (value, own) = of(&["libasan.so.8"], Some("b.so /x/libasan.so.8"));
        assert_eq!(value, "/x/libasan.so.8:/l.so:b.so");
        assert_eq!(own, "");
        assert_eq!(of(&["libubsan.so.1"], None).0, "/l.so");
    }

    #[test]
    fn paths_that_the_linker_would_cut_are_refused() {
        for path in ["/my lib/l.so", "/a:b/l.so"] {
            assert!(preload(Path::new(path), &[], None).is_err());
        }
    }
}
