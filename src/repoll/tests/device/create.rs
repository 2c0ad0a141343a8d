// SPDX-License-Identifier: MIT OR Apache-2.0

//! Instances that can be created, and those that cannot.

use crate::{errno, pair, ready, EPOLLOUT};
use repoll::{CreateFlags, Interest, Mode, Poller, Unavailable};
use rustix::{
    fs::{makedev, mknodat, FileType, Mode as Permissions, CWD},
    io::{fcntl_getfd, Errno, FdFlags},
    mount::{mount, mount_change, MountFlags, MountPropagationFlags},
    process::Uid,
    thread::{set_thread_res_uid, unshare_unsafe, UnshareFlags},
};
use std::{error::Error, fs, io, thread};

#[test]
fn descriptors_are_closed_on_exec() {
    for poller in [
        Poller::new().unwrap(),
        Poller::try_new().unwrap(),
        Poller::with_flags(CreateFlags::FIFO).unwrap(),
    ] {
        assert_eq!(fcntl_getfd(poller).unwrap(), FdFlags::CLOEXEC);
    }
}

#[test]
fn unknown_flags_are_refused() {
    let unknown = CreateFlags::from_bits_retain(1 << 31);
    let why = Poller::with_flags(unknown).unwrap_err();
    assert!(matches!(why, Unavailable::Other(_)), "{why:?}");
    assert_eq!(errno::<()>(Err(why.into())), Some(Errno::INVAL));
}

#[test]
fn an_instance_may_be_first_come_first_woken() {
    let poller = Poller::with_flags(CreateFlags::FIFO).unwrap();
    let (a, _b) = pair();
    poller.add(&a, Interest::WRITABLE, Mode::LEVEL, 1).unwrap();
    assert_eq!(ready(&poller), [(1, EPOLLOUT)]);
}

/// Why a thread cannot create an instance after `without` has taken something
/// from it. Only that thread is affected.
fn unavailable(without: impl FnOnce() + Send) -> Unavailable {
    thread::scope(|scope| {
        let poor = scope.spawn(|| {
            without();
            Poller::try_new().unwrap_err()
        });
        poor.join().unwrap()
    })
}

/// Mounts an empty `/dev` for the calling thread.
fn empty_dev() {
    // SAFETY: Only this thread's mounts and working directory are unshared; its
    // descriptors stay shared.
    unsafe { unshare_unsafe(UnshareFlags::NEWNS) }.unwrap();
    mount_change(
        "/",
        MountPropagationFlags::PRIVATE | MountPropagationFlags::REC,
    )
    .unwrap();
    mount("none", "/dev", "tmpfs", MountFlags::empty(), None).unwrap();
}

#[test]
fn it_is_said_that_there_is_no_device() {
    let why = unavailable(empty_dev);
    assert!(matches!(why, Unavailable::NoModule(_)), "{why:?}");
    assert_eq!(errno::<()>(Err(why.into())), Some(Errno::NOENT));
}

/// A device node may outlive the module, for example in a container's `/dev`.
#[test]
fn it_is_said_that_nothing_is_behind_the_device() {
    let why = unavailable(|| {
        empty_dev();
        let node = FileType::CharacterDevice;
        // A device number for local use, without a driver.
        let number = makedev(60, 0);
        mknodat(CWD, "/dev/repoll", node, Permissions::RUSR, number).unwrap();
    });
    assert!(matches!(why, Unavailable::NoModule(_)), "{why:?}");
    assert_eq!(errno::<()>(Err(why.into())), Some(Errno::NXIO));
}

#[test]
fn it_is_said_that_the_device_is_not_for_this_user() {
    let why = unavailable(|| {
        let nobody = Uid::from_raw(65534);
        set_thread_res_uid(nobody, nobody, nobody).unwrap();
    });
    assert!(matches!(why, Unavailable::NoPermission(_)), "{why:?}");
    assert!(why.source().unwrap().is::<io::Error>());
    assert_eq!(errno::<()>(Err(why.into())), Some(Errno::ACCESS));
}

#[test]
fn it_is_said_that_the_device_is_another() {
    let why = unavailable(|| {
        empty_dev();
        fs::write("/dev/repoll", "").unwrap();
    });
    assert!(matches!(why, Unavailable::Other(_)), "{why:?}");
    assert_eq!(errno::<()>(Err(why.into())), Some(Errno::NOTTY));
}
