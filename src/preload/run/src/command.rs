// SPDX-License-Identifier: GPL-2.0

//! The file that a command finally executes: for a script the interpreter, for `env` the program
//! that it runs.

use rustix::fs::{access, Access};
use std::{
    collections::VecDeque,
    env,
    ffi::{OsStr, OsString},
    fs::File,
    io::Read,
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::{Path, PathBuf},
};

/// The number of bytes of a script that the kernel reads.
const FIRST_LINE: u64 = 256;

/// The kernel allows five interpreters in a row that are scripts, each of which may name `env`.
const FOLLOWED: usize = 10;

/// The interpreter of a text file that does not name one. The C library chooses it.
const SHELL: &str = "/bin/sh";

/// What a command leads to.
pub(crate) struct Command {
    /// The file that is finally executed.
    pub(crate) program: PathBuf,
    /// An `env` on the way removes `LD_PRELOAD` or replaces it.
    pub(crate) loses_preload: bool,
}

impl Command {
    /// Follows a program with its arguments. Returns `None` if the program cannot be found.
    pub(crate) fn follow(words: &[OsString]) -> Option<Self> {
        let mut words = VecDeque::from(words.to_vec());
        let mut loses_preload = false;
        for _ in 0..FOLLOWED {
            let program = locate(words.front()?)?;
            let Some(head) = head(&program) else {
                break;
            };
            if let Some((interpreter, argument)) = interpreter(&head) {
                words[0] = program.into();
                if let Some(argument) = argument {
                    words.push_front(argument);
                }
                words.push_front(interpreter);
            } else if !head.starts_with(b"\x7fELF") {
                words[0] = program.into();
                words.push_front(SHELL.into());
            } else if program.file_name() == Some(OsStr::new("env")) {
                words.pop_front();
                let Some(loses) = env_leaves(&mut words) else {
                    // It only prints the environment.
                    return Some(Self {
                        program,
                        loses_preload,
                    });
                };
                loses_preload |= loses;
            } else {
                break;
            }
        }
        Some(Self {
            program: locate(words.front()?)?,
            loses_preload,
        })
    }
}

/// The file that is executed for `name`.
fn locate(name: &OsStr) -> Option<PathBuf> {
    if name.as_bytes().contains(&b'/') {
        return Some(name.into());
    }
    env::split_paths(&env::var_os("PATH")?)
        .map(|folder| folder.join(name))
        .find(|path| path.is_file() && access(path, Access::EXEC_OK).is_ok())
}

fn head(path: &Path) -> Option<Vec<u8>> {
    let mut head = Vec::new();
    let file = File::open(path).ok()?;
    file.take(FIRST_LINE).read_to_end(&mut head).ok()?;
    Some(head)
}

/// The interpreter in a script's first line: a path, and the rest as one argument.
fn interpreter(head: &[u8]) -> Option<(OsString, Option<OsString>)> {
    let line = head.strip_prefix(b"#!")?;
    let line = line.split(|byte| matches!(byte, b'\n' | 0)).next()?;
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let trimmed = |text: &[u8]| {
        let start = text.iter().position(|byte| !is_blank(byte))?;
        let end = text.iter().rposition(|byte| !is_blank(byte))?;
        Some(text[start..=end].to_vec())
    };
    let line = trimmed(line)?;
    let end = line.iter().position(is_blank).unwrap_or(line.len());
    let (path, rest) = line.split_at(end);
    Some((
        OsString::from_vec(path.to_vec()),
        trimmed(rest).map(OsString::from_vec),
    ))
}

/// Removes `env`'s own arguments from the words, so that its program comes first. Returns whether
/// `env` removes or replaces `LD_PRELOAD` for that program, or `None` if there is no program.
///
/// A string for `-S` is split at blanks; quotes in it are not supported.
fn env_leaves(words: &mut VecDeque<OsString>) -> Option<bool> {
    const PRELOAD: &[u8] = b"LD_PRELOAD";

    let mut loses = false;
    while words.front()?.as_bytes().starts_with(b"-") {
        let word = words.pop_front()?.into_vec();
        if let Some(long) = word.strip_prefix(b"--") {
            match long {
                b"" => break,
                b"ignore-environment" => loses = true,
                b"unset" => loses |= words.pop_front()?.as_bytes() == PRELOAD,
                b"chdir" | b"argv0" => drop(words.pop_front()?),
                b"split-string" => split(words),
                _ => {
                    if let Some(name) = long.strip_prefix(b"unset=") {
                        loses |= name == PRELOAD;
                    } else if let Some(string) = long.strip_prefix(b"split-string=") {
                        words.push_front(OsString::from_vec(string.to_vec()));
                        split(words);
                    }
                }
            }
            continue;
        }
        // A single dash means `-i`.
        loses |= word.len() == 1;
        for (at, letter) in word.iter().enumerate().skip(1) {
            match letter {
                b'i' => loses = true,
                b'u' | b'C' | b'a' | b'S' => {
                    let rest = &word[at + 1..];
                    if !rest.is_empty() {
                        words.push_front(OsString::from_vec(rest.to_vec()));
                    }
                    match letter {
                        b'S' => split(words),
                        _ => {
                            let value = words.pop_front()?;
                            loses |= *letter == b'u' && value.as_bytes() == PRELOAD;
                        }
                    }
                    break;
                }
                _ => {}
            }
        }
    }
    while words.front()?.as_bytes().contains(&b'=') {
        let word = words.pop_front()?;
        loses |= word.as_bytes().starts_with(b"LD_PRELOAD=");
    }
    words.front().map(|_| loses)
}

/// Replaces the first word with the words in it.
fn split(words: &mut VecDeque<OsString>) {
    let Some(string) = words.pop_front() else {
        return;
    };
    let parts = string.as_bytes().split(u8::is_ascii_whitespace);
    for part in parts.rev().filter(|part| !part.is_empty()) {
        words.push_front(OsStr::from_bytes(part).to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> VecDeque<OsString> {
        text.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn a_program_is_found_as_a_shell_finds_it() {
        let shell = locate(OsStr::new("sh")).unwrap();
        assert!(shell.is_absolute());
        assert!(locate(OsStr::new("no-such-program")).is_none());
        assert!(Command::follow(&["no-such-program".into()]).is_none());
        let there = locate(OsStr::new("/bin/sh")).unwrap();
        assert_eq!(there, Path::new("/bin/sh"));
    }

    #[test]
    fn a_first_line_is_read_as_the_kernel_reads_it() {
        let of = |line: &str| {
            interpreter(line.as_bytes()).map(|(path, argument)| {
                let argument = argument.map(|argument| argument.into_string().unwrap());
                (path.into_string().unwrap(), argument)
            })
        };
        let named = |path: &str, argument: Option<&str>| {
            Some((path.to_owned(), argument.map(str::to_owned)))
        };
        assert_eq!(of("#!/bin/sh\necho"), named("/bin/sh", None));
        assert_eq!(of("#! \t/bin/sh -e -u \n"), named("/bin/sh", Some("-e -u")));
        assert_eq!(of("#!/bin/sh"), named("/bin/sh", None));
        assert_eq!(of("#!  \n/bin/sh"), None);
        assert_eq!(of("# !/bin/sh\n"), None);
        assert_eq!(of(""), None);
    }

    #[test]
    fn what_env_runs_is_found_behind_its_options() {
        for (text, expected) in [
            ("prog -i", Some(("prog", false))),
            ("A=1 B= prog", Some(("prog", false))),
            ("-u HOME -C / prog x", Some(("prog", false))),
            ("-uLD_PRELOAD prog", Some(("prog", true))),
            ("--unset=LD_PRELOAD prog", Some(("prog", true))),
            ("- prog", Some(("prog", true))),
            ("-i prog", Some(("prog", true))),
            ("-vi A=1 prog", Some(("prog", true))),
            ("LD_PRELOAD=x.so prog", Some(("prog", true))),
            ("-- prog", Some(("prog", false))),
            ("A=1", None),
            ("-0", None),
        ] {
            let mut words = words(text);
            let loses = env_leaves(&mut words);
            let found = loses.map(|loses| (words[0].to_str().unwrap(), loses));
            assert_eq!(found, expected, "{text}");
        }
        // A script's first line passes everything as one word.
        let mut words = VecDeque::from(["-S -u B A=1 prog -x".into(), "script".into()]);
        assert_eq!(env_leaves(&mut words), Some(false));
        assert_eq!(words, ["prog", "-x", "script"]);
    }
}
