// SPDX-License-Identifier: GPL-2.0

//! Instances and items as they are printed, as JSON or in words.

use crate::{file::Files, interest};
use repoll::{
    info::{self, Kind},
    CreateFlags,
};
use serde::Serialize;

/// A thread that sleeps until something is ready.
#[derive(Serialize)]
pub struct Waiter {
    /// Its number.
    pub tid: i32,
    /// Its name, if it is still there.
    pub name: Option<String>,
}

/// What an instance has counted since it was made.
#[derive(Clone, Copy, Default, Serialize)]
#[allow(missing_docs)] // told in repoll.h
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
    /// Each with its name and its meaning.
    pub fn all(&self) -> [(&'static str, u64, &'static str); 12] {
        [
            ("adds", self.adds, "items added"),
            ("mods", self.mods, "items changed"),
            ("dels", self.dels, "items deleted"),
            ("closed", self.closed, "items that went with their file"),
            ("events", self.events, "wake-ups of a watched file"),
            ("wakeups", self.wakeups, "waiters woken"),
            ("sleeps", self.sleeps, "times that a waiter went to sleep"),
            (
                "waits",
                self.waits,
                "times that a waiter looked at what was ready",
            ),
            ("vain", self.vain, "those of them that found nothing"),
            ("delivered", self.delivered, "events handed out"),
            (
                "spurious",
                self.spurious,
                "files polled that had no event any more",
            ),
            (
                "overlaps",
                self.overlaps,
                "of the events, those during a look at what was ready",
            ),
        ]
    }
}

/// An instance.
#[derive(Serialize)]
pub struct Instance {
    /// What it is found by.
    pub id: u64,
    /// The process that made it, 0 if that is in another namespace.
    pub pid: i32,
    /// The name of that, then.
    pub command: String,
    /// Its user.
    pub uid: u32,
    /// Whether the waiter that came first is woken first.
    pub fifo: bool,
    /// Whether another instance watches it.
    pub watched: bool,
    /// Whether it has watched an epoll.
    pub watches_epoll: bool,
    /// What it watches.
    pub items: u32,
    /// Those of them that are ready.
    pub ready: u32,
    /// Closed, about to be freed.
    pub dead: u32,
    /// Threads that sleep; at the limit, or more.
    pub waiters: u32,
    /// Who polls it; at the limit, or more.
    pub pollers: u32,
    /// The first of the waiters, the next to be woken first.
    pub waiting: Vec<Waiter>,
    /// What it has done.
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

/// Names are what their owners like, and a terminal obeys some of it.
pub fn printable(name: &str) -> String {
    let printable = |c: char| if c.is_control() { '?' } else { c };
    name.chars().map(printable).collect()
}

/// A number that is counted up to a limit.
pub fn up_to(count: u32) -> String {
    match count {
        info::MAX_COUNT.. => format!("{count}+"),
        _ => count.to_string(),
    }
}

/// An item.
#[derive(Serialize)]
pub struct Item {
    /// The descriptor that it was added by.
    pub fd: i32,
    /// What it watches for and how, by the names of epoll without "EPOLL".
    pub interest: Vec<String>,
    /// Whether it is ready.
    pub ready: bool,
    /// What its events carry, if that may be known.
    pub data: Option<u64>,
    /// "file", "repoll" or "epoll".
    pub kind: &'static str,
    /// The id of the instance that it is.
    pub instance: Option<u64>,
    /// The file's inode number.
    pub inode: u64,
    /// Whether it takes turns with others.
    pub round_robin: bool,
    /// Whether the close of its file is noticed late.
    pub late_close: bool,
    /// Whether its events wake pollers late.
    pub late_pollers: bool,
    /// What the file is, if the process that made the instance still has it: a
    /// path, a socket's addresses.
    pub file: Option<String>,
}

impl Item {
    /// The item of an instance whose maker has those files.
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

    /// What is special about it, in words.
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
