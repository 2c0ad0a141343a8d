// SPDX-License-Identifier: GPL-2.0

//! What decides whether a library can be preloaded into a program.

use crate::command::Command;
use object::{
    elf,
    read::{
        elf::{Dyn as _, FileHeader, ProgramHeader},
        ReadCache, ReadRef,
    },
    Endianness,
};
use rustix::{
    fs::{statvfs, StatVfsMountFlags},
    process::{getegid, geteuid},
    thread::no_new_privs,
};
use std::{
    ffi::OsString,
    fs::{self, File},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

/// The attribute that grants capabilities to a file.
const CAPABILITIES: &str = "security.capability";

/// The file of a program.
pub(crate) struct Program {
    path: PathBuf,
    obstacle: Option<&'static str>,
    needed: Vec<String>,
}

impl Program {
    /// The file that the command finally executes, if it can be found.
    pub(crate) fn find(command: &[OsString]) -> Option<Self> {
        let Command {
            program: path,
            loses_preload,
        } = Command::follow(command)?;
        let image = Image::read(&path).unwrap_or_default();
        let obstacle = loses_preload
            .then_some("env removes LD_PRELOAD")
            .or_else(|| elevation(&path))
            .or(image.obstacle);
        Some(Self {
            path,
            obstacle,
            needed: image.needed,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Why nothing can be preloaded into it, as far as the file shows.
    pub(crate) fn obstacle(&self) -> Option<&'static str> {
        self.obstacle
    }

    /// The libraries that it needs, in order.
    pub(crate) fn needed(&self) -> &[String] {
        &self.needed
    }
}

/// Whether executing the program grants rights that this process does not have.
fn elevation(path: &Path) -> Option<&'static str> {
    let metadata = fs::metadata(path).ok()?;
    // A file system may be mounted so that its files grant no rights.
    let ignores = |fs: rustix::fs::StatVfs| fs.f_flag.contains(StatVfsMountFlags::NOSUID);
    if statvfs(path).is_ok_and(ignores) {
        return None;
    }
    // If a process may not gain rights, a file's capabilities have no effect either, but the kernel
    // still treats the execution as secure.
    let sets = |bit: u32| metadata.mode() & bit != 0 && !no_new_privs().unwrap_or(false);
    if sets(0o4000) && metadata.uid() != geteuid().as_raw() {
        Some("it is set-uid, so nothing is preloaded into it")
    } else if sets(0o2000) && metadata.gid() != getegid().as_raw() {
        Some("it is set-gid, so nothing is preloaded into it")
    } else if !geteuid().is_root() && has_capabilities(path) {
        Some("it has capabilities, so nothing is preloaded into it")
    } else {
        None
    }
}

fn has_capabilities(path: &Path) -> bool {
    rustix::fs::getxattr(path, CAPABILITIES, &mut [0u8; 64]).is_ok()
}

/// What the dynamic linker finds in a program.
#[derive(Default)]
struct Image {
    /// Why the linker would not load a 64-bit library for this machine into it.
    obstacle: Option<&'static str>,
    needed: Vec<String>,
}

impl Image {
    fn read(path: &Path) -> Option<Self> {
        let file = ReadCache::new(File::open(path).ok()?);
        Self::parse(&file)
    }

    fn parse<'data>(file: impl ReadRef<'data>) -> Option<Self> {
        let kept_out = |reason| {
            Some(Self {
                obstacle: Some(reason),
                needed: Vec::new(),
            })
        };
        let Ok(header) = elf::FileHeader64::<Endianness>::parse(file) else {
            elf::FileHeader32::<Endianness>::parse(file).ok()?;
            return kept_out("it is a 32-bit program");
        };
        let endian = header.endian().ok()?;
        if header.e_machine(endian) != elf::EM_X86_64 {
            return kept_out("it is for another kind of machine");
        }
        let segments = header.program_headers(endian, file).ok()?;
        let is_static = !segments
            .iter()
            .any(|segment| segment.p_type(endian) == elf::PT_INTERP);
        if is_static {
            return kept_out("it is statically linked");
        }
        Some(Self {
            obstacle: None,
            needed: needed(endian, file, segments).unwrap_or_default(),
        })
    }
}

fn needed<'data>(
    endian: Endianness,
    file: impl ReadRef<'data>,
    segments: &[elf::ProgramHeader64<Endianness>],
) -> Option<Vec<String>> {
    let entries = segments
        .iter()
        .find_map(|segment| segment.dynamic(endian, file).ok()?)?;
    let values = |tag: elf::DynamicTag| {
        entries
            .iter()
            .take_while(move |entry| entry.d_tag(endian) != elf::DT_NULL)
            .filter(move |entry| entry.d_tag(endian) == tag)
            .map(|entry| entry.d_val(endian))
    };
    let (start, size) = values(elf::DT_STRTAB).zip(values(elf::DT_STRSZ)).next()?;
    let strings = segments
        .iter()
        .find_map(|segment| segment.data_range(endian, file, start, size).ok()?)?;
    let name = |offset: u64| {
        let text = strings.get(usize::try_from(offset).ok()?..)?;
        let text = text.split(|byte| *byte == 0).next()?;
        String::from_utf8(text.to_vec()).ok()
    };
    Some(values(elf::DT_NEEDED).filter_map(name).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{env, os::unix::fs::PermissionsExt};

    fn me() -> PathBuf {
        env::current_exe().unwrap()
    }

    #[test]
    fn a_dynamically_linked_program_has_no_obstacle() {
        let me = Program::find(&[me().into()]).unwrap();
        assert_eq!(me.obstacle(), None);
        assert!(me.needed().iter().any(|name| name == "libc.so.6"));
    }

    #[test]
    fn what_is_no_program_has_no_obstacle() {
        assert!(Image::parse(&b"#!/bin/sh\n"[..]).is_none());
        assert!(Image::parse(&b""[..]).is_none());
    }

    #[test]
    fn a_program_without_interpreter_is_static() {
        let mut file = fs::read(me()).unwrap();
        // The number of program headers in a 64-bit ELF header.
        file[56..58].fill(0);
        let image = Image::parse(&file[..]).unwrap();
        assert_eq!(image.obstacle, Some("it is statically linked"));
    }

    #[test]
    fn a_program_for_another_machine_is_that() {
        let mut file = fs::read(me()).unwrap();
        file[18..20].copy_from_slice(&elf::EM_AARCH64.0.to_le_bytes());
        let image = Image::parse(&file[..]).unwrap();
        assert_eq!(image.obstacle, Some("it is for another kind of machine"));
    }

    #[test]
    fn a_script_is_judged_by_what_interprets_it() {
        let folder = env::temp_dir().join(format!("repoll-scripts-{}", std::process::id()));
        fs::create_dir(&folder).unwrap();
        let make = |name: &str, content: &[u8]| {
            let path = folder.join(name);
            fs::write(&path, content).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
            path
        };
        let mut file = fs::read(me()).unwrap();
        file[56..58].fill(0);
        let fixed = make("static", &file);
        let script = make("script", format!("#!{}\n", fixed.display()).as_bytes());
        let nested = make("nested", format!("#! {} -x\n", script.display()).as_bytes());
        let env = format!("#!/usr/bin/env {}\n", nested.display());
        let by_env = make("by-env", env.as_bytes());
        for path in [&fixed, &script, &nested, &by_env] {
            let program = Program::find(&[path.into()]).unwrap();
            assert_eq!(program.path(), fixed);
            assert_eq!(program.obstacle(), Some("it is statically linked"));
        }
        // A program that is its own interpreter cannot be executed.
        let itself = folder.join("itself");
        make("itself", format!("#!{}\n", itself.display()).as_bytes());
        for path in [itself, make("text", b"exit 0\n")] {
            let program = Program::find(&[path.into()]).unwrap();
            assert_eq!(program.obstacle(), None);
        }
        fs::remove_dir_all(folder).unwrap();
    }
}
