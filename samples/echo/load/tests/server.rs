// SPDX-License-Identifier: GPL-2.0

//! Tests of the echo server, on epoll so that they need no module: its
//! behaviour is the same on both pollers.

mod support;

use rustix::{
    net::{self, sockopt, AddressFamily, SocketType},
    process::{kill_process, Pid, Signal},
};
use serde_json::Value;
use std::{
    io::{BufRead, BufReader, ErrorKind, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Output, Stdio},
    sync::OnceLock,
    time::Duration,
};
use support::load;

/// The program, which its makefile builds when the first test needs it.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let output = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("servers");
        let made = Command::new("make")
            .arg("-C")
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
            .arg(format!("OUTPUT={}", output.display()))
            .arg("servers")
            .env_remove("MAKEFLAGS")
            .output()
            .unwrap();
        let complaint = String::from_utf8_lossy(&made.stderr);
        assert!(made.status.success(), "{complaint}");
        output.join("echo-epoll")
    })
}

/// A server that has not answered after this time never will.
const PATIENCE: Duration = Duration::from_secs(30);

struct Server {
    child: Child,
    output: BufReader<ChildStdout>,
    address: SocketAddr,
}

impl Server {
    fn start(arguments: &[&str]) -> Self {
        let mut command = Command::new(program());
        command.args(["--port", "0"]).args(arguments);
        Self::from_command(command)
    }

    fn from_command(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let line = next_line(&mut output);
        let host = line["address"].as_str().unwrap().parse().unwrap();
        let port = line["port"].as_u64().unwrap() as u16;
        Self {
            child,
            output,
            address: SocketAddr::new(host, port),
        }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// Ends the server and returns its figures.
    fn stop(mut self, signal: Signal) -> Value {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
        let figures = next_line(&mut self.output);
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
        figures
    }
}

/// No server outlives its test, even if the test fails.
impl Drop for Server {
    fn drop(&mut self) {
        // Both fail only if the child has exited already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn next_line(output: &mut impl BufRead) -> Value {
    let mut line = String::new();
    output.read_line(&mut line).unwrap();
    serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"))
}

fn run(arguments: &[&str]) -> Output {
    Command::new(program()).args(arguments).output().unwrap()
}

fn round_trip(stream: &mut TcpStream, bytes: &[u8]) {
    let mut back = vec![0; bytes.len()];
    stream.write_all(bytes).unwrap();
    stream.read_exact(&mut back).unwrap();
    assert_eq!(back, bytes);
}

#[test]
fn its_figures_agree_with_those_of_the_load() {
    let server = Server::start(&[]);
    let outcome = load(server.address, &["--connections", "200"]);
    assert_eq!(outcome.status, Some(0), "{}", outcome.complaint);

    let figures = server.stop(Signal::TERM);
    let load = outcome.report;
    assert_eq!(figures["poller"], "epoll");
    assert_eq!(figures["connections"], 200);
    assert_eq!(figures["vanished"], load["reset"]);
    assert_eq!(figures["refused"], 0);
    let number = |report: &Value, name| report[name].as_u64().unwrap();
    assert!(number(&figures, "bytes_in") <= number(&load, "bytes_sent"));
    assert!(number(&figures, "bytes_out") >= number(&load, "bytes_verified"));
    // The largest messages do not fit into any socket's buffer.
    assert!(number(&figures, "blocked") > 0);
    assert!(number(&figures, "events") >= number(&figures, "waits"));
}

#[test]
fn an_interrupt_ends_it_as_well() {
    let server = Server::start(&[]);
    round_trip(&mut server.connect(), b"hello");
    let figures = server.stop(Signal::INT);
    assert_eq!(figures["messages"], 1);
    assert_eq!(figures["bytes_in"], 5);
    assert_eq!(figures["bytes_out"], 5);
}

#[test]
fn open_connections_do_not_keep_it() {
    let server = Server::start(&[]);
    let mut stream = server.connect();
    round_trip(&mut stream, b"x");
    server.stop(Signal::TERM);
    assert_eq!(stream.read(&mut [0]).unwrap(), 0);
}

#[test]
fn what_came_before_a_half_close_is_echoed_in_full() {
    let server = Server::start(&[]);
    let mut stream = server.connect();
    let sent = vec![b'x'; 100_000];
    stream.write_all(&sent).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut back = Vec::new();
    stream.read_to_end(&mut back).unwrap();
    assert_eq!(back, sent);
    assert_eq!(server.stop(Signal::TERM)["vanished"], 0);
}

/// A peer that sends but does not receive is stopped and costs no time, and
/// nobody else waits for it.
#[test]
fn a_peer_that_does_not_receive_holds_up_only_itself() {
    let server = Server::start(&[]);
    let mut greedy = server.connect();
    let timeout = Some(Duration::from_millis(500));
    let mut sent = 0usize;

    // Until the server has stopped reading: from then on there is no room.
    greedy.set_write_timeout(timeout).unwrap();
    loop {
        match greedy.write(&[b'g'; 64 * 1024]) {
            Ok(size) => sent += size,
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) => panic!("{error}"),
        }
    }
    for _ in 0..10 {
        round_trip(&mut server.connect(), b"somebody else");
    }

    greedy.shutdown(Shutdown::Write).unwrap();
    let mut back = Vec::new();
    greedy.read_to_end(&mut back).unwrap();
    assert_eq!(back.len(), sent);
    assert!(back.iter().all(|&byte| byte == b'g'));

    // Each wait had a reason: the server did not spin meanwhile.
    let figures = server.stop(Signal::TERM);
    let number = |name: &str| figures[name].as_u64().unwrap();
    assert!(number("blocked") > 0);
    assert!(number("waits") <= number("messages") + number("blocked") + 3 * 10 + 10);
}

/// The end of the stream is in the server's socket while the server cannot
/// send: this must neither cost time nor lose bytes.
#[test]
fn a_half_close_while_the_server_cannot_send_loses_nothing() {
    let server = Server::start(&[]);
    let pattern: Vec<u8> = (0..160 * 1024u32).map(|i| (i % 251) as u8).collect();

    // Sizes around that of the buffers on the way back, in steps smaller than
    // the server's own buffer: some of them leave it partly filled at the end.
    let clients = (40..=160).step_by(8).map(|kibibytes| {
        let socket = net::socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
        // Before the connection is established, so that the offered window is
        // never large.
        sockopt::set_socket_recv_buffer_size(&socket, 4096).unwrap();
        net::connect(&socket, &server.address).unwrap();
        let mut lazy = TcpStream::from(socket);
        lazy.set_read_timeout(Some(PATIENCE)).unwrap();
        let sent = &pattern[..kibibytes * 1024];
        lazy.write_all(sent).unwrap();
        lazy.shutdown(Shutdown::Write).unwrap();
        (lazy, sent)
    });
    let clients: Vec<_> = clients.collect();
    for _ in 0..100 {
        round_trip(&mut server.connect(), b"somebody else");
    }
    for (mut lazy, sent) in clients {
        let mut back = Vec::new();
        lazy.read_to_end(&mut back).unwrap();
        assert!(back == sent, "{} of {} bytes", back.len(), sent.len());
    }

    let figures = server.stop(Signal::TERM);
    let number = |name: &str| figures[name].as_u64().unwrap();
    assert!(number("blocked") > 0);
    assert_eq!(number("vanished"), 0);
    assert!(number("waits") <= number("messages") + number("blocked") + 3 * 100 + 50);
}

#[test]
fn more_clients_than_allowed_wait_for_their_turn() {
    let server = Server::start(&["--max-connections", "8"]);
    let outcome = load(server.address, &["--connections", "50", "--largest", "0"]);
    assert_eq!(outcome.status, Some(0), "{}", outcome.complaint);
    let figures = server.stop(Signal::TERM);
    assert_eq!(figures["connections"], 50);
    assert_eq!(figures["peak"], 8);
}

#[test]
fn more_clients_than_descriptors_wait_for_their_turn() {
    let mut command = Command::new("sh");
    command
        .args(["-c", "ulimit -n 32 && exec \"$0\" --port 0"])
        .arg(program());
    let server = Server::from_command(command);
    let outcome = load(server.address, &["--connections", "100", "--largest", "0"]);
    assert_eq!(outcome.status, Some(0), "{}", outcome.complaint);
    let figures = server.stop(Signal::TERM);
    assert_eq!(figures["connections"], 100);
    assert!(figures["peak"].as_u64().unwrap() < 32);
}

/// Clients that stay take every descriptor. The server sleeps instead of trying
/// to accept all the time, and continues when one leaves.
#[test]
fn it_does_not_spin_for_want_of_descriptors() {
    let mut command = Command::new("sh");
    command
        .args(["-c", "ulimit -n 32 && exec \"$0\" --port 0"])
        .arg(program());
    let server = Server::from_command(command);
    let mut clients: Vec<_> = (0..40).map(|_| server.connect()).collect();
    round_trip(&mut clients[0], b"first");

    let mut last = clients.pop().unwrap();
    last.write_all(b"last").unwrap();
    let timeout = Duration::from_secs(1);
    last.set_read_timeout(Some(timeout)).unwrap();
    let mut back = [0; 4];
    assert_eq!(
        last.read(&mut back).unwrap_err().kind(),
        ErrorKind::WouldBlock
    );

    clients.drain(..20);
    last.set_read_timeout(Some(PATIENCE)).unwrap();
    last.read_exact(&mut back).unwrap();
    assert_eq!(&back, b"last");

    // About ten attempts per second, and a wait for each client and its end.
    let waits = server.stop(Signal::TERM)["waits"].as_u64().unwrap();
    assert!(waits < 200, "{waits} waits");
}

#[test]
fn it_speaks_ipv6() {
    if TcpListener::bind("[::1]:0").is_err() {
        eprintln!("this machine has no IPv6");
        return;
    }
    let server = Server::start(&["--listen", "::1"]);
    round_trip(&mut server.connect(), b"six");
}

#[test]
fn a_busy_port_is_told() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let output = run(&["--port", &port]);
    assert_eq!(output.status.code(), Some(1));
    let complaint = String::from_utf8(output.stderr).unwrap();
    assert!(complaint.contains("Address already in use"), "{complaint}");
    assert!(complaint.contains(&port), "{complaint}");
}

#[test]
fn senseless_options_are_refused() {
    for arguments in [
        &["--max-connections", "0"][..],
        &["--max-connections", "-1"],
        &["--max-connections", "10x"],
        &["--max-connections", "99999999999999999999"],
        &["--max-connections"],
        &["--port", "65536"],
        &["--port", "http"],
        &["--port", ""],
        &["--nonsense"],
        &["7007"],
    ] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(!output.stderr.is_empty(), "{arguments:?}");
    }
}

#[test]
fn an_address_that_is_none_is_told() {
    let output = run(&["--listen", "300.0.0.1"]);
    assert_eq!(output.status.code(), Some(1));
    let complaint = String::from_utf8(output.stderr).unwrap();
    assert!(complaint.contains("300.0.0.1"), "{complaint}");
}

#[test]
fn help_names_every_option() {
    let output = run(&["--help"]);
    assert_eq!(output.status.code(), Some(0));
    let text = String::from_utf8(output.stdout).unwrap();
    for option in ["--listen", "--port", "--max-connections", "--help"] {
        assert!(text.contains(option), "{text}");
    }
}
