// SPDX-License-Identifier: GPL-2.0

//! `repollctl top`.

use crate::{
    list,
    record::{up_to, Counters, Instance},
    table::{Align, Table},
};
use anyhow::Result;
use repoll::info::{Control, Whose};
use serde::Serialize;
use std::{
    collections::HashMap,
    io::{self, IsTerminal, Write},
    thread,
    time::{Duration, Instant},
};

/// Moves the cursor to the corner and clears the screen below it.
const HOME: &str = "\x1b[H\x1b[J";

/// The number of lines on the screen that are not rows of the table.
const OTHER_LINES: usize = 4;

/// What an instance does per second.
#[derive(Clone, Copy, Serialize)]
struct Rates {
    events: f64,
    delivered: f64,
    waits: f64,
    wakeups: f64,
    spurious: f64,
    changes: f64,
}

impl Rates {
    fn new(before: &Counters, now: &Counters, seconds: f64) -> Self {
        let rate = |of: fn(&Counters) -> u64| of(now).wrapping_sub(of(before)) as f64 / seconds;
        Self {
            events: rate(|counters| counters.events),
            delivered: rate(|counters| counters.delivered),
            waits: rate(|counters| counters.waits),
            wakeups: rate(|counters| counters.wakeups),
            spurious: rate(|counters| counters.spurious),
            changes: rate(|counters| counters.adds + counters.mods + counters.dels),
        }
    }

    fn activity(&self) -> f64 {
        self.events + self.delivered + self.waits + self.changes
    }
}

/// An instance and its rates.
#[derive(Serialize)]
struct Row {
    #[serde(flatten)]
    instance: Instance,
    per_second: Rates,
}

/// One update: all instances at one time.
#[derive(Serialize)]
struct Look {
    /// The time since the previous update.
    seconds: f64,
    instances: Vec<Row>,
}

/// Prints the rates of the instances, the busiest first, `count` times or for ever.
pub fn top(
    out: &mut dyn Write,
    control: &Control,
    whose: Whose,
    interval: Duration,
    count: Option<u64>,
    json: bool,
) -> Result<()> {
    let is_screen = !json && io::stdout().is_terminal();
    let mut before = HashMap::new();
    let mut last = Instant::now();
    for instance in list::instances(control, whose)? {
        before.insert(instance.id, instance.counters);
    }
    let mut looks = 0;
    while count.is_none_or(|count| looks < count) {
        thread::sleep(interval);
        let instances = list::instances(control, whose)?;
        let now = Instant::now();
        let seconds = now.duration_since(last).as_secs_f64();
        last = now;
        let mut next = HashMap::new();
        let mut rows: Vec<_> = instances
            .into_iter()
            .map(|instance| {
                next.insert(instance.id, instance.counters);
                // A new instance has done everything since the last update.
                let before = before.get(&instance.id).copied().unwrap_or_default();
                Row {
                    per_second: Rates::new(&before, &instance.counters, seconds),
                    instance,
                }
            })
            .collect();
        before = next;
        rows.sort_by(|a, b| {
            let order = b.per_second.activity().total_cmp(&a.per_second.activity());
            order.then(a.instance.id.cmp(&b.instance.id))
        });
        let look = Look {
            seconds,
            instances: rows,
        };
        if json {
            serde_json::to_writer(&mut *out, &look)?;
            writeln!(out)?;
        } else {
            print(out, &look, is_screen, looks)?;
        }
        out.flush()?;
        looks += 1;
    }
    Ok(())
}

/// The number of rows that fit on the screen.
fn room(is_screen: bool) -> usize {
    if !is_screen {
        return usize::MAX;
    }
    let size = rustix::termios::tcgetwinsize(io::stdout());
    let rows = size.map_or(24, |size| size.ws_row.into());
    // A terminal that does not know its size reports 0.
    if rows == 0 { 24 } else { rows }.max(OTHER_LINES + 1) - OTHER_LINES
}

fn print(out: &mut dyn Write, look: &Look, is_screen: bool, looks: u64) -> Result<()> {
    if is_screen {
        write!(out, "{HOME}")?;
    } else if looks > 0 {
        writeln!(out)?;
    }
    let sum = |of: fn(&Row) -> u64| look.instances.iter().map(of).sum::<u64>();
    writeln!(
        out,
        "{} {}, {} items, {} ready; per second, of the last {:.1} s:\n",
        look.instances.len(),
        if look.instances.len() == 1 {
            "instance"
        } else {
            "instances"
        },
        sum(|row| row.instance.items.into()),
        sum(|row| row.instance.ready.into()),
        look.seconds
    )?;
    let mut table = Table::new([
        ("ID", Align::Right),
        ("PID", Align::Right),
        ("COMMAND", Align::Left),
        ("ITEMS", Align::Right),
        ("READY", Align::Right),
        ("WAITERS", Align::Right),
        ("EVENTS/s", Align::Right),
        ("DELIV/s", Align::Right),
        ("WAITS/s", Align::Right),
        ("WAKES/s", Align::Right),
        ("SPUR/s", Align::Right),
        ("CTL/s", Align::Right),
    ]);
    let rate = |rate: f64| format!("{rate:.0}");
    for Row {
        instance,
        per_second,
    } in &look.instances
    {
        table.push([
            instance.id.to_string(),
            instance.pid.to_string(),
            instance.command.clone(),
            instance.items.to_string(),
            instance.ready.to_string(),
            up_to(instance.waiters),
            rate(per_second.events),
            rate(per_second.delivered),
            rate(per_second.waits),
            rate(per_second.wakeups),
            rate(per_second.spurious),
            rate(per_second.changes),
        ]);
    }
    Ok(table.print(out, room(is_screen))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_of_what_was_done_since() {
        let before = Counters {
            events: 100,
            adds: 7,
            ..Default::default()
        };
        let now = Counters {
            events: 150,
            adds: 8,
            mods: 3,
            ..Default::default()
        };
        let rates = Rates::new(&before, &now, 2.0);
        assert_eq!((rates.events, rates.changes, rates.waits), (25.0, 2.0, 0.0));
    }
}
