// SPDX-License-Identifier: GPL-2.0

//! The server as its clients see it: a process.

use crate::{message::MESSAGE, strategy::Strategy, tasks::Counts};
use anyhow::{bail, ensure, Context, Result};
use rustix::{
    net::sockopt,
    process::{kill_process, waitpid, Pid, Signal, WaitOptions},
};
use serde::de::DeserializeOwned;
use std::{
    env,
    io::{BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, TcpStream},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::Duration,
};

/// A server that has not answered after this time never will.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running server with its clients.
pub struct Server {
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
    clients: Vec<TcpStream>,
}

impl Server {
    /// Starts a server with this strategy, and connects the clients.
    pub fn start(strategy: Strategy, connections: usize) -> Result<Self> {
        let program = env::current_exe().context("cannot find the path of this program")?;
        let mut child = Command::new(program)
            .args(["serve", &strategy.to_string(), &connections.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start a server")?;
        let (Some(orders), Some(answers)) = (child.stdin.take(), child.stdout.take()) else {
            bail!("the server has no pipes");
        };
        let mut server = Self {
            child,
            orders,
            answers: BufReader::new(answers),
            clients: Vec::with_capacity(connections),
        };
        let port: u16 = server.answer()?;
        for _ in 0..connections {
            let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))
                .context("cannot connect to the server")?;
            stream.set_nodelay(true).context("TCP_NODELAY")?;
            stream
                .set_read_timeout(Some(PATIENCE))
                .context("SO_RCVTIMEO")?;
            // The reset ensures that no connection lingers.
            sockopt::set_socket_linger(&stream, Some(Duration::ZERO)).context("SO_LINGER")?;
            server.clients.push(stream);
        }
        // When the server answers, all clients are connected.
        server.counts()?;
        Ok(server)
    }

    /// The counts of the server's threads, once all of them sleep.
    pub fn counts(&mut self) -> Result<Counts> {
        writeln!(self.orders).context("the server has exited")?;
        self.answer()
    }

    /// Sends a message through each connection.
    pub fn send(&mut self) -> Result<()> {
        for client in &mut self.clients {
            client.write_all(&[b'm'; MESSAGE]).context("cannot send")?;
        }
        Ok(())
    }

    /// Receives the echoes.
    pub fn receive(&mut self) -> Result<()> {
        for client in &mut self.clients {
            let mut message = [0; MESSAGE];
            client.read_exact(&mut message).context("no echo")?;
            ensure!(
                message == [b'm'; MESSAGE],
                "the echo differs from the message"
            );
        }
        Ok(())
    }

    /// Stops the server until it is [woken](Self::wake).
    pub fn stop(&self) -> Result<()> {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, Signal::STOP).context("cannot stop the server")?;
        match waitpid(Some(pid), WaitOptions::UNTRACED).context("waitpid")? {
            Some((_, status)) if status.stopped() => Ok(()),
            _ => bail!("the server has ended"),
        }
    }

    /// Lets the server continue.
    pub fn wake(&self) -> Result<()> {
        kill_process(Pid::from_child(&self.child), Signal::CONT).context("cannot wake the server")
    }

    fn answer<T: DeserializeOwned>(&mut self) -> Result<T> {
        let mut line = String::new();
        self.answers
            .read_line(&mut line)
            .context("the server has exited")?;
        serde_json::from_str(&line).with_context(|| format!("the server printed {line:?}"))
    }
}

/// The server does not outlive this value.
impl Drop for Server {
    fn drop(&mut self) {
        // Both fail only if the server has exited already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
