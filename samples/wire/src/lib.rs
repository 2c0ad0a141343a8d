// SPDX-License-Identifier: GPL-2.0

//! The two network cards that the virtual machine has with `NIC=`. They are wired to each other.
//! Each is in a network namespace of its own, so that together they look like two machines.

mod interrupt;

pub use interrupt::Interrupt;

use anyhow::{ensure, Context, Result};
use rustix::thread::{move_into_link_name_space, LinkNameSpaceType};
use std::{
    fs::File,
    net::{Ipv4Addr, TcpListener, TcpStream},
    os::fd::AsFd,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

/// How long to wait for a link. Only a failure takes so long.
const SOON: Duration = Duration::from_secs(60);

/// One of the two machines. Its card and its namespace have the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Machine {
    /// 192.0.2.1.
    Left,
    /// 192.0.2.2.
    Right,
}

/// The driver of the cards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Driver {
    /// igb, for Intel's 82576 and similar cards.
    Igb,
    /// virtio_net, for the cards of virtual machines.
    Virtio,
}

impl Machine {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Left, Self::Right];

    /// The name of the card and of the namespace.
    pub fn name(self) -> &'static str {
        match self {
            Self::Left => "left",
            Self::Right => "right",
        }
    }

    /// The card's address.
    pub fn address(self) -> Ipv4Addr {
        match self {
            Self::Left => Ipv4Addr::new(192, 0, 2, 1),
            Self::Right => Ipv4Addr::new(192, 0, 2, 2),
        }
    }

    /// Moves the calling thread to this machine: sockets that it makes from now on are there. Only
    /// root may do this.
    pub fn enter(self) -> Result<()> {
        enter(&self.namespace())
    }

    /// Runs `act` on this machine, in a new thread.
    pub fn run<T: Send>(self, act: impl FnOnce() -> Result<T> + Send) -> Result<T> {
        in_namespace(&self.namespace(), act)
    }

    /// Runs a program on this machine, where `/sys/class/net` has the card, and returns its output.
    pub fn command(self, words: &[&str]) -> Result<String> {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", self.name()]).args(words);
        let output = command.output().context("ip")?;
        ensure!(
            output.status.success(),
            "{}: {}",
            words.join(" "),
            String::from_utf8_lossy(&output.stderr).trim()
        );
        Ok(String::from_utf8(output.stdout)?)
    }

    /// Waits until the card has a link.
    pub fn wait_for_link(self) -> Result<()> {
        let carrier = format!("/sys/class/net/{}/carrier", self.name());
        let deadline = Instant::now() + SOON;
        while self.command(&["cat", &carrier])?.trim() != "1" {
            ensure!(Instant::now() < deadline, "{}: no link", self.name());
            thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    /// The driver of the card.
    pub fn driver(self) -> Result<Driver> {
        let text = self.command(&["ethtool", "-i", self.name()])?;
        match text.lines().find_map(|line| line.strip_prefix("driver: ")) {
            Some("igb") => Ok(Driver::Igb),
            Some("virtio_net") => Ok(Driver::Virtio),
            other => anyhow::bail!("an unknown driver: {other:?}"),
        }
    }

    fn namespace(self) -> PathBuf {
        PathBuf::from("/run/netns").join(self.name())
    }
}

/// Runs `act` in the initial network namespace, in a new thread.
pub fn outside<T: Send>(act: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    in_namespace(Path::new("/proc/1/ns/net"), act)
}

/// Moves the calling thread to a network namespace.
fn enter(namespace: &Path) -> Result<()> {
    let name = namespace.display();
    let file =
        File::open(namespace).with_context(|| format!("{name}: is this the guest, with NIC=?"))?;
    move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network))
        .with_context(|| format!("cannot enter {name}"))
}

fn in_namespace<T: Send>(namespace: &Path, act: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    thread::scope(|scope| {
        let entered = || {
            enter(namespace)?;
            act()
        };
        let thread = thread::Builder::new()
            .spawn_scoped(scope, entered)
            .context("cannot start a thread")?;
        thread
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// A TCP connection over the wire: the left end and the right end.
pub fn connection() -> Result<(TcpStream, TcpStream)> {
    let listener = Machine::Right.run(|| {
        TcpListener::bind((Machine::Right.address(), 0)).context("cannot listen on the right")
    })?;
    let address = listener.local_addr()?;
    let left = Machine::Left
        .run(|| TcpStream::connect(address).context("cannot connect from the left"))?;
    let (right, _) = listener.accept()?;
    Ok((left, right))
}
