// SPDX-License-Identifier: GPL-2.0

//! A record as a timeline: below each function those that it called.

use crate::{
    event::{self, Context, Event},
    scenario::{Recorded, Scenario},
    symbol,
};
use serde::Serialize;
use std::{collections::HashMap, fmt};

/// Functions that every stack of a system call or kernel thread begins with.
const BOTTOM: &[&str] = &[
    "entry_SYSCALL_64_after_hwframe",
    "do_syscall_64",
    "x64_sys_call",
    "ret_from_fork_asm",
    "ret_from_fork",
    "kthread",
];

/// Whose doing something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Who {
    /// The thread that sends, receives or connects; with the soft interrupts that it runs.
    Actor,
    /// The thread that waits.
    Waiter,
    /// Whatever else the processor was running.
    Other,
}

/// A function or an event.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// Microseconds since the start; none if it is only known to have been called before what
    /// is below it.
    pub time: Option<f64>,
    /// What the processor was in.
    pub context: Context,
    /// Which processor it was.
    pub processor: u32,
    /// What it was running.
    pub actor: Who,
    /// How many callers there are.
    pub depth: usize,
    /// The name of the function or event.
    pub name: String,
    /// More of that.
    pub detail: String,
}

/// The rows of a scenario.
#[derive(Debug, Serialize)]
pub struct Timeline {
    /// Which one.
    pub scenario: Scenario,
    /// The rows.
    pub rows: Vec<Row>,
    /// What else there is to tell.
    pub notes: Vec<String>,
}

impl Timeline {
    /// That of a record.
    pub fn new(scenario: Scenario, recorded: &Recorded) -> Self {
        let events = event::parse(&recorded.text);
        // What comes after the last remark is only the end of a thread.
        let start = events.iter().position(is_remark).unwrap_or(0);
        let end = events.iter().rposition(is_remark).unwrap_or(start);
        let events = events.get(start..=end).unwrap_or_default();
        let start = events.first().map_or(0.0, |event| event.time);
        let mut stacks = HashMap::new();
        let mut rows = Vec::new();
        for event in events.iter().filter(|event| is_ours(event, recorded)) {
            let actor = match Some(event.thread) {
                _ if event.name == "sched_switch" => Who::Waiter,
                thread if thread == recorded.waiter => Who::Waiter,
                Some(thread) if thread == recorded.actor => Who::Actor,
                _ => Who::Other,
            };
            let before = stacks.entry(event.thread).or_insert_with(Vec::new);
            let mut stack = frames(event);
            add_rows(&mut rows, event, actor, start, before, &stack);
            std::mem::swap(before, &mut stack);
        }
        Self {
            scenario,
            rows,
            notes: recorded.notes.clone(),
        }
    }
}

fn is_remark(event: &Event) -> bool {
    event.name == "tracing_mark_write"
}

/// Whether the event belongs to what was done, as far as can be told.
fn is_ours(event: &Event, recorded: &Recorded) -> bool {
    let waiter = recorded.waiter.map(|waiter| waiter.to_string());
    let thread = Some(event.thread);
    match event.name.as_str() {
        "sched_waking" => event.field("pid") == waiter.as_deref() && waiter.is_some(),
        "sched_switch" => event.field("next_pid") == waiter.as_deref() && waiter.is_some(),
        name if name.starts_with("repoll_") => {
            event.field("instance") == recorded.instance.as_deref()
        }
        _ => {
            thread == Some(recorded.actor)
                || thread == recorded.waiter
                || event.context == Context::Softirq
        }
    }
}

/// The functions of an event's stack that matter.
fn frames(event: &Event) -> Vec<String> {
    // That of a switch is the stack of the thread that goes.
    if is_remark(event) || event.name == "sched_switch" {
        return Vec::new();
    }
    let frames = event.stack.iter();
    frames
        .filter(|frame| !BOTTOM.contains(&frame.as_str()) && !symbol::is_tracing(frame))
        .map(|frame| symbol::readable(frame))
        .collect()
}

fn add_rows(
    rows: &mut Vec<Row>,
    event: &Event,
    actor: Who,
    start: f64,
    before: &[String],
    stack: &[String],
) {
    let known = before.iter().zip(stack).take_while(|(a, b)| a == b).count();
    // A function that was probed is its own last frame, and called again each time.
    let probed = stack.last() == Some(&event.name);
    let known = if probed {
        known.min(stack.len() - 1)
    } else {
        known
    };
    let entry = |frame: &String| frame.contains("do_softirq") || frame.contains("handle_softirqs");
    let interrupt = stack.iter().rposition(entry).map_or(0, |at| at + 1);
    let row = |depth: usize, name: &str| Row {
        time: None,
        context: match event.context {
            Context::Softirq if depth < interrupt => Context::Process,
            context => context,
        },
        processor: event.processor,
        actor,
        depth,
        name: name.to_owned(),
        detail: String::new(),
    };
    for (depth, frame) in stack.iter().enumerate().skip(known) {
        rows.push(row(depth, frame));
    }
    if !probed {
        rows.push(row(stack.len(), &event.name));
    }
    if let Some(last) = rows.last_mut() {
        last.time = Some((event.time - start) * 1e6);
        if is_remark(event) {
            last.name.clone_from(&event.fields);
        } else if !probed {
            last.detail = detail(event);
        }
    }
}

/// What is worth telling of an event's fields.
fn detail(event: &Event) -> String {
    let names: &[&str] = match event.name.as_str() {
        "net_dev_start_xmit" => &["dev", "len"],
        "sched_waking" => &["comm", "target_cpu"],
        "sched_switch" => &["prev_comm", "next_comm"],
        _ => return event.fields.clone(),
    };
    let fields = names
        .iter()
        .filter_map(|name| Some(format!("{name}={}", event.field(name)?)));
    fields.collect::<Vec<_>>().join(" ")
}

impl fmt::Display for Timeline {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "{}: {}\n", self.scenario, self.scenario.title())?;
        writeln!(out, "      us  cpu  by      context")?;
        for row in &self.rows {
            let time = row.time.map_or(String::new(), |time| format!("{time:.0}"));
            let context = match row.context {
                Context::Process => "process",
                Context::Softirq => "softirq",
                Context::Hardirq => "hardirq",
            };
            let actor = match row.actor {
                Who::Actor => "actor",
                Who::Waiter => "waiter",
                Who::Other => "other",
            };
            let line = format!(
                "{time:>8}  {:>3}  {actor:<6}  {context}  {:indent$}{}  {}",
                row.processor,
                "",
                row.name,
                row.detail,
                indent = row.depth,
            );
            writeln!(out, "{}", line.trim_end())?;
        }
        for note in &self.notes {
            writeln!(out, "{note}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain;

    /// The threads of the record in the tests' folder.
    const ACTOR: i32 = 157;
    const WAITER: i32 = 158;

    fn recorded() -> Timeline {
        let recorded = Recorded {
            text: include_str!("../tests/arrival.txt").to_owned(),
            actor: ACTOR,
            waiter: Some(WAITER),
            instance: Some("1".to_owned()),
            notes: Vec::new(),
        };
        Timeline::new(Scenario::Arrival, &recorded)
    }

    fn depth(timeline: &Timeline, name: &str) -> usize {
        timeline
            .rows
            .iter()
            .find(|row| row.name == name)
            .unwrap()
            .depth
    }

    #[test]
    fn a_record_has_the_chain() {
        let timeline = recorded();
        assert_eq!(chain::missing(&timeline, Scenario::Arrival.chain()), None);
        let backwards = ["tcp_v4_rcv", "tcp_sendmsg"];
        assert_eq!(chain::missing(&timeline, &backwards), Some("tcp_sendmsg"));
    }

    #[test]
    fn callees_are_below_their_callers() {
        let timeline = recorded();
        assert!(depth(&timeline, "loopback_xmit") < depth(&timeline, "net_rx_action"));
        assert!(depth(&timeline, "tcp_v4_rcv") < depth(&timeline, "sock_def_readable"));
        assert!(depth(&timeline, "sock_def_readable") < depth(&timeline, "repoll_callback"));
    }

    #[test]
    fn contexts_change_with_the_interrupt() {
        let timeline = recorded();
        let context = |name| {
            timeline
                .rows
                .iter()
                .find(|row| row.name == name)
                .unwrap()
                .context
        };
        assert_eq!(context("tcp_sendmsg"), Context::Process);
        assert_eq!(context("loopback_xmit"), Context::Process);
        assert_eq!(context("tcp_v4_rcv"), Context::Softirq);
        assert_eq!(context("repoll_deliver"), Context::Process);
    }

    #[test]
    fn another_instance_is_not_ours() {
        let names = |timeline: &Timeline| {
            timeline
                .rows
                .iter()
                .any(|row| row.name == "repoll_callback")
        };
        assert!(names(&recorded()));
        let other = Recorded {
            text: include_str!("../tests/arrival.txt").to_owned(),
            actor: ACTOR,
            waiter: Some(WAITER),
            instance: Some("2".to_owned()),
            notes: Vec::new(),
        };
        assert!(!names(&Timeline::new(Scenario::Arrival, &other)));
    }
}
