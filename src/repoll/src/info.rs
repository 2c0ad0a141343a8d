// SPDX-License-Identifier: MIT OR Apache-2.0

//! Queries about instances: about those of all processes, through the control
//! node, or about a single one, through its descriptor.
//!
//! ```no_run
//! use repoll::info::{Control, Whose};
//!
//! # fn main() -> std::io::Result<()> {
//! for instance in Control::open()?.instances(Whose::Own)? {
//!     println!("{} has delivered {}", instance.id, instance.delivered);
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

/// How many instances one call fetches.
const INSTANCES: usize = 64;

/// How many items one call fetches.
const ITEMS: usize = 256;

/// Which instances to query.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Whose {
    /// Those that this user created, as its effective user and within this PID
    /// namespace.
    Own,
    /// Those of all users. Requires `CAP_SYS_ADMIN` in the initial user
    /// namespace.
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

/// An instance, and what it has counted since it was created. The header of the
/// kernel interface, [`uapi`], defines the exact meaning of each field.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
#[allow(missing_docs)] // documented there
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
    /// The thread IDs of the first waiters.
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

/// Waiters and pollers are counted up to this number; there may be more.
pub const MAX_COUNT: u32 = uapi::REPOLL_MAX_COUNT;

impl Instance {
    /// Queries the instance behind a descriptor, such as a
    /// [`Poller`](crate::Poller).
    ///
    /// # Errors
    ///
    /// `ENOTTY` if the descriptor is not an instance.
    pub fn of(fd: impl AsFd) -> io::Result<Self> {
        let mut info = [uapi::repoll_info::default()];
        let mut query = query(0, &mut info);
        // SAFETY: REPOLL_INFO takes a `repoll_query`, which points to one
        // `repoll_info`.
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

/// The kind of a watched file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Kind {
    /// A file that is not an eventpoll.
    File,
    /// A repoll instance, with its id.
    Repoll(u64),
    /// One of the kernel's epolls.
    Epoll,
}

/// An item: a file that an instance watches.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Item {
    /// The descriptor that it was added with.
    pub fd: i32,
    /// The `EPOLL*` bits that it was added with, as far as they are still set.
    pub events: u32,
    /// The data of its events; 0 with [`Whose::Own`].
    pub data: u64,
    /// The kind of its file.
    pub kind: Kind,
    /// The file's inode number.
    pub inode: u64,
    /// The major and minor number of the file system's device.
    pub device: (u32, u32),
    /// Whether it is ready, or was ready when it was last checked.
    pub ready: bool,
    /// Whether it takes turns with other items on the file.
    pub round_robin: bool,
    /// Whether the close of its file is noticed late, so that the file is
    /// released late.
    pub late_close: bool,
    /// Whether its events wake the pollers of the instance a moment late.
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

/// A position in the items of an instance. It is valid only for that instance.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct Cursor([u64; 2]);

impl Cursor {
    /// The position before the first item.
    pub const BEGIN: Self = Self([0; 2]);
}

/// An open `/dev/repoll`.
#[derive(Debug)]
pub struct Control {
    fd: OwnedFd,
}

impl Control {
    /// Opens the control node.
    ///
    /// # Errors
    ///
    /// Why this is not possible.
    pub fn open() -> Result<Self, Unavailable> {
        rustix::fs::open(
            uapi::REPOLL_DEVICE,
            OFlags::RDWR | OFlags::CLOEXEC,
            Mode::empty(),
        )
        .map(|fd| Self { fd })
        .map_err(Unavailable::from_open)
    }

    /// Queries the features of the module.
    ///
    /// # Errors
    ///
    /// `ENOTTY` if the module's version is before 0.2.
    pub fn features(&self) -> io::Result<Features> {
        Features::of(&self.fd)
    }

    /// The instances, sorted by id. Instances that come or go meanwhile may be
    /// missing.
    ///
    /// # Errors
    ///
    /// `EPERM` ([`PermissionDenied`](io::ErrorKind::PermissionDenied)): the
    /// caller may not query all instances. `EINTR`: a signal came.
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

    /// The instance with this id, if it exists.
    ///
    /// # Errors
    ///
    /// Those of [`Control::instances`].
    pub fn instance(&self, whose: Whose, id: u64) -> io::Result<Option<Instance>> {
        let infos = self.list(whose, &mut { id }, 1)?;
        let info = infos.first().filter(|info| info.id == id);
        Ok(info.map(Instance::from))
    }

    /// The items of an instance, in no particular order. Items that come or go
    /// meanwhile may be missing; all others are returned exactly once.
    ///
    /// [`Control::next_items`] needs less memory, as it does not return all
    /// items at once.
    ///
    /// # Errors
    ///
    /// Those of [`Control::instances`], and `ENOENT`
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

    /// The next items of an instance, at most `most`; none if there are no
    /// more. `cursor` moves past them.
    ///
    /// # Errors
    ///
    /// Those of [`Control::items`], and `EINVAL`
    /// ([`InvalidInput`](io::ErrorKind::InvalidInput)): the cursor belongs to
    /// another instance, or `most` is 0.
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
        // SAFETY: REPOLL_ITEMS takes a `repoll_query`, which points to an array
        // of this many `repoll_item`.
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
        // SAFETY: REPOLL_LIST takes a `repoll_query`, which points to an array
        // of this many `repoll_info`.
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
