// SPDX-License-Identifier: MIT OR Apache-2.0

//! System call filters.

use rustix::{io::Errno, thread::set_no_new_privs};
use std::{ffi::c_long, io};

/// Makes one system call of the calling thread and its children fail from now on.
pub fn refuse(number: c_long, errno: Errno) -> io::Result<()> {
    filter(
        number,
        libc::SECCOMP_RET_ERRNO | errno.raw_os_error() as u32,
    )
}

/// The same with any action of a filter. Of several filters, the strictest action counts.
pub fn filter(number: c_long, action: u32) -> io::Result<()> {
    const NUMBER_OF_CALL: u32 = 0;
    let statement = |code: u32, jump_if_not, k: u32| libc::sock_filter {
        code: code as u16,
        jt: 0,
        jf: jump_if_not,
        k,
    };
    let mut program = [
        statement(
            libc::BPF_LD | libc::BPF_W | libc::BPF_ABS,
            0,
            NUMBER_OF_CALL,
        ),
        statement(
            libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K,
            1,
            number as u32,
        ),
        statement(libc::BPF_RET | libc::BPF_K, 0, action),
        statement(libc::BPF_RET | libc::BPF_K, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog {
        len: program.len() as u16,
        filter: program.as_mut_ptr(),
    };
    set_no_new_privs(true)?;
    // SAFETY: It reads a program of this many instructions.
    let result = unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_SET_MODE_FILTER,
            0,
            &program,
        )
    };
    match result {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
