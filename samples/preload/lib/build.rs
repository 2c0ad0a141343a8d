// SPDX-License-Identifier: GPL-2.0

//! Hands on where the crate has its view of the kernel interface: the library cannot
//! link with the crate, which needs the standard library.

fn main() {
    let uapi = std::env::var("DEP_REPOLL_UAPI").unwrap_or_default();
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-env=REPOLL_UAPI={uapi}");
}
