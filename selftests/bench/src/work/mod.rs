// SPDX-License-Identifier: GPL-2.0

//! The kinds of work, one in each file, and the list of all.

mod batch;
mod call;
mod callback;
mod churn;
mod ctl;
mod echo;
mod fifo;
mod memory;
mod ready;
mod scale;
mod sockets;
mod throughput;
mod wakeup;

use crate::measure::Bench;
use ::wire::Machine;
use anyhow::Result;
use sockets::Family;

/// All work that is measured in instructions.
pub fn icount(bench: &mut Bench, sizes: &[u64]) {
    bench.compare("getppid", "the least system call", || Ok(call::Getppid));
    bench.compare("bad-ioctl", "an ioctl that fails at once", || {
        Ok(call::BadIoctl)
    });
    bench.compare("add-delete", "add and delete", ctl::AddDelete::new);
    bench.compare("modify", "modify", ctl::Modify::new);
    for ready in [0, 1, 64, 1000] {
        bench.compare(
            &format!("wait-level-{ready}"),
            &format!("wait, {ready} ready, level-triggered"),
            || ready::Level::new(ready),
        );
    }
    for ready in [1, 64, 1000] {
        bench.compare(
            &format!("wait-edge-{ready}"),
            &format!("wait, {ready} ready, edge-triggered"),
            || ready::Edge::new(ready),
        );
    }
    bench.compare("batch-modify", "modify, in batches of 64", || {
        batch::Modify::new(64)
    });
    bench.compare(
        "batch-add-delete",
        "add and delete, in batches of 64",
        || batch::AddDelete::new(64),
    );
    bench.compare(
        "rearm-wait",
        "arm a one-shot again and wait, by one call",
        || ready::Rearm::new(true),
    );
    bench.compare(
        "rearm-then-wait",
        "arm a one-shot again, then wait, by two calls",
        || ready::Rearm::new(false),
    );
    bench.compare_with_nobody("callback-listed", "send and recv, listed already", || {
        callback::Callback::new(false)
    });
    bench.compare_with_nobody("callback-idle", "send and recv, to be listed", || {
        callback::Callback::new(true)
    });
    bench.compare(
        "wakeup",
        "wake up a thread that waits",
        wakeup::PingPong::new,
    );
    for (family, name, title) in [
        (Family::Tcp, "tcp", "TCP"),
        (Family::Unix, "unix", "AF_UNIX"),
    ] {
        for connections in [1, 16] {
            bench.compare(
                &format!("echo-{name}-{connections}"),
                &format!("echo request, {title}, connections: {connections}"),
                || echo::Echo::new(family, connections),
            );
        }
    }
    bench.compare("churn", "connect, accept, add, close", churn::Churn::new);
    bench.compare("fifo", "FIFO: make, open, add, close", fifo::Churn::new);
    bench.compare(
        "fifo-neighbour",
        "open and close of a FIFO beside a watched one",
        fifo::Neighbour::new,
    );
    bench.compare_bytes("memory", "memory of a watched TCP socket", || {
        memory::Memory::new(5000)
    });
    scale::run(bench, sizes);
}

/// What crosses the wire between the guest's two network cards.
pub fn wire(bench: &mut Bench) -> Result<()> {
    Machine::Left.enter()?;
    for machine in Machine::ALL {
        // Without a delay before an interrupt the processor is never idle, so that its clock counts
        // instructions only.
        machine.command(&["ethtool", "-C", machine.name(), "rx-usecs", "0"])?;
    }
    for connections in [1, 16] {
        bench.compare(
            &format!("wire-echo-{connections}"),
            &format!("echo request, igb cards, connections: {connections}"),
            || echo::Echo::new(Family::Wire, connections),
        );
    }
    bench.compare(
        "wire-churn",
        "connect, accept, add, close, igb cards",
        churn::Churn::over_wire,
    );
    Ok(())
}

/// All work that needs several processors.
pub fn smp(bench: &mut Bench) {
    bench.compare(
        "smp-wakeup",
        "wake up a thread that waits",
        wakeup::PingPong::new,
    );
    for consumers in [1, 4] {
        bench.compare(
            &format!("smp-throughput-{consumers}"),
            &format!("an event, producers: 4, consumers: {consumers}"),
            || throughput::Throughput::new(4, consumers),
        );
    }
}
