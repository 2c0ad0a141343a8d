// SPDX-License-Identifier: GPL-2.0

//! What tracefs has recorded, as events: the text of a `trace` file, parsed.

use serde::Serialize;

/// In what the processor was when an event happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Context {
    /// A task, in a system call or of the kernel's.
    Process,
    /// A soft interrupt.
    Softirq,
    /// An interrupt.
    Hardirq,
}

/// An event.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// The thread that the processor ran, be it in an interrupt.
    pub thread: i32,
    /// The processor.
    pub processor: u32,
    /// What it was in.
    pub context: Context,
    /// Seconds, by the clock of the record.
    pub time: f64,
    /// What happened.
    pub name: String,
    /// More of that.
    pub fields: String,
    /// The stack, from the outermost function to the one where it happened.
    pub stack: Vec<String>,
}

/// All events of a record, in order. Lines of no known form are passed over.
pub fn parse(text: &str) -> Vec<Event> {
    let mut events: Vec<Event> = Vec::new();
    let mut innermost_first = Vec::new();
    let mut owner = None;
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        if let Some(symbol) = line.strip_prefix(" => ") {
            innermost_first.push(symbol.to_owned());
            continue;
        }
        give_stack(&mut events, owner.take(), &mut innermost_first);
        let Some(event) = parse_event(line) else {
            continue;
        };
        if event.name == "<stack" {
            // Another processor's event may have come in between.
            owner = events
                .iter()
                .rposition(|before| before.processor == event.processor);
        } else {
            events.push(event);
        }
    }
    give_stack(&mut events, owner, &mut innermost_first);
    events
}

fn give_stack(events: &mut [Event], owner: Option<usize>, innermost_first: &mut Vec<String>) {
    let stack = innermost_first.drain(..).rev().collect();
    if let Some(event) = owner.and_then(|owner| events.get_mut(owner)) {
        event.stack = stack;
    }
}

/// A line such as `  comm-12  [001] d.s3.  5.000001: name: fields`. A command may have any
/// characters in it.
fn parse_event(line: &str) -> Option<Event> {
    let (thread, processor, rest) = line.match_indices(" [").find_map(|(at, mark)| {
        let (processor, rest) = line[at + mark.len()..].split_once("] ")?;
        let before = line[..at].trim_end().rsplit('-').next()?;
        Some((before.parse().ok()?, processor.parse().ok()?, rest))
    })?;
    let (flags, rest) = rest.trim_start().split_once(' ')?;
    let (time, what) = rest.trim_start().split_once(": ")?;
    let (name, fields) = what.split_once([':', ' ']).unwrap_or((what, ""));
    Some(Event {
        thread,
        processor,
        context: match flags.chars().nth(2)? {
            's' => Context::Softirq,
            'h' | 'H' | 'z' | 'Z' => Context::Hardirq,
            _ => Context::Process,
        },
        time: time.parse().ok()?,
        name: name.to_owned(),
        fields: fields.trim().to_owned(),
        stack: Vec::new(),
    })
}

impl Event {
    /// The field with that name.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields
            .split(' ')
            .find_map(|field| field.strip_prefix(name)?.strip_prefix('='))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORD: &str = "\
# tracer: nop
#
#           TASK-PID     CPU#  |||||  TIMESTAMP  FUNCTION
           trace-207     [000] d.s4.     9.441494: tcp_v4_rcv: (tcp_v4_rcv+0x0/0xd10)
          <idle>-0       [001] d.h2.     9.441495: softirq_raise: vec=3 [action=NET_RX]
           trace-207     [000] d.s4.     9.441496: <stack trace>
 => tcp_v4_rcv
 => ip_local_deliver_finish
          <idle>-0       [001] d.h2.     9.441497: <stack trace>
 => __raise_softirq_irqoff
     a - b [1]-208     [001] .....     9.441500: repoll_wait_exit: instance=1 ret=1
";

    #[test]
    fn a_stack_goes_to_its_processors_event() {
        let events = parse(RECORD);
        assert_eq!(events.len(), 3);
        assert_eq!(events[0].name, "tcp_v4_rcv");
        assert_eq!(events[0].context, Context::Softirq);
        assert_eq!(events[0].stack, ["ip_local_deliver_finish", "tcp_v4_rcv"]);
        assert_eq!(events[1].context, Context::Hardirq);
        assert_eq!(events[1].stack, ["__raise_softirq_irqoff"]);
    }

    #[test]
    fn fields_are_found_by_name() {
        let events = parse(RECORD);
        assert_eq!(events[1].field("vec"), Some("3"));
        assert_eq!(events[1].field("ve"), None);
    }

    #[test]
    fn what_is_no_event_is_passed_over() {
        assert_eq!(parse("CPU:0 [LOST 12 EVENTS]\n\n => orphan\n"), []);
    }
}
