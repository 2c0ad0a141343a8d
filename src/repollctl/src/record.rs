// SPDX-License-Identifier: GPL-2.0

//! Instances and items as they are printed, as JSON or as text.

use crate::{file::Files, interest};
use repoll::{
    info::{self, Kind},
    CreateFlags,
};
use serde::Serialize;

/// A thread that sleeps until something is ready.
#[derive(Serialize)]
pub struct Waiter {
    /// Its ID.
    pub tid: i32,
    /// Its name, unless it has exited.
    pub name: Option<String>,
}

/// What an instance has counted since it was created.
#[derive(Clone, Copy, Default, Serialize)]
#[allow(missing_docs)] // documented in repoll.h
pub struct Counters {
    pub adds: u64,
    pub mods: u64,
    pub dels: u64,
    pub closed: u64,
    pub events: u64,
    pub wakeups: u64,
    pub sleeps: u64,
    pub waits: u64,
    pub vain: u64,
    pub delivered: u64,
    pub spurious: u64,
    pub overlaps: u64,
}

impl Counters {
    /// Each counter with its name and its meaning.
    pub fn all(&self) -> [(&'static str, u64, &'static str); 12] {
        [
            ("adds", self.adds, "items added"),
            ("mods", self.mods, "items modified"),
            ("dels", self.dels, "items deleted"),
            (
                "closed",
                self.closed,
                "items removed because their file was closed",
            ),
            (
                "events",
                self.events,
                "wake-ups of watched files, for events that items watch for",
            ),
            ("wakeups", self.wakeups, "waiters woken"),
            ("sleeps", self.sleeps, "times a waiter went to sleep"),
            ("waits", self.waits, "scans of the ready items by waiters"),
            (
                "vain",
                self.vain,
                "of these scans, those that found no event",
            ),
            ("delivered", self.delivered, "events delivered"),
            (
                "spurious",
                self.spurious,
                "polls of a ready item's file that found no event",
            ),
            (
                "overlaps",
                self.overlaps,
                "of the events, those that came during a scan",
            ),
        ]
    }
}

/// An instance.
#[derive(Serialize)]
pub struct Instance {
    /// Its number.
    pub id: u64,
    /// The process that created it; 0 if that has exited or has no ID in this
    /// namespace.
    pub pid: i32,
    /// The name that the creating thread had at that time.
    pub command: String,
    /// The user that it is charged to.
    pub uid: u32,
    /// Whether the waiter that came first is woken first.
    pub fifo: bool,
    /// Whether another instance watches it.
    pub watched: bool,
    /// Whether it has watched an epoll.
    pub watches_epoll: bool,
    /// How many items it has.
    pub items: u32,
    /// How many of them are ready.
    pub ready: u32,
    /// How many items have a closed file and will soon be freed.
    pub dead: u32,
    /// How many threads sleep in a wait; at the limit, there may be more.
    pub waiters: u32,
    /// How many pollers it has; at the limit, there may be more.
    pub pollers: u32,
    /// The first of the waiters, in the order in which they will be woken.
    pub waiting: Vec<Waiter>,
    /// What it has counted.
    pub counters: Counters,
}

impl From<&info::Instance> for Instance {
    fn from(info: &info::Instance) -> Self {
        Self {
            id: info.id,
            pid: info.pid,
            command: printable(&info.command),
            uid: info.uid,
            fifo: info.flags.contains(CreateFlags::FIFO),
            watched: info.watched,
            watches_epoll: info.watches_epoll,
            items: info.items,
            ready: info.ready,
            dead: info.dead,
            waiters: info.waiters,
            pollers: info.pollers,
            waiting: info.threads.iter().map(|tid| waiter(*tid)).collect(),
            counters: Counters {
                adds: info.adds,
                mods: info.mods,
                dels: info.dels,
                closed: info.closed,
                events: info.events,
                wakeups: info.wakeups,
                sleeps: info.sleeps,
                waits: info.waits,
                vain: info.vain,
                delivered: info.delivered,
                spurious: info.spurious,
                overlaps: info.overlaps,
            },
        }
    }
}

fn waiter(tid: i32) -> Waiter {
    let name = std::fs::read(format!("/proc/{tid}/comm")).ok();
    Waiter {
        tid,
        name: name.map(|name| printable(String::from_utf8_lossy(&name).trim_end())),
    }
}

/// Replaces control characters: a process chooses its name, and a terminal
/// would obey them.
pub fn printable(name: &str) -> String {
    let printable = |c: char| if c.is_control() { '?' } else { c };
    name.chars().map(printable).collect()
}

/// Formats a number that is only counted up to a limit.
pub fn up_to(count: u32) -> String {
    match count {
        info::MAX_COUNT.. => format!("{count}+"),
        _ => count.to_string(),
    }
}

/// An item.
#[derive(Serialize)]
pub struct Item {
    /// The descriptor that it was added with.
    pub fd: i32,
    /// What it watches for and how: epoll's names without "EPOLL".
    pub interest: Vec<String>,
    /// Whether it is ready.
    pub ready: bool,
    /// The data of its events, if the user may see it.
    pub data: Option<u64>,
    /// "file", "repoll" or "epoll".
    pub kind: &'static str,
    /// The id of the instance that it watches.
    pub instance: Option<u64>,
    /// The file's inode number.
    pub inode: u64,
    /// Whether it takes turns with other items on the file.
    pub round_robin: bool,
    /// Whether the close of its file is noticed late.
    pub late_close: bool,
    /// Whether its events wake pollers late.
    pub late_pollers: bool,
    /// The file's name, a path or a socket's addresses, if the process that
    /// created the instance still has the file open.
    pub file: Option<String>,
}

impl Item {
    /// `files` are those of the process that created the item's instance.
    pub fn new(item: &info::Item, files: &Files, may_see_data: bool) -> Self {
        let (kind, instance) = match item.kind {
            Kind::Repoll(id) => ("repoll", Some(id)),
            Kind::Epoll => ("epoll", None),
            _ => ("file", None),
        };
        Self {
            fd: item.fd,
            interest: interest::names(item.events),
            ready: item.ready,
            data: may_see_data.then_some(item.data),
            kind,
            instance,
            inode: item.inode,
            round_robin: item.round_robin,
            late_close: item.late_close,
            late_pollers: item.late_pollers,
            file: files.name(item).map(|name| printable(&name)),
        }
    }

    /// Its special properties, as text.
    pub fn remarks(&self) -> String {
        let remarks = [
            (self.round_robin, "in turns"),
            (self.late_close, "closes late"),
            (self.late_pollers, "wakes pollers late"),
        ];
        let remarks = remarks.iter().filter(|(is, _)| *is);
        remarks
            .map(|(_, remark)| *remark)
            .collect::<Vec<_>>()
            .join(", ")
    }
}
