// SPDX-License-Identifier: GPL-2.0

//! The program that is to be run, as far as preloading is concerned.

use object::{
    elf,
    read::elf::{
        FileHeader,
        ProgramHeader, //
    },
    Endianness, //
};
use rustix::process::{
    getegid,
    geteuid, //
};
use std::{
    env,
    ffi::OsStr,
    fs::{
        self,
        File, //
    },
    io::Read,
    os::unix::{
        ffi::OsStrExt,
        fs::MetadataExt, //
    },
    path::{
        Path,
        PathBuf, //
    },
};

/// So much of a file holds its program headers, in all that linkers make.
const HEAD: u64 = 64 * 1024;

/// Where execve finds rights that are given to a file.
const CAPABILITIES: &str = "security.capability";

/// A program's file.
pub(crate) struct Program {
    path: PathBuf,
}

impl Program {
    /// The file that executing `name` means.
    pub(crate) fn find(name: &OsStr) -> Option<Self> {
        let path = if name.as_bytes().contains(&b'/') {
            PathBuf::from(name)
        } else {
            env::split_paths(&env::var_os("PATH")?)
                .map(|folder| folder.join(name))
                .find(|path| is_executable(path))?
        };
        Some(Self { path })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Why nothing is preloaded into it, if that is to be seen.
    pub(crate) fn obstacle(&self) -> Option<&'static str> {
        self.elevation().or_else(|| linkage(&self.head()?))
    }

    /// Whether it gets rights that we do not have.
    fn elevation(&self) -> Option<&'static str> {
        let metadata = fs::metadata(&self.path).ok()?;
        let sets = |bit: u32| metadata.mode() & bit != 0;
        if sets(0o4000) && metadata.uid() != geteuid().as_raw() {
            Some("it is set-uid, so nothing is preloaded into it")
        } else if sets(0o2000) && metadata.gid() != getegid().as_raw() {
            Some("it is set-gid, so nothing is preloaded into it")
        } else if !geteuid().is_root() && has_capabilities(&self.path) {
            Some("it has capabilities, so nothing is preloaded into it")
        } else {
            None
        }
    }

    fn head(&self) -> Option<Vec<u8>> {
        let mut head = Vec::new();
        let file = File::open(&self.path).ok()?;
        file.take(HEAD).read_to_end(&mut head).ok()?;
        Some(head)
    }
}

fn is_executable(path: &Path) -> bool {
    use rustix::fs::{
        access,
        Access, //
    };

    path.is_file() && access(path, Access::EXEC_OK).is_ok()
}

fn has_capabilities(path: &Path) -> bool {
    rustix::fs::getxattr(path, CAPABILITIES, &mut [0u8; 64]).is_ok()
}

/// Why the dynamic linker would not load a 64-bit library into such a program.
fn linkage(head: &[u8]) -> Option<&'static str> {
    let Ok(header) = elf::FileHeader64::<Endianness>::parse(head) else {
        return elf::FileHeader32::<Endianness>::parse(head)
            .is_ok()
            .then_some("it is a 32-bit program");
    };
    let endian = header.endian().ok()?;
    let segments = header.program_headers(endian, head).ok()?;
    let is_static = !segments
        .iter()
        .any(|segment| segment.p_type(endian) == elf::PT_INTERP);
    is_static.then_some("it is statically linked")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_found_as_a_shell_finds_it() {
        let shell = Program::find(OsStr::new("sh")).unwrap();
        assert!(shell.path().is_absolute());
        assert!(Program::find(OsStr::new("no-such-program")).is_none());
        let there = Program::find(OsStr::new("/bin/sh")).unwrap();
        assert_eq!(there.path(), Path::new("/bin/sh"));
    }

    #[test]
    fn a_dynamically_linked_program_has_no_obstacle() {
        let me = env::current_exe().unwrap();
        let me = Program::find(me.as_os_str()).unwrap();
        assert_eq!(me.obstacle(), None);
    }

    #[test]
    fn a_script_has_no_obstacle() {
        assert_eq!(linkage(b"#!/bin/sh\n"), None);
        assert_eq!(linkage(b""), None);
    }

    #[test]
    fn a_program_without_interpreter_is_static() {
        let mut head = File::open(env::current_exe().unwrap())
            .and_then(|file| {
                let mut head = Vec::new();
                file.take(HEAD).read_to_end(&mut head)?;
                Ok(head)
            })
            .unwrap();
        // The number of program headers, in an ELF header of 64 bits.
        head[56..58].fill(0);
        assert_eq!(linkage(&head), Some("it is statically linked"));
    }
}
