// SPDX-License-Identifier: GPL-2.0

//! Executes programs, one after the other, with two threads.

use crate::{
    coverage::Coverage,
    fuse, kcov,
    log::Log,
    module::Module,
    open,
    oracle::Handed,
    program::{Op, Program},
    table::{self, Table},
    thread::{Shared, Thread},
};
use anyhow::{Context, Result};
use std::{
    fs::File,
    os::unix::fs::FileExt,
    path::Path,
    sync::{
        mpsc::{channel, Receiver, Sender},
        Arc, Barrier,
    },
};

/// The module in the guest.
const MODULE: &str = "/opt/repoll/repoll.ko";

/// The name of the file with the program that is being executed.
pub const CURRENT: &str = "current";

/// The second thread.
struct Second {
    work: Sender<Vec<Op>>,
    done: Receiver<()>,
    /// Both threads start here.
    start: Arc<Barrier>,
    blocks: Option<kcov::Buffer>,
}

impl Second {
    fn new(shared: Arc<Shared>) -> Result<Self> {
        let (work, orders) = channel::<Vec<Op>>();
        let (finished, done) = channel();
        let (ready, made) = channel();
        let start = Arc::new(Barrier::new(2));
        let begin = start.clone();
        std::thread::spawn(move || {
            let mut thread = match Thread::new(shared) {
                Ok(thread) => thread,
                Err(error) => return ready.send(Err(error)).expect("it is waited for"),
            };
            ready.send(Ok(thread.blocks)).expect("it is waited for");
            for ops in orders {
                begin.wait();
                thread.run(&ops);
                finished.send(()).expect("it is waited for");
            }
        });
        Ok(Self {
            blocks: made.recv()??,
            work,
            done,
            start,
        })
    }
}

/// Executes programs.
pub struct Machine {
    shared: Arc<Shared>,
    first: Thread,
    second: Second,
    log: Log,
    /// Where a program is written before it is executed.
    current: Option<File>,
    /// What was reached, if the kernel records it.
    pub coverage: Option<Coverage>,
    /// How many programs were executed.
    pub programs: u64,
}

impl Machine {
    /// Prepares the process. The calling thread will be the first one.
    ///
    /// Each program is written to a file in `state` before it is executed: if the kernel dies, the
    /// program is there.
    pub fn new(state: Option<&Path>) -> Result<Self> {
        open::prepare().context("cannot create the files with a name")?;
        fuse::prepare().context("cannot mount the test's file system")?;
        let current = match state {
            Some(state) => {
                let path = state.join(CURRENT);
                let file = File::create(&path).with_context(|| path.display().to_string())?;
                Some(table::keep(file)?.into())
            }
            None => None,
        };
        let log = Log::open()?;
        let shared = Arc::new(Shared {
            table: Table::default(),
            handed: Handed::default(),
        });
        let first = Thread::new(shared.clone())?;
        let coverage = match first.blocks {
            Some(_) => Some(Coverage::new(Module::read(Path::new(MODULE))?)?),
            None => None,
        };
        Ok(Self {
            second: Second::new(shared.clone())?,
            shared,
            first,
            log,
            current,
            coverage,
            programs: 0,
        })
    }

    /// Executes a program. Returns the kernel's reports during that time.
    pub fn run(&mut self, program: &Program) -> Result<Option<String>> {
        self.write_ahead(&program.store())?;
        self.shared.table.begin()?;
        let buffers = [self.first.blocks, self.second.blocks];
        for buffer in buffers.iter().flatten() {
            buffer.clear();
        }
        self.first.run(&program.alone);
        let [left, right] = &program.together;
        if right.is_empty() {
            self.first.run(left);
        } else {
            self.second.work.send(right.clone())?;
            self.second.start.wait();
            self.first.run(left);
            self.second.done.recv()?;
        }
        self.shared.table.clear();
        self.shared.handed.clear();
        self.programs += 1;
        if let Some(coverage) = &mut self.coverage {
            for buffer in buffers.iter().flatten() {
                coverage.collect(buffer.passed());
            }
        }
        self.log.report()
    }

    /// The kernel's reports since the last program.
    pub fn report(&mut self) -> Result<Option<String>> {
        self.log.report()
    }

    /// Writes the length, then the program, with one call, because each write is a message to the
    /// host.
    fn write_ahead(&mut self, program: &[u8]) -> Result<()> {
        if let Some(file) = &self.current {
            let mut bytes = (program.len() as u32).to_le_bytes().to_vec();
            bytes.extend(program);
            file.write_all_at(&bytes, 0)?;
        }
        Ok(())
    }
}
