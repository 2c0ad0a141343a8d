// SPDX-License-Identifier: GPL-2.0

//! A firewall on both machines, so that packets pass netfilter: without any rules the kernel skips
//! its hooks.

use anyhow::{Context, Result};
use wire::Machine;

const TABLE: &str = "repoll_trace";
const HOOKS: [&str; 4] = ["prerouting", "input", "output", "postrouting"];

/// The firewall, until this is dropped.
pub struct Filter(());

impl Filter {
    /// Sets it up, if the kernel has nftables: an empty chain on each hook, which lets everything
    /// pass.
    pub fn new() -> Result<Option<Self>> {
        if Machine::Left.command(&["nft", "list", "tables"]).is_err() {
            return Ok(None);
        }
        let filter = Self(());
        let chain = |hook| format!("chain {hook} {{ type filter hook {hook} priority 0; }};");
        let rules = format!("table ip {TABLE} {{ {} }}", HOOKS.map(chain).join(" "));
        for machine in Machine::ALL {
            machine
                .command(&["nft", &rules])
                .context("cannot set up a firewall")?;
        }
        Ok(Some(filter))
    }
}

impl Drop for Filter {
    fn drop(&mut self) {
        for machine in Machine::ALL {
            let _ = machine.command(&["nft", &format!("delete table ip {TABLE}")]);
        }
    }
}
