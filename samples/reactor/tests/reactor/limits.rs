// SPDX-License-Identifier: GPL-2.0

//! More clients than the limit.

use crate::{
    client::request,
    server::{number, program, Server, SHAPES},
};
use std::{
    io::{ErrorKind, Read},
    process::Command,
    time::Duration,
};

#[test]
fn more_clients_than_allowed_wait_for_their_turn() {
    for shape in SHAPES {
        let server = Server::start(shape, &["--max-connections", "3"]);
        let mut clients: Vec<_> = (0..3).map(|_| server.connect()).collect();
        for client in &mut clients {
            assert_eq!(client.ask("GET", "/").status, 200);
        }
        let mut waiting = server.connect();
        waiting.send(request("GET", "/", ""));
        let timeout = Duration::from_millis(300);
        waiting.stream.set_read_timeout(Some(timeout)).unwrap();
        let error = waiting.stream.read(&mut [0]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WouldBlock);

        waiting
            .stream
            .set_read_timeout(Some(crate::server::PATIENCE))
            .unwrap();
        clients.pop();
        assert_eq!(waiting.answer().status, 200);
        // Waiting clients cost no time.
        let figures = server.stop();
        assert!(number(&figures, "waits") < 50, "{figures}");
    }
}

#[test]
fn more_clients_than_descriptors_wait_for_their_turn() {
    for shape in SHAPES {
        let mut command = Command::new("sh");
        command
            .args(["-c", "ulimit -n 40 && exec \"$0\" \"$@\""])
            .arg(program());
        let server = Server::from_command(command, shape, &[]);
        let mut clients: Vec<_> = (0..60).map(|_| server.connect()).collect();
        for client in &mut clients {
            client.send(request("GET", "/", ""));
        }
        // In the order in which they came; each then leaves its place to
        // another.
        for mut client in clients {
            assert_eq!(client.answer().status, 200);
        }
        let figures = server.stop();
        assert_eq!(number(&figures, "connections"), 60);
        // The server tries ten times per second, not all the time.
        assert!(number(&figures, "waits") < 600, "{figures}");
    }
}
