// SPDX-License-Identifier: GPL-2.0

//! The library that is preloaded.

use anyhow::{
    bail,
    ensure,
    Context,
    Result, //
};
use std::{
    env,
    ffi::OsString,
    os::unix::ffi::OsStrExt,
    path::{
        Path,
        PathBuf, //
    },
};

const NAME: &str = "librepoll.so";

/// Where distributions put what is preloaded but not linked with, from the folder of programs.
const INSTALLED: &str = "../lib/repoll";

/// The library that was named, or else the one that was installed with us.
pub(crate) fn find(named: Option<&Path>) -> Result<PathBuf> {
    if let Some(named) = named {
        return named
            .canonicalize()
            .with_context(|| named.display().to_string());
    }
    let me = env::current_exe().context("cannot tell where repoll-run is")?;
    let here = me.parent().unwrap_or(Path::new("/"));
    for candidate in [here.join(NAME), here.join(INSTALLED).join(NAME)] {
        if let Ok(library) = candidate.canonicalize() {
            return Ok(library);
        }
    }
    bail!(
        "there is no {NAME} in {here} or {here}/{INSTALLED}; name one with --library",
        here = here.display()
    )
}

/// What LD_PRELOAD has to be: the library comes before what is there already.
pub(crate) fn preload(library: &Path, already: Option<OsString>) -> Result<OsString> {
    // The dynamic linker knows no way to quote these.
    let separators = library.as_os_str().as_bytes();
    ensure!(
        !separators.iter().any(|byte| b" :".contains(byte)),
        "{}: the path of a library to preload may hold neither blank nor colon",
        library.display()
    );
    let mut preload = library.as_os_str().to_owned();
    if let Some(already) = already.filter(|already| !already.is_empty()) {
        preload.push(":");
        preload.push(already);
    }
    Ok(preload)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn preload_of(library: &str, already: Option<&str>) -> Result<String> {
        let preload = preload(Path::new(library), already.map(OsString::from))?;
        Ok(preload.into_string().unwrap())
    }

    #[test]
    fn what_is_preloaded_already_stays() {
        assert_eq!(preload_of("/l.so", None).unwrap(), "/l.so");
        assert_eq!(preload_of("/l.so", Some("")).unwrap(), "/l.so");
        assert_eq!(
            preload_of("/l.so", Some("a.so b.so")).unwrap(),
            "/l.so:a.so b.so"
        );
    }

    #[test]
    fn paths_that_the_linker_would_cut_are_refused() {
        assert!(preload_of("/my lib/l.so", None).is_err());
        assert!(preload_of("/a:b/l.so", None).is_err());
    }
}
