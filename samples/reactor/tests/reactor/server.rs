// SPDX-License-Identifier: GPL-2.0

//! The server, as installed next to the tests, or as Cargo leaves it.

use crate::client::Client;
use repoll::Interest;
use rustix::process::{kill_process, Pid, Signal};
use serde_json::Value;
use std::{
    env,
    fs::{self, DirEntry},
    io::{BufRead, BufReader, ErrorKind},
    net::{SocketAddr, TcpStream},
    path::PathBuf,
    process::{Child, ChildStdout, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

/// All shapes.
pub const SHAPES: [&str; 3] = ["single", "pool", "sub"];

/// A server that has not answered after this time never will.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// The page that the server serves by default.
pub const PAGE: &str = "It works.\n";

/// The size of a page that does not fit into any socket's buffer, and the option for it.
pub const LARGE: usize = 12 << 20;
pub const LARGE_PAGE: [&str; 2] = ["--page-bytes", "12582912"];

pub fn backend() -> String {
    env::var("REACTOR_BACKEND").unwrap_or_else(|_| "epoll".into())
}

pub fn program() -> PathBuf {
    let here = env::current_exe().unwrap();
    let installed = here.with_file_name("reactor");
    // Cargo's folder of test programs has none with this name.
    match installed.is_file() && here.file_name() == Some("test".as_ref()) {
        true => installed,
        false => env!("CARGO_BIN_EXE_reactor").into(),
    }
}

pub struct Server {
    child: Child,
    output: BufReader<ChildStdout>,
    pub address: SocketAddr,
}

impl Server {
    pub fn start(shape: &str, options: &[&str]) -> Self {
        Self::from_command(Command::new(program()), shape, options)
    }

    pub fn from_command(mut command: Command, shape: &str, options: &[&str]) -> Self {
        // Shows which shape it was, if the test fails.
        println!("{shape}");
        let mut child = command
            .args(["--port", "0", "--shape", shape, "--backend", &backend()])
            .args(options)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
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

    pub fn connect(&self) -> Client {
        Client::new(TcpStream::connect(self.address).unwrap())
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits until the server has handled a signal: it accepts no more connections.
    pub fn until_deaf(&self) {
        loop {
            match TcpStream::connect(self.address) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => break,
                // It was accepted and closed, or closed while it waited.
                Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// Waits until the server waits for room in a socket: one of its instances then has
    /// an item for that.
    pub fn until_blocked(&self) {
        let waits = |events: &Interest| events.contains(Interest::WRITABLE);
        until("it is not waiting for room", || {
            self.items().iter().any(waits)
        });
    }

    /// The interests of its instances' items.
    fn items(&self) -> Vec<Interest> {
        let mut items = Vec::new();
        for file in self.folder("fdinfo") {
            // It may be closed just now.
            let text = fs::read_to_string(file.path()).unwrap_or_default();
            for line in text.lines().filter(|line| line.starts_with("tfd:")) {
                let events = line.split_whitespace().nth(3).unwrap();
                let bits = u32::from_str_radix(events, 16).unwrap();
                items.push(Interest::from_bits_truncate(bits));
            }
        }
        items
    }

    /// Waits until the server has this many sockets, including the listening one.
    pub fn until_sockets(&self, count: usize) {
        let otherwise = format!("it does not have {count} sockets");
        until(&otherwise, || self.sockets() == count);
    }

    fn sockets(&self) -> usize {
        let links = self.folder("fd");
        // It may be closed just now.
        let names = links.filter_map(|link| fs::read_link(link.path()).ok());
        names
            .filter(|name| name.to_string_lossy().starts_with("socket:"))
            .count()
    }

    fn folder(&self, name: &str) -> impl Iterator<Item = DirEntry> {
        let folder = format!("/proc/{}/{name}", self.child.id());
        fs::read_dir(folder).unwrap().flatten()
    }

    /// Waits for the server to end, and returns its figures.
    pub fn figures(mut self) -> Value {
        let figures = next_line(&mut self.output);
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
        figures
    }

    pub fn stop(self) -> Value {
        self.signal(Signal::TERM);
        self.figures()
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

/// Waits until something holds for another process, by checking repeatedly.
fn until(otherwise: &str, holds: impl Fn() -> bool) {
    let begin = Instant::now();
    while !holds() {
        assert!(begin.elapsed() < PATIENCE, "{otherwise}");
        sleep(Duration::from_millis(1));
    }
}

fn next_line(output: &mut impl BufRead) -> Value {
    let mut line = String::new();
    output.read_line(&mut line).unwrap();
    serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"))
}

pub fn number(figures: &Value, name: &str) -> u64 {
    figures[name]
        .as_u64()
        .unwrap_or_else(|| panic!("no {name} in {figures}"))
}
