// SPDX-License-Identifier: GPL-2.0

//! The program that tests start, in one of its roles.

use libc::c_int;
use rustix::net::{recvmsg, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags};
use std::{
    env,
    io::IoSliceMut,
    mem::MaybeUninit,
    os::{fd::IntoRawFd, unix::net::UnixStream},
    path::PathBuf,
    process::Command,
};

/// The folder with the tests; with Cargo, it also holds the library.
pub fn here() -> PathBuf {
    env::current_exe().unwrap().parent().unwrap().to_owned()
}

/// Whether the library is preloaded into this process.
pub fn is_preloaded() -> bool {
    let libraries = env::var("LD_PRELOAD").unwrap_or_default();
    ["/librepoll.so", "/libpreload.so"]
        .iter()
        .any(|library| libraries.contains(library))
}

/// The program, as installed next to the tests, or as Cargo leaves it.
pub fn program() -> PathBuf {
    let installed = here().join("subject");
    if installed.exists() {
        installed
    } else {
        here().join("../examples/subject")
    }
}

/// The program in this role.
pub fn command(role: &str) -> Command {
    let mut command = Command::new(program());
    command.arg(role);
    command
}

/// What the program prints on stdout; it has to succeed.
pub fn output(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Receives a descriptor from a socket.
pub fn receive(from: &UnixStream) -> c_int {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    let data = &mut [IoSliceMut::new(&mut byte)];
    recvmsg(from, data, &mut control, RecvFlags::CMSG_CLOEXEC).unwrap();
    let fds = control.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut fds) => fds.next(),
        _ => None,
    });
    fds.unwrap().into_raw_fd()
}
