// SPDX-License-Identifier: GPL-2.0

//! A record as a timeline: below each function those that it called.

use crate::{
    event::{self, Context, Event},
    glossary,
    network::Network,
    pinned,
    scenario::{Recorded, Scenario},
    stack::{self, Frame},
};
use serde::Serialize;
use std::{collections::HashMap, fmt};

/// The thread or machine to which a row belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Who {
    /// The thread that sends, receives or connects; with the soft interrupts that it runs.
    Actor,
    /// The thread that waits.
    Waiter,
    /// Whatever else the processor was running.
    Other,
    /// Over the wire: the sender's machine.
    Left,
    /// Over the wire: the receiver's machine.
    Right,
}

/// A function or an event.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// Microseconds since the start; none if only the stack of a later row shows that it was
    /// called.
    pub time: Option<f64>,
    /// The context.
    pub context: Context,
    /// Which processor it was.
    pub processor: u32,
    /// The thread, or over the wire the machine.
    pub actor: Who,
    /// How many callers there are.
    pub depth: usize,
    /// The name of the function or event.
    pub name: String,
    /// Its fields.
    pub detail: String,
    /// Whether it is a remark of this program.
    pub remark: bool,
}

/// The rows of a scenario.
#[derive(Debug, Serialize)]
pub struct Timeline {
    /// The scenario.
    pub scenario: Scenario,
    /// The network.
    pub network: &'static str,
    /// The rows.
    pub rows: Vec<Row>,
    /// Further remarks for the reader.
    pub notes: Vec<String>,
}

impl Timeline {
    /// Makes the timeline of a record.
    pub fn new(scenario: Scenario, network: Network, recorded: &Recorded) -> Self {
        let events = event::parse(&recorded.text);
        // What comes after the last remark is only the end of a thread.
        let start = events.iter().position(Event::is_remark).unwrap_or(0);
        let end = events.iter().rposition(Event::is_remark).unwrap_or(start);
        let events = events.get(start..=end).unwrap_or_default();
        let start = events.first().map_or(0.0, |event| event.time);
        let mut stacks = HashMap::new();
        let mut rows = Vec::new();
        let mut waiting = true;
        for event in events.iter().filter(|event| is_ours(event, recorded)) {
            // After its remark, the waiter does nothing but end.
            if !waiting && belongs_to_waiter(event, recorded) {
                continue;
            }
            waiting &= !(event.is_remark() && belongs_to_waiter(event, recorded));
            let (owner, stack) = stack_of(event);
            let before = stacks.entry(owner).or_insert_with(Vec::new);
            // Another interrupt, even if its stack is like that of the one before.
            if event.name == "irq_handler_entry" {
                before.clear();
            }
            let actor = who(event, network, recorded);
            add_rows(&mut rows, event, actor, start, before, &stack);
            *before = stack;
        }
        Self {
            scenario,
            network: network.name(),
            rows,
            notes: recorded.notes.clone(),
        }
    }
}

impl Row {
    /// What a reader needs to see: what was recorded, and callers that have a meaning.
    fn is_shown(&self) -> bool {
        self.time.is_some() || glossary::meaning(&self.name, &self.detail).is_some()
    }
}

impl Timeline {
    /// The rows that a reader needs to see, with their depths among themselves.
    pub fn shown(&self) -> Vec<Row> {
        let mut shown = Vec::new();
        // Of each column, the depths of the callers of the row that is next.
        let mut callers: HashMap<&str, Vec<(usize, bool)>> = HashMap::new();
        for row in &self.rows {
            let callers = callers.entry(row.actor.name()).or_default();
            callers.retain(|(depth, _)| *depth < row.depth);
            let is_shown = row.is_shown();
            if is_shown {
                let depth = callers.iter().filter(|(_, shown)| *shown).count();
                shown.push(Row {
                    depth,
                    ..row.clone()
                });
            }
            callers.push((row.depth, is_shown));
        }
        shown
    }

    /// What happens in it, and where.
    pub fn title(&self) -> String {
        format!("{} ({})", self.scenario.title(), self.network)
    }
}

/// Whether the event belongs to the scenario, judging by its thread and context.
fn is_ours(event: &Event, recorded: &Recorded) -> bool {
    let waiter = recorded.waiter.map(|waiter| waiter.to_string());
    let thread = Some(event.thread);
    match event.name.as_str() {
        "sched_waking" => event.field("pid") == waiter.as_deref() && waiter.is_some(),
        "sched_switch" => {
            let next = event.field("next_comm").unwrap_or("");
            next.starts_with("ksoftirqd/")
                || event.field("next_pid") == waiter.as_deref() && waiter.is_some()
        }
        // A kernel thread may poll the card.
        "napi_poll" => true,
        name if name.starts_with("repoll_") => {
            event.field("instance") == recorded.instance.as_deref()
        }
        _ => {
            thread == Some(recorded.actor)
                || thread == recorded.waiter
                || event.context != Context::Process
        }
    }
}

/// Whether it is something that the waiter does, or a switch to it.
fn belongs_to_waiter(event: &Event, recorded: &Recorded) -> bool {
    let waiter = recorded.waiter.map(|waiter| waiter.to_string());
    match event.name.as_str() {
        "sched_switch" => event.field("next_pid") == waiter.as_deref(),
        _ => Some(event.thread) == recorded.waiter && event.context == Context::Process,
    }
}

fn who(event: &Event, network: Network, recorded: &Recorded) -> Who {
    let thread = Some(event.thread);
    match (network, pinned::machine_of(event.processor)) {
        (Network::Wire(_), wire::Machine::Left) => Who::Left,
        (Network::Wire(_), wire::Machine::Right) => Who::Right,
        _ if event.name == "sched_switch" || thread == recorded.waiter => Who::Waiter,
        _ if thread == Some(recorded.actor) => Who::Actor,
        _ => Who::Other,
    }
}

/// The stack of an event. Remarks and switches have none: theirs belong to something else.
fn stack_of(event: &Event) -> (stack::Owner, Vec<Frame>) {
    let (owner, frames) = stack::frames(event);
    match event.is_remark() || event.name == "sched_switch" {
        true => (owner, Vec::new()),
        false => (owner, frames),
    }
}

fn add_rows(
    rows: &mut Vec<Row>,
    event: &Event,
    actor: Who,
    start: f64,
    before: &[Frame],
    stack: &[Frame],
) {
    let known = before.iter().zip(stack).take_while(|(a, b)| a == b).count();
    // A function that was probed is its own last frame, and called again each time.
    let probed = stack.last().is_some_and(|last| last.name == event.name);
    let known = if probed {
        known.min(stack.len() - 1)
    } else {
        known
    };
    let row = |depth: usize, context: Context, name: &str| Row {
        time: None,
        context,
        processor: event.processor,
        actor,
        depth,
        name: name.to_owned(),
        detail: String::new(),
        remark: false,
    };
    for (depth, frame) in stack.iter().enumerate().skip(known) {
        rows.push(row(depth, frame.context, &frame.name));
    }
    if !probed {
        let context = stack.last().map_or(event.context, |frame| frame.context);
        rows.push(row(stack.len(), context, &event.name));
    }
    if let Some(last) = rows.last_mut() {
        last.time = Some((event.time - start) * 1e6);
        if event.is_remark() {
            last.name.clone_from(&event.fields);
            last.remark = true;
        } else if !probed {
            last.detail = event.detail();
        }
    }
}

impl Context {
    /// Its name in a timeline.
    pub fn name(self) -> &'static str {
        match self {
            Self::Process => "process",
            Self::Softirq => "softirq",
            Self::Ksoftirqd => "ksoftirqd",
            Self::Hardirq => "hardirq",
        }
    }
}

impl Who {
    /// Its name in a timeline.
    pub fn name(self) -> &'static str {
        match self {
            Self::Actor => "actor",
            Self::Waiter => "waiter",
            Self::Other => "other",
            Self::Left => "left",
            Self::Right => "right",
        }
    }
}

impl fmt::Display for Timeline {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "{}: {}\n", self.scenario, self.title())?;
        writeln!(out, "      us  cpu  by      context")?;
        for row in &self.shown() {
            let time = row.time.map_or(String::new(), |time| format!("{time:.0}"));
            let mut line = format!(
                "{time:>8}  {:>3}  {:<6}  {:<9}  {:indent$}{}",
                row.processor,
                row.actor.name(),
                row.context.name(),
                "",
                row.name,
                indent = row.depth,
            );
            if !row.detail.is_empty() {
                line = format!("{line}  {}", row.detail);
            }
            if let Some(meaning) = glossary::meaning(&row.name, &row.detail) {
                line = format!("{line:<72}  # {meaning}");
            }
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
    const ACTOR: i32 = 158;
    const WAITER: i32 = 159;

    fn recorded() -> Timeline {
        let recorded = Recorded {
            text: include_str!("../tests/arrival.txt").to_owned(),
            actor: ACTOR,
            waiter: Some(WAITER),
            instance: Some("1".to_owned()),
            notes: Vec::new(),
        };
        Timeline::new(Scenario::Arrival, Network::Loopback, &recorded)
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
        for chain in Scenario::Arrival.chains(Network::Loopback) {
            assert_eq!(chain::missing(&timeline, &chain), None);
        }
        let backwards = Network::Loopback.on(wire::Machine::Left, &["tcp_v4_rcv", "tcp_sendmsg"]);
        assert_eq!(
            chain::missing(&timeline, &backwards),
            backwards.last().copied()
        );
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
        assert!(!names(&Timeline::new(
            Scenario::Arrival,
            Network::Loopback,
            &other
        )));
    }
}
