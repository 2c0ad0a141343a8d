// SPDX-License-Identifier: GPL-2.0

//! `repollctl list`.

use crate::{
    record::{up_to, Instance},
    table::{Align, Table},
};
use anyhow::{Context, Result};
use repoll::info::{Control, Whose};
use std::io::Write;

/// All instances, sorted by id.
pub fn instances(control: &Control, whose: Whose) -> Result<Vec<Instance>> {
    let infos = control
        .instances(whose)
        .context("cannot list the instances")?;
    Ok(infos.iter().map(Instance::from).collect())
}

/// Prints a table of the instances.
pub fn list(out: &mut dyn Write, control: &Control, whose: Whose, json: bool) -> Result<()> {
    let instances = instances(control, whose)?;
    if json {
        serde_json::to_writer_pretty(&mut *out, &instances)?;
        return Ok(writeln!(out)?);
    }
    let mut table = Table::new([
        ("ID", Align::Right),
        ("PID", Align::Right),
        ("UID", Align::Right),
        ("COMMAND", Align::Left),
        ("ITEMS", Align::Right),
        ("READY", Align::Right),
        ("WAITERS", Align::Right),
        ("EVENTS", Align::Right),
        ("WAITS", Align::Right),
        ("DELIVERED", Align::Right),
        ("SPURIOUS", Align::Right),
    ]);
    for instance in &instances {
        table.push([
            instance.id.to_string(),
            instance.pid.to_string(),
            instance.uid.to_string(),
            instance.command.clone(),
            instance.items.to_string(),
            instance.ready.to_string(),
            up_to(instance.waiters),
            instance.counters.events.to_string(),
            instance.counters.waits.to_string(),
            instance.counters.delivered.to_string(),
            instance.counters.spurious.to_string(),
        ]);
    }
    Ok(table.print(out, usize::MAX)?)
}
