// SPDX-License-Identifier: GPL-2.0

//! Sockets by inode number, from `/proc/PID/net`.

use std::{
    collections::HashMap,
    fs,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

/// All TCP, UDP and UNIX sockets in the network namespace of a process.
pub fn sockets(pid: i32) -> HashMap<u64, String> {
    let mut sockets = HashMap::new();
    for protocol in ["tcp", "tcp6", "udp", "udp6", "unix"] {
        let table = fs::read_to_string(format!("/proc/{pid}/net/{protocol}"));
        for line in table.unwrap_or_default().lines().skip(1) {
            let socket = match protocol {
                "unix" => unix(line),
                _ => inet(protocol, line),
            };
            sockets.extend(socket);
        }
    }
    sockets
}

fn inet(protocol: &str, line: &str) -> Option<(u64, String)> {
    let fields: Vec<_> = line.split_whitespace().collect();
    let local = address(fields.get(1)?)?;
    let remote = address(fields.get(2)?)?;
    let protocol = protocol.trim_end_matches('6');
    let text = match remote.port() {
        0 => format!("{protocol} {local}"),
        _ => format!("{protocol} {local} - {remote}"),
    };
    Some((fields.get(9)?.parse().ok()?, text))
}

/// Parses hexadecimal words in the machine's byte order, followed by the port.
fn address(text: &str) -> Option<SocketAddr> {
    let (address, port) = text.split_once(':')?;
    let words: Option<Vec<u8>> = (0..address.len())
        .step_by(8)
        .map(|at| u32::from_str_radix(address.get(at..at + 8)?, 16).ok())
        .map(|word| word.map(u32::to_ne_bytes))
        .try_fold(Vec::new(), |mut bytes, word| {
            bytes.extend(word?);
            Some(bytes)
        });
    let words = words?;
    let ip = match words.len() {
        4 => IpAddr::from(Ipv4Addr::from(<[u8; 4]>::try_from(words).ok()?)),
        16 => IpAddr::from(Ipv6Addr::from(<[u8; 16]>::try_from(words).ok()?)),
        _ => return None,
    };
    Some(SocketAddr::new(ip, u16::from_str_radix(port, 16).ok()?))
}

fn unix(line: &str) -> Option<(u64, String)> {
    let fields: Vec<_> = line.split_whitespace().collect();
    let text = match fields.get(7) {
        Some(path) => format!("unix {path}"),
        None => "unix".into(),
    };
    Some((fields.get(6)?.parse().ok()?, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_has_both_addresses() {
        let line = "   1: 0100007F:1B5F 0100007F:A3C2 01 00000000:00000000 00:00000000 00000000     0        0 4711 1 0 20 4 30 10 -1";
        let expected = (4711, "tcp 127.0.0.1:7007 - 127.0.0.1:41922".to_string());
        assert_eq!(inet("tcp", line), Some(expected));
    }

    #[test]
    fn a_listener_has_one() {
        let line = "   0: 00000000000000000000000001000000:0050 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 12 1 0";
        assert_eq!(inet("tcp6", line), Some((12, "tcp [::1]:80".to_string())));
    }

    #[test]
    fn a_unix_socket_may_have_a_path() {
        let line = "0000000000000000: 00000002 00000000 00010000 0001 01 99 /run/x";
        assert_eq!(unix(line), Some((99, "unix /run/x".to_string())));
        let line = "0000000000000000: 00000003 00000000 00000000 0001 03 98";
        assert_eq!(unix(line), Some((98, "unix".to_string())));
    }

    #[test]
    fn what_is_no_address_is_none() {
        for text in ["", ":", "0100007F", "0100007:0050", "0100007F:xyz"] {
            assert_eq!(address(text), None, "{text}");
        }
    }
}
