// SPDX-License-Identifier: GPL-2.0

//! The interrupts of a card, and which processor handles them.

use crate::{Driver, Machine};
use anyhow::{ensure, Context, Result};
use std::fs;

/// An interrupt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interrupt {
    /// Its number.
    pub number: u32,
    /// The name that its driver gave it.
    pub name: String,
}

impl Machine {
    /// The interrupts of the card's queues.
    pub fn interrupts(self) -> Result<Vec<Interrupt>> {
        let prefix = match self.driver()? {
            Driver::Igb => self.name().to_owned(),
            Driver::Virtio => {
                let link = format!("/sys/class/net/{}/device", self.name());
                let path = self.command(&["readlink", &link])?;
                path.trim().rsplit('/').next().unwrap_or("").to_owned()
            }
        };
        let text = fs::read_to_string("/proc/interrupts").context("/proc/interrupts")?;
        let interrupts = of_queues(&text, &prefix);
        ensure!(
            !interrupts.is_empty(),
            "the card '{}' has no interrupts for its queues",
            self.name()
        );
        Ok(interrupts)
    }
}

impl Interrupt {
    /// Which processors may handle it: a mask in hexadecimal.
    pub fn processors(&self) -> Result<String> {
        let mask = fs::read_to_string(self.file()).with_context(|| self.file())?;
        Ok(mask.trim().to_owned())
    }

    /// Lets only these processors handle it.
    pub fn set_processors(&self, mask: &str) -> Result<()> {
        fs::write(self.file(), mask).with_context(|| self.file())
    }

    /// The processor that handles it now: a number, or several.
    pub fn processor(&self) -> Result<String> {
        let file = format!("/proc/irq/{}/effective_affinity_list", self.number);
        let list = fs::read_to_string(&file).context(file)?;
        Ok(list.trim().to_owned())
    }

    /// Whether it reports received packets, maybe among others.
    pub fn is_of_receive_queue(&self) -> bool {
        ["-rx-", "-TxRx-", "-input."]
            .iter()
            .any(|part| self.name.contains(part))
    }

    fn file(&self) -> String {
        format!("/proc/irq/{}/smp_affinity", self.number)
    }
}

/// Finds the lines of /proc/interrupts that belong to queues: `left-rx-0`, `virtio3-input.0`.
fn of_queues(text: &str, prefix: &str) -> Vec<Interrupt> {
    text.lines()
        .filter_map(|line| {
            let (number, rest) = line.trim_start().split_once(':')?;
            let name = rest.split_whitespace().next_back()?;
            let queue = name.strip_prefix(prefix)?.strip_prefix('-')?;
            (queue != "config").then_some(Interrupt {
                number: number.parse().ok()?,
                name: name.to_owned(),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERRUPTS: &str = "            CPU0       CPU1
   1:          9          0   IO-APIC    1-edge      i8042
  34:          1          0  PCI-MSIX-0000:01:00.0    0-edge      left
  35:          0          0  PCI-MSIX-0000:01:00.0    1-edge      left-rx-0
  37:          0          0  PCI-MSIX-0000:01:00.0    3-edge      left-tx-0
  44:          0          0  PCI-MSIX-0000:02:00.0    1-edge      right-TxRx-0
  38:          0          0  PCI-MSIX-0000:00:04.0    0-edge      virtio3-config
  39:          0          0  PCI-MSIX-0000:00:04.0    1-edge      virtio3-input.0
 NMI:          0          0   Non-maskable interrupts
";

    #[test]
    fn only_queues_count() {
        let names = |prefix| {
            let found = of_queues(INTERRUPTS, prefix).into_iter();
            found
                .map(|interrupt| (interrupt.number, interrupt.name))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            names("left"),
            [(35, "left-rx-0".to_owned()), (37, "left-tx-0".to_owned())]
        );
        assert_eq!(names("virtio3"), [(39, "virtio3-input.0".to_owned())]);
        assert_eq!(names("right"), [(44, "right-TxRx-0".to_owned())]);
        assert_eq!(names("middle"), []);
    }
}
