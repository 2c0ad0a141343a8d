// SPDX-License-Identifier: GPL-2.0

//! What a request is about, as a path.

use crate::status::Status;
use percent_encoding::percent_decode_str;

/// The path of a request's target, decoded and without its query.
///
/// A path that would lead anywhere but down is refused, in whatever way it was
/// written: decoding comes first.
pub fn path(target: &str) -> Result<String, Status> {
    let path = match target.starts_with('/') {
        true => target,
        false => after_authority(target).ok_or(Status::BadRequest)?,
    };
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let path = percent_decode_str(path)
        .decode_utf8()
        .map_err(|_| Status::BadRequest)?;
    let up = |name: &str| name == "." || name == "..";
    match path.contains('\0') || path.split('/').any(up) {
        true => Err(Status::BadRequest),
        false => Ok(path.into_owned()),
    }
}

/// What follows the server's name, as a proxy would send it.
fn after_authority(target: &str) -> Option<&str> {
    let (scheme, rest) = target.split_once("://")?;
    if !scheme.eq_ignore_ascii_case("http") {
        return None;
    }
    match rest.find(['/', '?']) {
        Some(at) if rest[at..].starts_with('/') => Some(&rest[at..]),
        _ => Some("/"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_decoded() {
        for (target, wanted) in [
            ("/", "/"),
            ("/a/b.html?c=/../d", "/a/b.html"),
            ("/a%20b%2Fc", "/a b/c"),
            ("/%C3%BC", "/ü"),
            ("/..a/b..", "/..a/b.."),
            ("http://host:80/a?b", "/a"),
            ("HTTP://host", "/"),
            ("http://host?b", "/"),
        ] {
            assert_eq!(path(target).as_deref(), Ok(wanted), "{target}");
        }
    }

    #[test]
    fn no_path_leads_up() {
        for target in [
            "/..",
            "/../etc/passwd",
            "/a/../../etc/passwd",
            "/%2e%2e/etc/passwd",
            "/a%2f..%2f..%2fetc/passwd",
            "/./a",
            "http://host/../a",
            "/a\0b",
            "/a%00b",
            "/%ff",
            "*",
            "etc/passwd",
            "ftp://host/a",
            "",
        ] {
            assert_eq!(path(target), Err(Status::BadRequest), "{target}");
        }
    }
}
