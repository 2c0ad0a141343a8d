// SPDX-License-Identifier: GPL-2.0

//! What tracefs has recorded, as events: the text of a `trace` file, parsed.

use serde::Serialize;

/// The context in which an event happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Context {
    /// A process in a system call, or a kernel thread.
    Process,
    /// A soft interrupt.
    Softirq,
    /// The kernel thread that runs soft interrupts when there are many.
    Ksoftirqd,
    /// A hard interrupt.
    Hardirq,
}

/// An event.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// The thread on the processor, even if an interrupt had interrupted it.
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

/// All events of a record, in order. Lines of an unknown form are skipped.
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
            // Events of another processor or of an interrupt may have come in between.
            owner = events.iter().rposition(|before| {
                before.stack.is_empty()
                    && (before.processor, before.thread, before.context)
                        == (event.processor, event.thread, event.context)
            });
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
    let (command, thread, processor, rest) = line.match_indices(" [").find_map(|(at, mark)| {
        let (processor, rest) = line[at + mark.len()..].split_once("] ")?;
        let (command, thread) = line[..at].trim().rsplit_once('-')?;
        Some((command, thread.parse().ok()?, processor.parse().ok()?, rest))
    })?;
    let (flags, rest) = rest.trim_start().split_once(' ')?;
    let (time, what) = rest.trim_start().split_once(": ")?;
    let (name, fields) = what.split_once([':', ' ']).unwrap_or((what, ""));
    Some(Event {
        thread,
        processor,
        context: match flags.chars().nth(2)? {
            's' if command.starts_with("ksoftirqd/") => Context::Ksoftirqd,
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
    /// Whether it is a remark of this program.
    pub fn is_remark(&self) -> bool {
        self.name == "tracing_mark_write"
    }

    /// Those of its fields that a reader wants to see.
    pub fn detail(&self) -> String {
        let names: &[&str] = match self.name.as_str() {
            "net_dev_start_xmit" => &["dev", "len"],
            "irq_handler_entry" => &["name"],
            "softirq_raise" | "softirq_entry" => &[],
            "repoll_callback" => &["instance", "fd", "events", "result"],
            "kfree_skb" => {
                let reason = self.fields.split_once("reason: ");
                return reason.map_or(String::new(), |(_, reason)| reason.to_owned());
            }
            "sched_waking" => &["comm", "target_cpu"],
            "sched_switch" => &["next_comm"],
            // In words: "napi poll on napi struct 0 for device right work 1 budget 64".
            "napi_poll" => {
                let words = self.fields.split_once(" for device ");
                let rest = words.map_or("", |(_, rest)| rest);
                let rest = rest.replace("(no_device)", "backlog");
                return rest
                    .replace(" work ", ": ")
                    .replace(" budget ", " of at most ");
            }
            _ => return self.fields.clone(),
        };
        let fields = names
            .iter()
            .filter_map(|name| Some(format!("{name}={}", self.field(name)?)));
        fields.collect::<Vec<_>>().join(" ")
    }

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
           trace-207     [000] d.h3.     9.441496: irq_handler_entry: irq=40 name=right-rx-0
           trace-207     [000] d.h3.     9.441496: <stack trace>
 => asm_common_interrupt
           trace-207     [000] d.s4.     9.441496: <stack trace>
 => tcp_v4_rcv
 => ip_local_deliver_finish
          <idle>-0       [001] d.h2.     9.441497: <stack trace>
 => __raise_softirq_irqoff
     ksoftirqd/1-24   [001] ..s2.     9.441498: softirq_entry: vec=3 [action=NET_RX]
     a - b [1]-208     [001] .....     9.441500: repoll_wait_exit: instance=1 ret=1
";

    #[test]
    fn a_stack_goes_to_the_event_of_its_processor_and_context() {
        let events = parse(RECORD);
        assert_eq!(events.len(), 5);
        assert_eq!(events[2].stack, ["asm_common_interrupt"]);
        assert_eq!(events[3].context, Context::Ksoftirqd);
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
