// SPDX-License-Identifier: GPL-2.0

//! `repollctl show`.

use crate::{
    file::Files,
    record::{up_to, Instance, Item},
    table::{Align, Table},
};
use anyhow::{Context, Result};
use repoll::info::{Control, Whose};
use serde::Serialize;
use std::io::Write;

/// The instance and, if requested, its items.
#[derive(Serialize)]
struct Record {
    #[serde(flatten)]
    instance: Instance,
    #[serde(skip_serializing_if = "Option::is_none")]
    watches: Option<Vec<Item>>,
}

/// Prints an instance and, if requested, its items.
pub fn show(
    out: &mut dyn Write,
    control: &Control,
    whose: Whose,
    id: u64,
    items: bool,
    json: bool,
) -> Result<()> {
    let info = control
        .instance(whose, id)
        .context("cannot query the instance")?
        .with_context(|| format!("there is no instance {id}"))?;
    let instance = Instance::from(&info);
    let watches = if items {
        Some(items_of(control, whose, &instance)?)
    } else {
        None
    };
    let record = Record { instance, watches };
    if json {
        serde_json::to_writer_pretty(&mut *out, &record)?;
        return Ok(writeln!(out)?);
    }
    print(out, &record)
}

/// The items, sorted by descriptor.
fn items_of(control: &Control, whose: Whose, instance: &Instance) -> Result<Vec<Item>> {
    let mut items = control
        .items(whose, instance.id)
        .with_context(|| format!("cannot list the items of instance {}", instance.id))?;
    items.sort_by_key(|item| (item.fd, item.inode));
    let files = Files::of(instance.pid);
    let item = |item| Item::new(item, &files, whose == Whose::All);
    Ok(items.iter().map(item).collect())
}

fn print(out: &mut dyn Write, record: &Record) -> Result<()> {
    let instance = &record.instance;
    writeln!(
        out,
        "instance {}, created by {} ({}), user {}",
        instance.id, instance.command, instance.pid, instance.uid
    )?;
    let notes = [
        (instance.fifo, "the waiter that came first is woken first"),
        (instance.watched, "watched by another instance"),
        (instance.watches_epoll, "watches an epoll"),
    ];
    for (_, note) in notes.iter().filter(|(is, _)| *is) {
        writeln!(out, "  {note}")?;
    }
    writeln!(
        out,
        "items    {}, {} of them ready; {} closed, to be freed",
        instance.items, instance.ready, instance.dead
    )?;
    write!(out, "waiters  {}", up_to(instance.waiters))?;
    for (n, waiter) in instance.waiting.iter().enumerate() {
        let name = waiter.name.as_deref().unwrap_or("gone");
        let before = if n == 0 { ": " } else { ", " };
        write!(out, "{before}{name} ({})", waiter.tid)?;
    }
    if (instance.waiting.len() as u32) < instance.waiters && !instance.waiting.is_empty() {
        write!(out, ", ...")?;
    }
    writeln!(out, "\npollers  {}\n", up_to(instance.pollers))?;
    for (name, count, meaning) in instance.counters.all() {
        writeln!(out, "{name:<10}{count:>12}  {meaning}")?;
    }
    let Some(items) = &record.watches else {
        return Ok(());
    };
    let mut table = Table::new([
        ("FD", Align::Right),
        ("INTEREST", Align::Left),
        ("READY", Align::Left),
        ("DATA", Align::Right),
        ("FILE", Align::Left),
        ("", Align::Left),
    ]);
    for item in items {
        let file = match (item.instance, &item.file) {
            (Some(id), _) => format!("repoll instance {id}"),
            (None, Some(file)) => file.clone(),
            (None, None) => format!("inode {}", item.inode),
        };
        let interest = item.interest.join(" ");
        table.push([
            item.fd.to_string(),
            if interest.is_empty() {
                "-".into()
            } else {
                interest
            },
            if item.ready { "yes".into() } else { "-".into() },
            item.data.map_or("-".into(), |data| format!("{data:#x}")),
            file,
            item.remarks(),
        ]);
    }
    writeln!(out)?;
    Ok(table.print(out, usize::MAX)?)
}
