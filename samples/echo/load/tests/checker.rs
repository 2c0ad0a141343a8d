// SPDX-License-Identifier: GPL-2.0

//! The load generator with servers that make mistakes on purpose: it has to find these.

mod support;

use rustix::net::{self, AddressFamily, SocketType};
use std::{
    io::{Read, Write},
    net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream},
    thread,
};
use support::{load, Outcome};

/// Serves each connection with `behaviour` on a new thread, as long as the test runs.
fn serve(behaviour: fn(TcpStream)) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            thread::spawn(move || behaviour(stream));
        }
    });
    address
}

/// Echoes the input after `change` has modified it: that gets the position in the stream
/// and the bytes from there on. Ends when the peer ends the connection in any way.
fn echo(mut stream: TcpStream, mut change: impl FnMut(usize, &mut Vec<u8>)) {
    let mut buffer = [0; 16 * 1024];
    let mut position = 0;
    while let Ok(size @ 1..) = stream.read(&mut buffer) {
        let mut bytes = buffer[..size].to_vec();
        change(position, &mut bytes);
        position += size;
        if stream.write_all(&bytes).is_err() {
            return;
        }
    }
}

/// Whether byte `at` of the stream is among `size` bytes from `position` on.
fn among(at: usize, position: usize, size: usize) -> bool {
    (position..position + size).contains(&at)
}

/// The position of a byte that the first few messages reach, but perhaps not the first.
const AT: usize = 1000;

fn one_connection(behaviour: fn(TcpStream)) -> Outcome {
    one_connection_with(behaviour, &[])
}

fn one_connection_with(behaviour: fn(TcpStream), options: &[&str]) -> Outcome {
    let arguments = [&["--connections", "1"], options].concat();
    let outcome = load(serve(behaviour), &arguments);
    if outcome.report["verified"] == false {
        assert_eq!(outcome.status, Some(1));
        assert!(outcome.complaint.contains("connection 0: "));
    }
    outcome
}

#[test]
fn an_honest_server_passes() {
    let outcome = load(
        serve(|stream| echo(stream, |_, _| ())),
        &["--connections", "100", "--largest", "1000000"],
    );
    assert_eq!(outcome.complaint, "");
    assert_eq!(outcome.status, Some(0));
    assert_eq!(outcome.report["verified"], true);
    assert_eq!(outcome.report["peak"], 100);
    assert_eq!(outcome.report["closed"], 70);
    assert_eq!(outcome.report["half_closed"], 20);
    assert_eq!(outcome.report["reset"], 10);
    assert_eq!(outcome.report["failed"], 0);
}

#[test]
fn the_same_seed_sends_the_same_bytes() {
    let server = serve(|stream| echo(stream, |_, _| ()));
    let sent = |seed| {
        let outcome = load(server, &["--connections", "40", "--seed", seed]);
        assert_eq!(outcome.status, Some(0), "{}", outcome.complaint);
        outcome.report["bytes_sent"].as_u64().unwrap()
    };
    assert_eq!(sent("1"), sent("1"));
    assert_ne!(sent("1"), sent("2"));
}

#[test]
fn a_changed_byte_is_found() {
    let outcome = one_connection(|stream| {
        echo(stream, |position, bytes| {
            if among(AT, position, bytes.len()) {
                bytes[AT - position] ^= 1;
            }
        });
    });
    assert_eq!(outcome.report["verified"], false);
    assert!(outcome.complaint.contains(&format!("byte {AT} should be")));
}

#[test]
fn a_lost_byte_is_found() {
    let outcome = one_connection(|stream| {
        echo(stream, |position, bytes| {
            if among(AT, position, bytes.len()) {
                bytes.remove(AT - position);
            }
        });
    });
    assert_eq!(outcome.report["verified"], false);
}

#[test]
fn a_doubled_byte_is_found() {
    let outcome = one_connection(|stream| {
        echo(stream, |position, bytes| {
            if among(AT, position, bytes.len()) {
                bytes.insert(AT - position, bytes[AT - position]);
            }
        });
    });
    assert_eq!(outcome.report["verified"], false);
}

#[test]
fn a_byte_out_of_place_is_found() {
    let outcome = one_connection(|stream| {
        echo(stream, |position, bytes| {
            if among(AT, position, bytes.len()) {
                bytes.reverse();
            }
        });
    });
    assert_eq!(outcome.report["verified"], false);
}

#[test]
fn answers_of_another_connection_are_found() {
    let outcome = load(
        serve(|mut stream| {
            use std::sync::Mutex;
            static FIRST: Mutex<Vec<u8>> = Mutex::new(Vec::new());

            let mut bytes = [0];
            stream.read_exact(&mut bytes).unwrap();
            let mut rest = [0; 15];
            stream.read_exact(&mut rest).unwrap();
            let mut first = FIRST.lock().unwrap();
            if first.is_empty() {
                first.extend(bytes.iter().chain(&rest));
            }
            // The load generator may have given up already.
            let _ = stream.write_all(&first);
        }),
        &["--connections", "2", "--messages", "100"],
    );
    assert_eq!(outcome.status, Some(1));
    assert!(outcome.complaint.contains("byte 0 should be"));
}

#[test]
fn a_server_that_hangs_up_is_found() {
    let outcome = one_connection(|mut stream| {
        let mut bytes = [0; 1];
        stream.read_exact(&mut bytes).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        // Until the other side gives up, so that it sees an end, not a reset.
        let _ = stream.read_to_end(&mut Vec::new());
    });
    assert_eq!(outcome.report["verified"], false);
    assert!(outcome
        .complaint
        .contains("the server ended the connection"));
}

#[test]
fn a_server_that_falls_silent_is_found() {
    let silent = |mut stream: TcpStream| {
        let _ = stream.read_to_end(&mut Vec::new());
    };
    let outcome = one_connection_with(silent, &["--stall", "1"]);
    assert_eq!(outcome.report["verified"], false);
    assert!(outcome.complaint.contains("no progress for 1s"));
}

#[test]
fn no_server_at_all_is_found() {
    // This takes the port, so that nobody else listens there, but does not listen itself.
    let deaf = net::socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    net::bind(&deaf, &SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap();
    let address = net::getsockname(&deaf).unwrap().try_into().unwrap();

    let outcome = load(address, &["--connections", "10"]);
    assert_eq!(outcome.status, Some(1));
    assert_eq!(outcome.report["failed"], 10);
    assert!(outcome.complaint.contains("connection 0: cannot connect"));
    assert!(outcome.complaint.contains("and 5 more failed"));
}

#[test]
fn senseless_arguments_are_refused() {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
    for arguments in [
        ["--connections", "0"],
        ["--connections", "many"],
        ["--messages", "0"],
        ["--stall", "0"],
        ["--backend", "select"],
        ["--largest", "1e6"],
        ["--nonsense", "1"],
    ] {
        let outcome = load(address, &arguments);
        assert_eq!(outcome.status, Some(2), "{arguments:?}");
        assert!(outcome.complaint.contains(arguments[0]), "{arguments:?}");
    }
}
