// SPDX-License-Identifier: GPL-2.0

//! Readable names of functions.

/// The name of a function, of the kernel or of the module, whose own path says nothing new.
pub fn readable(symbol: &str) -> String {
    let symbol = symbol.split(' ').next().unwrap_or(symbol);
    let name = format!("{:#}", rustc_demangle::demangle(symbol));
    let name = name
        .replace("repoll_main::", "")
        .replace("kernel_ext::", "");
    // Type parameters say little here. A name that begins with one is that of a type's function.
    match name.find("::<") {
        Some(at) => name[..at].to_owned(),
        None => name,
    }
}

/// Whether the function belongs to the tracing itself.
pub fn is_tracing(symbol: &str) -> bool {
    [
        "rust_do_trace_",
        "trace_event_raw_event_",
        "__traceiter_",
        "kprobe_",
    ]
    .iter()
    .any(|prefix| symbol.starts_with(prefix))
        || symbol.contains("tracepoint11out_of_line")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_rust_lose_what_only_the_compiler_needs() {
        let mangled =
            "_RINvNtNtCsafFBGQp5BU9_11repoll_main10kernel_ext4hook5wokenNtNtB6_4item4ItemEB6_";
        assert_eq!(readable(mangled), "hook::woken");
    }

    #[test]
    fn names_of_c_stay() {
        assert_eq!(readable("tcp_v4_rcv"), "tcp_v4_rcv");
        assert_eq!(readable("rp_wake_task [repoll]"), "rp_wake_task");
    }

    #[test]
    fn functions_of_tracing_are_recognised() {
        assert!(is_tracing("rust_do_trace_repoll_callback"));
        assert!(!is_tracing("tcp_v4_rcv"));
    }
}
