// SPDX-License-Identifier: GPL-2.0

//! Generates the Rust view of the kernel interface from its C header, with the
//! `bindgen` program (`$BINDGEN` names another one).

use std::{
    env,
    error::Error,
    path::PathBuf,
    process::Command, //
};

fn main() -> Result<(), Box<dyn Error>> {
    let header = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("../../src/uapi/repoll.h");
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let bindgen = env::var("BINDGEN").unwrap_or_else(|_| "bindgen".into());

    println!("cargo::rerun-if-changed={}", header.display());
    println!("cargo::rerun-if-env-changed=BINDGEN");

    let status = Command::new(&bindgen)
        .args(["--allowlist-item", "(repoll|REPOLL)_.*"])
        .args(["--use-core", "--generate-cstr", "--with-derive-default"])
        // The ioctl numbers are expressions with sizeof, which only clang can
        // work out. It wants a place for its scratch files.
        .args(["--clang-macro-fallback", "--clang-macro-fallback-build-dir"])
        .arg(&out)
        .arg("--output")
        .arg(out.join("uapi.rs"))
        .arg(&header)
        .status()
        .map_err(|error| format!("cannot run {bindgen}: {error}"))?;
    if !status.success() {
        return Err(format!("{bindgen} failed on {}: {status}", header.display()).into());
    }
    // For crates that depend on this one and have a build script of their own.
    println!("cargo::metadata=uapi={}", out.join("uapi.rs").display());
    Ok(())
}
