// SPDX-License-Identifier: GPL-2.0

//! A sequence as a C program: its calls, one after the other.

use crate::{
    act::{CHUNK, REPEAT},
    environment::ROOM,
    file::BUFFER,
    pairs::{NESTED, PAIRS},
    world::SLOTS,
};

/// The lines of the program, if one is wanted.
pub(crate) struct Program(Option<String>);

impl Program {
    /// No program is wanted.
    pub(crate) const fn none() -> Self {
        Self(None)
    }

    /// An empty program.
    pub(crate) const fn new() -> Self {
        Self(Some(String::new()))
    }

    /// Adds a line.
    pub(crate) fn line(&mut self, line: impl FnOnce() -> String) {
        if let Some(lines) = &mut self.0 {
            lines.push('\t');
            lines.push_str(&line());
            lines.push('\n');
        }
    }

    /// The complete program.
    pub(crate) fn text(&self, comment: &str) -> String {
        let lines = self.0.as_deref().unwrap_or_default();
        format!(
            "/* {comment} */\n{}\n\
             #include \"replay.h\"\n\nint main(void)\n{{\n\tprepare();\n{lines}\treturn differences;\n}}\n",
            constants()
        )
    }
}

/// The constants that replay.h expects the program to define.
fn constants() -> String {
    format!(
        "#define FILES {SLOTS}\n\
         #define PAIRS {PAIRS}\n\
         #define ROOM {ROOM}\n\
         #define BUFFER {BUFFER}\n\
         #define CHUNK {CHUNK}\n\
         #define REPEAT {REPEAT}\n\
         #define NESTED {NESTED:#x}ULL\n"
    )
}
