// SPDX-License-Identifier: GPL-2.0

//! Reads the kernel's log for reports, which no program may cause.

use crate::table;
use anyhow::{Context, Result};
use std::{
    env,
    fs::{File, OpenOptions},
    io::{ErrorKind, Read, Seek, SeekFrom, Write},
    os::unix::fs::OpenOptionsExt,
    path::PathBuf,
    process::{Command, Stdio},
};

/// The log, read up to some point.
pub struct Log {
    file: File,
    /// The program that recognises reports: that of the virtual machine.
    judge: PathBuf,
}

impl Log {
    /// Reads from now on.
    pub fn open() -> Result<Self> {
        let mut file = OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_NONBLOCK)
            .open("/dev/kmsg")
            .context("/dev/kmsg")?;
        file.seek(SeekFrom::End(0))?;
        let judge = env::current_exe()?.with_file_name("logcheck");
        Ok(Self {
            file: table::keep(file)?.into(),
            judge,
        })
    }

    /// The kernel's reports since the last call, without ordinary messages.
    pub fn report(&mut self) -> Result<Option<String>> {
        let mut text = Vec::new();
        let mut record = [0; 8192];
        loop {
            match self.file.read(&mut record) {
                Ok(len) => text.extend_from_slice(&record[..len]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                // Some records were overwritten, or a signal came.
                Err(error) if error.kind() == ErrorKind::BrokenPipe => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error).context("/dev/kmsg"),
            }
        }
        if text.is_empty() {
            return Ok(None);
        }
        let mut judge = Command::new(&self.judge)
            .arg("/dev/stdin")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| self.judge.display().to_string())?;
        judge
            .stdin
            .take()
            .expect("it was asked for")
            .write_all(&text)?;
        let output = judge.wait_with_output()?;
        Ok(
            (!output.status.success())
                .then(|| String::from_utf8_lossy(&output.stdout).into_owned()),
        )
    }
}
