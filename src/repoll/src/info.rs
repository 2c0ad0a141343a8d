// SPDX-License-Identifier: MIT OR Apache-2.0

//! What there is to know of instances: those of all processes, by the control
//! node, or one's own, by its descriptor.
//!
//! ```no_run
//! use repoll::info::{Control, Whose};
//!
//! # fn main() -> std::io::Result<()> {
//! for instance in Control::open()?.instances(Whose::Own)? {
//!     println!("{} has handed out {}", instance.id, instance.delivered);
//! }
//! # Ok(())
//! # }
//! ```

use crate::{command::Command, uapi, CreateFlags, Features, Unavailable};
use rustix::fs::{Mode, OFlags};
use std::{
    io,
    mem::size_of,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

/// How many instances are asked for by one call.
const INSTANCES: usize = 64;

/// How many items are.
const ITEMS: usize = 256;

/// Whose instances are meant.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Whose {
    /// Those that this user has made: by its effective user, and within the
    /// process's namespace.
    Own,
    /// Everybody's. Needs `CAP_SYS_ADMIN` in the initial user namespace.
    All,
}

impl Whose {
    fn flags(self) -> u32 {
        match self {
            Self::Own => 0,
            Self::All => uapi::REPOLL_ALL,
        }
    }
}

/// An instance, and what it has done since it was made. The header of the kernel
/// interface, [`uapi`], has the exact meaning of each number.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
#[allow(missing_docs)] // told there
pub struct Instance {
    pub id: u64,
    pub pid: i32,
    pub command: String,
    pub uid: u32,
    /// [`CreateFlags::FIFO`] or nothing.
    pub flags: CreateFlags,
    pub watched: bool,
    pub watches_epoll: bool,
    pub items: u32,
    pub ready: u32,
    pub dead: u32,
    pub waiters: u32,
    /// The first of them.
    pub threads: Vec<i32>,
    pub pollers: u32,
    pub adds: u64,
    pub mods: u64,
    pub dels: u64,
    pub closed: u64,
    pub events: u64,
    pub wakeups: u64,
    pub sleeps: u64,
    pub waits: u64,
    pub vain: u64,
    pub delivered: u64,
    pub spurious: u64,
    pub overlaps: u64,
}

/// As many waiters, or pollers, are counted; there may be more.
pub const MAX_COUNT: u32 = uapi::REPOLL_MAX_COUNT;

impl Instance {
    /// Tells of the instance behind a descriptor, as of a
    /// [`Poller`](crate::Poller).
    ///
    /// # Errors
    ///
    /// `ENOTTY` if it is none.
    pub fn of(fd: impl AsFd) -> io::Result<Self> {
        let mut info = [uapi::repoll_info::default()];
        let mut query = query(0, &mut info);
        // SAFETY: REPOLL_INFO takes a `repoll_query`, which names one `repoll_info`.
        unsafe { Command::<{ uapi::REPOLL_INFO }, _>::new(&mut query).run(fd)? };
        Ok(Self::from(&info[0]))
    }
}

impl From<&uapi::repoll_info> for Instance {
    fn from(info: &uapi::repoll_info) -> Self {
        let name = info.comm.split(|byte| *byte == 0).next();
        Self {
            id: info.id,
            pid: info.pid,
            command: String::from_utf8_lossy(name.unwrap_or_default()).into_owned(),
            uid: info.uid,
            flags: CreateFlags::from_bits_retain(info.flags),
            watched: info.state & uapi::REPOLL_WATCHED != 0,
            watches_epoll: info.state & uapi::REPOLL_WATCHES_EPOLL != 0,
            items: info.items,
            ready: info.ready,
            dead: info.dead,
            waiters: info.waiters,
            threads: info.tids.into_iter().filter(|tid| *tid != 0).collect(),
            pollers: info.pollers,
            adds: info.adds,
            mods: info.mods,
            dels: info.dels,
            closed: info.closed,
            events: info.events,
            wakeups: info.wakeups,
            sleeps: info.sleeps,
            waits: info.waits,
            vain: info.vain,
            delivered: info.delivered,
            spurious: info.spurious,
            overlaps: info.overlaps,
        }
    }
}

/// What a watched file is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Kind {
    /// Anything but an eventpoll.
    File,
    /// An instance, with its id.
    Repoll(u64),
    /// One of the kernel's epolls.
    Epoll,
}

/// Something that an instance watches.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Item {
    /// The descriptor that it was added by.
    pub fd: i32,
    /// All `EPOLL*` bits that it was added with, or that are left of them.
    pub events: u32,
    /// What its events carry; 0 for [`Whose::Own`].
    pub data: u64,
    /// What its file is.
    pub kind: Kind,
    /// The file's inode number.
    pub inode: u64,
    /// The file system's device, major and minor number.
    pub device: (u32, u32),
    /// It is ready, or was when it was last looked at.
    pub ready: bool,
    /// It takes turns with others on the file.
    pub round_robin: bool,
    /// The close of its file is noticed late, and so the file is released that
    /// late.
    pub late_close: bool,
    /// Its events wake who polls the instance a moment late.
    pub late_pollers: bool,
}

impl From<&uapi::repoll_item> for Item {
    fn from(item: &uapi::repoll_item) -> Self {
        let is = |state| item.state & state != 0;
        Self {
            fd: item.fd,
            events: item.events,
            data: item.data,
            kind: match item.kind {
                uapi::REPOLL_KIND_REPOLL => Kind::Repoll(item.watched),
                uapi::REPOLL_KIND_EPOLL => Kind::Epoll,
                _ => Kind::File,
            },
            inode: item.ino,
            device: (item.dev_major, item.dev_minor),
            ready: is(uapi::REPOLL_ITEM_READY),
            round_robin: is(uapi::REPOLL_ITEM_ROUND_ROBIN),
            late_close: is(uapi::REPOLL_ITEM_LATE_CLOSE),
            late_pollers: is(uapi::REPOLL_ITEM_LATE_POLLERS),
        }
    }
}

/// How far a walk through the items of an instance has come. It is good for that
/// instance alone.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct Cursor([u64; 2]);

impl Cursor {
    /// Before the first item.
    pub const BEGIN: Self = Self([0; 2]);
}

/// An open `/dev/repoll`.
#[derive(Debug)]
pub struct Control {
    fd: OwnedFd,
}

impl Control {
    /// Opens it.
    ///
    /// # Errors
    ///
    /// Why there is none.
    pub fn open() -> Result<Self, Unavailable> {
        rustix::fs::open(
            uapi::REPOLL_DEVICE,
            OFlags::RDWR | OFlags::CLOEXEC,
            Mode::empty(),
        )
        .map(|fd| Self { fd })
        .map_err(Unavailable::from_open)
    }

    /// What the module can do.
    ///
    /// # Errors
    ///
    /// `ENOTTY` if it is of a version before 0.2.
    pub fn features(&self) -> io::Result<Features> {
        Features::of(&self.fd)
    }

    /// The instances, by their ids. Some that come or go meanwhile may be
    /// missing.
    ///
    /// # Errors
    ///
    /// `EPERM` ([`PermissionDenied`](io::ErrorKind::PermissionDenied)): not
    /// everybody may ask for all. `EINTR`: a signal came.
    pub fn instances(&self, whose: Whose) -> io::Result<Vec<Instance>> {
        let mut instances = Vec::new();
        let mut from = 0;
        loop {
            let infos = self.list(whose, &mut from, INSTANCES)?;
            if infos.is_empty() {
                return Ok(instances);
            }
            instances.extend(infos.iter().map(Instance::from));
        }
    }

    /// The instance with that id, if there is one.
    ///
    /// # Errors
    ///
    /// As [`Control::instances`].
    pub fn instance(&self, whose: Whose, id: u64) -> io::Result<Option<Instance>> {
        let infos = self.list(whose, &mut { id }, 1)?;
        let info = infos.first().filter(|info| info.id == id);
        Ok(info.map(Instance::from))
    }

    /// What an instance watches, in no order that means anything. Some that come
    /// or go meanwhile may be missing; no other is, and none is there twice.
    ///
    /// [`Control::next_items`] needs no memory for all of them at once.
    ///
    /// # Errors
    ///
    /// As [`Control::instances`], and `ENOENT`
    /// ([`NotFound`](io::ErrorKind::NotFound)): there is no such instance.
    pub fn items(&self, whose: Whose, id: u64) -> io::Result<Vec<Item>> {
        let (mut items, mut cursor) = (Vec::new(), Cursor::BEGIN);
        loop {
            let more = self.next_items(whose, id, &mut cursor, ITEMS)?;
            if more.is_empty() {
                return Ok(items);
            }
            items.extend(more);
        }
    }

    /// The next items that an instance watches, `most` at most; none if there are
    /// no more. `cursor` is moved on, past those.
    ///
    /// # Errors
    ///
    /// As [`Control::items`]; `EINVAL`
    /// ([`InvalidInput`](io::ErrorKind::InvalidInput)): the cursor is another
    /// instance's, or `most` is 0.
    pub fn next_items(
        &self,
        whose: Whose,
        id: u64,
        cursor: &mut Cursor,
        most: usize,
    ) -> io::Result<Vec<Item>> {
        let mut items = vec![uapi::repoll_item::default(); most];
        let mut query = uapi::repoll_query {
            cursor: cursor.0,
            flags: whose.flags(),
            ..query(id, &mut items)
        };
        // SAFETY: REPOLL_ITEMS takes a `repoll_query`, which names an array of so
        // many `repoll_item`.
        let stored =
            unsafe { Command::<{ uapi::REPOLL_ITEMS }, _>::new(&mut query).run(&self.fd)? };
        *cursor = Cursor(query.cursor);
        items.truncate(stored as usize);
        Ok(items.iter().map(Item::from).collect())
    }

    fn list(
        &self,
        whose: Whose,
        from: &mut u64,
        room: usize,
    ) -> io::Result<Vec<uapi::repoll_info>> {
        let mut infos = vec![uapi::repoll_info::default(); room];
        let mut query = uapi::repoll_query {
            flags: whose.flags(),
            ..query(*from, &mut infos)
        };
        // SAFETY: REPOLL_LIST takes a `repoll_query`, which names an array of so
        // many `repoll_info`.
        let stored = unsafe { Command::<{ uapi::REPOLL_LIST }, _>::new(&mut query).run(&self.fd)? };
        *from = query.id;
        infos.truncate(stored as usize);
        Ok(infos)
    }
}

impl AsFd for Control {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

fn query<T>(id: u64, to: &mut [T]) -> uapi::repoll_query {
    uapi::repoll_query {
        id,
        to: to.as_mut_ptr().expose_provenance() as u64,
        count: u32::try_from(to.len()).unwrap_or(u32::MAX),
        size: size_of::<T>() as u32,
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_end_at_the_first_zero() {
        let mut info = uapi::repoll_info::default();
        info.comm[..5].copy_from_slice(b"ab\xff\0c");
        assert_eq!(Instance::from(&info).command, "ab\u{fffd}");
        info.comm = [b'x'; 16];
        assert_eq!(Instance::from(&info).command, "x".repeat(16));
    }

    #[test]
    fn only_numbers_of_threads_are_threads() {
        let mut info = uapi::repoll_info::default();
        info.tids[..2].copy_from_slice(&[7, 9]);
        assert_eq!(Instance::from(&info).threads, [7, 9]);
    }

    #[test]
    fn a_query_names_the_whole_array() {
        let mut items = vec![uapi::repoll_item::default(); 3];
        let address = items.as_ptr().addr() as u64;
        let query = query(5, &mut items);
        assert_eq!((query.id, query.to, query.count), (5, address, 3));
        assert_eq!((query.size, query.cursor, query.flags), (48, [0; 2], 0));
    }
}
