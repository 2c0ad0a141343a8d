// SPDX-License-Identifier: GPL-2.0

//! The stack of an event: the functions that led to it, and in which context each ran.

use crate::{
    event::{Context, Event},
    symbol,
};

/// Functions that every stack of a system call or kernel thread begins with.
const BOTTOM: &[&str] = &[
    "entry_SYSCALL_64_after_hwframe",
    "do_syscall_64",
    "x64_sys_call",
    "ret_from_fork_asm",
    "ret_from_fork",
    "kthread",
    "smpboot_thread_fn",
];

/// Functions between an interrupt and its handler, and between marking a soft interrupt and the
/// event that reports it.
const IN_BETWEEN: &[&str] = &[
    "asm_common_interrupt",
    "common_interrupt",
    "vring_interrupt",
    "__common_interrupt",
    "handle_edge_irq",
    "handle_irq_event",
    "__handle_irq_event_percpu",
    "raise_softirq_irqoff",
    "__raise_softirq_irqoff",
];

/// A function on a stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Its name, readable.
    pub name: String,
    /// The context that it ran in.
    pub context: Context,
}

/// What a stack belongs to. A stack continues the one before it of the same owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Owner {
    /// A thread.
    Thread(i32),
    /// The interrupts of a processor: those that interrupt a thread, those that interrupt these, and
    /// so on.
    Interrupt {
        /// Of which processor.
        processor: u32,
        /// How many interrupts are on the stack, including this one.
        nesting: usize,
    },
}

/// The frames of an event that matter, from the outermost one on. The functions that an interrupt
/// interrupted are left out.
pub fn frames(event: &Event) -> (Owner, Vec<Frame>) {
    let mut owner = Owner::Thread(event.thread);
    let mut frames = Vec::new();
    let mut context = match event.context {
        Context::Ksoftirqd => Context::Ksoftirqd,
        _ => Context::Process,
    };
    let mut nesting = 0;
    for symbol in &event.stack {
        if is_interrupt_entry(symbol) {
            nesting += 1;
            owner = Owner::Interrupt {
                processor: event.processor,
                nesting,
            };
            frames.clear();
            context = Context::Hardirq;
        } else if is_softirq_entry(symbol) && context != Context::Ksoftirqd {
            context = Context::Softirq;
        }
        let is_known = |names: &[&str]| names.contains(&symbol.as_str());
        let is_dull = is_known(BOTTOM) || is_known(IN_BETWEEN) || symbol.starts_with("sysvec_");
        if !is_dull && !symbol::is_tracing(symbol) {
            let name = symbol::readable(symbol);
            frames.push(Frame { name, context });
        }
    }
    (owner, frames)
}

fn is_interrupt_entry(symbol: &str) -> bool {
    symbol == "asm_common_interrupt" || symbol.starts_with("asm_sysvec_")
}

fn is_softirq_entry(symbol: &str) -> bool {
    symbol.contains("do_softirq") || symbol.contains("handle_softirqs")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(context: Context, stack: &[&str]) -> Event {
        Event {
            thread: 7,
            processor: 1,
            context,
            time: 0.0,
            name: String::new(),
            fields: String::new(),
            stack: stack.iter().map(|&symbol| symbol.to_owned()).collect(),
        }
    }

    fn contexts(event: &Event) -> Vec<(String, Context)> {
        let (_, frames) = frames(event);
        let frames = frames.into_iter();
        frames.map(|frame| (frame.name, frame.context)).collect()
    }

    #[test]
    fn interrupted_functions_are_left_out() {
        let stack = [
            "do_idle",
            "asm_common_interrupt",
            "__irq_exit_rcu",
            "handle_softirqs",
            "net_rx_action",
        ];
        let event = event(Context::Softirq, &stack);
        let owner = Owner::Interrupt {
            processor: 1,
            nesting: 1,
        };
        assert_eq!(frames(&event).0, owner);
        let expected = [
            ("__irq_exit_rcu", Context::Hardirq),
            ("handle_softirqs", Context::Softirq),
            ("net_rx_action", Context::Softirq),
        ];
        assert_eq!(
            contexts(&event),
            expected.map(|(name, context)| (name.to_owned(), context))
        );
    }

    #[test]
    fn a_thread_that_runs_softirqs_itself_goes_on_below() {
        let stack = ["do_syscall_64", "tcp_sendmsg", "do_softirq", "ip_rcv"];
        let event = event(Context::Softirq, &stack);
        assert_eq!(frames(&event).0, Owner::Thread(7));
        let expected = [
            ("tcp_sendmsg", Context::Process),
            ("do_softirq", Context::Softirq),
            ("ip_rcv", Context::Softirq),
        ];
        assert_eq!(
            contexts(&event),
            expected.map(|(name, context)| (name.to_owned(), context))
        );
    }

    #[test]
    fn ksoftirqd_has_its_own_context() {
        let stack = ["kthread", "run_ksoftirqd", "handle_softirqs"];
        let event = event(Context::Ksoftirqd, &stack);
        let expected = ["run_ksoftirqd", "handle_softirqs"];
        assert_eq!(
            contexts(&event),
            expected.map(|name| (name.to_owned(), Context::Ksoftirqd))
        );
    }
}
