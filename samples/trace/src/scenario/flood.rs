// SPDX-License-Identifier: GPL-2.0

//! More small packets than soft interrupts may handle at a time: ksoftirqd takes over.

use super::{quiet, Recorded};
use crate::{chain::Chain, network::Network, recorder::Recorder};
use anyhow::{bail, Context as _, Result};
use std::{fs, net::UdpSocket};
use wire::Machine::{Left, Right};

/// How many packets are sent.
const PACKETS: u64 = 3000;
/// How often more are sent if that was not enough for ksoftirqd to take over: twice as many each
/// time.
const TRIES: u32 = 5;
/// How many packets one soft interrupt may handle: the kernel's default, and fewer.
const BUDGETS: [usize; 2] = [300, 8];
const BUDGET: &str = "/proc/sys/net/core/netdev_budget";
/// How many polls of ksoftirqd are shown.
const SHOWN: usize = 3;

pub(super) fn chains(network: Network) -> Vec<Chain> {
    vec![[
        network.on(Left, &["send"]),
        network.on(
            Right,
            &[
                "irq_handler_entry",
                "softirq_entry",
                "napi_poll",
                "sched_switch",
                "softirq_entry",
                "napi_poll",
            ],
        ),
    ]
    .concat()]
}

/// Sends with the default budget and with a smaller one. The record is that of the smaller one.
pub(super) fn record(network: Network) -> Result<Recorded> {
    let (sender, _receiver) = network.datagrams()?;
    let before = set_budget(None)?;
    let mut notes = vec![
        "The drawing shows the second of these floods, up to the first polls in ksoftirqd.".to_owned(),
        "net.core.netdev_budget limits one run of net_rx_action. It is checked after each poll of a queue, so one poll may exceed it:"
            .to_owned(),
    ];
    let mut text = String::new();
    for budget in BUDGETS {
        set_budget(Some(budget))?;
        let recorded = flood(&sender);
        set_budget(Some(before))?;
        let (packets, record, squeezed) = recorded?;
        notes.push(format!(
            "budget {budget}, {packets} datagrams: {}; budget or time ran out {squeezed} times",
            report(packets, &record)
        ));
        text = shorten(&record);
    }
    Ok(Recorded {
        notes,
        ..Recorded::new(text)
    })
}

/// Sends so much at once that ksoftirqd takes over. Returns how many packets that were, the record,
/// and how often the budget was spent.
fn flood(sender: &UdpSocket) -> Result<(u64, String, u64)> {
    for doublings in 0..TRIES {
        let packets = PACKETS << doublings;
        let (record, squeezed) = burst(sender, packets)?;
        if count(&record).by_thread > 0 {
            return Ok((packets, record, squeezed));
        }
    }
    bail!("ksoftirqd does not take over")
}

/// Sends everything at once. Returns the record, and how often the budget was spent.
fn burst(sender: &UdpSocket, packets: u64) -> Result<(String, u64)> {
    let recorder = Recorder::of_card(Right)?;
    recorder.enable("irq/softirq_entry", Some("vec == 3 && CPU == 1"))?;
    recorder.enable("sched/sched_switch", Some("next_comm == \"ksoftirqd/1\""))?;
    let before = squeezed()?;
    recorder.start()?;
    recorder.remark("send")?;
    for _ in 0..packets {
        sender.send(b"x")?;
    }
    quiet(Right)?;
    recorder.remark("all packets have been handled")?;
    Ok((recorder.stop()?, squeezed()? - before))
}

/// Sets the budget, unless it is to stay, and returns what it was.
fn set_budget(budget: Option<usize>) -> Result<usize> {
    // There is one for the whole kernel, in the namespace that it began with.
    wire::outside(|| {
        let before = fs::read_to_string(BUDGET).context(BUDGET)?;
        if let Some(budget) = budget {
            fs::write(BUDGET, budget.to_string()).context(BUDGET)?;
        }
        Ok(before.trim().parse()?)
    })
}

/// How often the right machine's processor has spent its budget.
fn squeezed() -> Result<u64> {
    let text = fs::read_to_string("/proc/net/softnet_stat").context("/proc/net/softnet_stat")?;
    let line = text.lines().nth(1).context("a line for each processor")?;
    let field = line.split(' ').nth(2).context("a third field")?;
    Ok(u64::from_str_radix(field, 16)?)
}

/// Interrupts, and packets by the context that handled them.
#[derive(Debug, Default, PartialEq)]
struct Counts {
    interrupts: u64,
    after_interrupts: u64,
    by_thread: u64,
}

fn count(record: &str) -> Counts {
    let mut counts = Counts::default();
    for line in record.lines() {
        if line.contains(": irq_handler_entry:") {
            counts.interrupts += 1;
        }
        let work = line
            .split_once(" work ")
            .and_then(|(_, rest)| rest.split(' ').next()?.parse::<u64>().ok());
        match work {
            Some(work) if line.contains("ksoftirqd/1-") => counts.by_thread += work,
            Some(work) => counts.after_interrupts += work,
            None => (),
        }
    }
    counts
}

/// The counts of a flood in words.
fn report(packets: u64, record: &str) -> String {
    let Counts {
        interrupts,
        after_interrupts,
        by_thread,
    } = count(record);
    let lost = packets.saturating_sub(after_interrupts + by_thread);
    format!(
        "{interrupts} hard interrupts; {after_interrupts} packets in soft interrupts, \
         {by_thread} in ksoftirqd, {lost} lost on the way"
    )
}

/// The record as far as the first polls of ksoftirqd, and its last remark.
fn shorten(record: &str) -> String {
    let mut shown = 0;
    let lines = record.lines().filter(|line| {
        let keep = shown < SHOWN || line.contains(": tracing_mark_write:");
        if line.contains("ksoftirqd/1-") && line.contains(": napi_poll:") {
            shown += 1;
        }
        keep
    });
    lines.collect::<Vec<_>>().join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORD: &str = "\
   trace-9  [000] .....  1.000001: tracing_mark_write: send
  <idle>-0  [001] d.h1.  1.000002: irq_handler_entry: irq=40 name=right-rx-0
  <idle>-0  [001] ..s1.  1.000003: napi_poll: napi poll on napi struct 0 for device right work 8 budget 8
 ksoftirqd/1-25  [001] ..s1.  1.000004: napi_poll: napi poll on napi struct 0 for device right work 1 budget 8
 ksoftirqd/1-25  [001] ..s1.  1.000005: napi_poll: napi poll on napi struct 0 for device right work 2 budget 8
 ksoftirqd/1-25  [001] ..s1.  1.000006: napi_poll: napi poll on napi struct 0 for device right work 3 budget 8
 ksoftirqd/1-25  [001] ..s1.  1.000007: napi_poll: napi poll on napi struct 0 for device right work 4 budget 8
   trace-9  [000] .....  1.000008: tracing_mark_write: end
";

    #[test]
    fn packets_are_counted_by_context() {
        let expected = Counts {
            interrupts: 1,
            after_interrupts: 8,
            by_thread: 10,
        };
        assert_eq!(count(RECORD), expected);
    }

    #[test]
    fn a_long_record_is_shown_up_to_the_first_polls_of_ksoftirqd() {
        let short = shorten(RECORD);
        assert_eq!(short.lines().count(), 7);
        assert!(!short.contains("work 4"));
        assert!(short.ends_with("end\n"));
    }
}
