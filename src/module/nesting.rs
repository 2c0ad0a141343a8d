// SPDX-License-Identifier: GPL-2.0

//! Eventpolls that watch eventpolls: which ones may, to which depth, and under which conditions.
//!
//! # Instances in instances
//!
//! As with epoll, instances may watch instances, but not in a circle, with at most [`MAX_NESTS`]
//! links one after the other, and with a limited number of paths along which a file's event may
//! travel ([`PATH_LIMITS`]). A task that adds an instance, or that adds to an instance that another
//! one has ever watched, checks this in two steps:
//!
//! * *Circles and depth*, under the mutex of the [`Topology`], which is held until the new link is
//!   in place. All instances share this mutex, so its holder waits for no instance: an instance's
//!   mutex may be held as long as the poll of a file takes, or a page fault of the waiter, which
//!   users can make arbitrarily long. The holder does not allocate either; its work is a few steps
//!   for each link between instances above and below. A task that waits for this mutex holds no
//!   other one, and a task that adds another kind of file does not wait for it.
//! * *Paths*, without that mutex, because there may be millions of files below, but before the link
//!   is used. If two new links together are too many, the check of the second one certainly fails,
//!   because it sees the first. Both checks may fail.
//!
//! The links are in two places, under spinlocks. In the watch table, they lead up from a file,
//! which may be an instance's own, to the instances of the items on it; in [`crate::links`], they
//! lead down. A walk goes from one to the next by addresses, because instances may be closed
//! meanwhile. If another instance has the address of a closed one by then, an add may be refused
//! although it would fit.
//!
//! # Epolls in instances
//!
//! The kernel's eventpolls are invisible to this module, and instances are invisible to the kernel:
//! neither side can find out which of them watch each other, so circles through both kinds cannot
//! be refused. Three rules make them harmless instead:
//!
//! * *A wait or a change on an instance that watches an epoll polls the epoll without the
//!   instance's mutex*. It holds the outer mutex, which no task takes that may hold an epoll's
//!   mutex. Since an epoll polls instances with its own mutex held, the order of locks goes from
//!   epolls to instances and never back.
//! * *A poll of an instance does not poll the epolls that it watches*: an epoll that was woken, or
//!   was last found to have events, counts as having events. So polls do not go round in circles.
//! * *The wake-up of an epoll wakes the pollers of an instance through a worker*
//!   ([`crate::relay`]), as work of that instance, without the locks of that wake-up, and at most
//!   [`MAX_NESTS`] times in succession. So wake-ups do not go round in circles, and arrive wherever
//!   epoll's own limit on depth allows.
//!
//! The relay also wakes the pollers of instances that watch a file which many others already watch.
//! Otherwise epolls on top of these could multiply the work that the one wake-up does with
//! interrupts off, because the kernel counts their paths for each instance separately.
//!
//! These rules have a price. A wait on an instance reports an epoll in it exactly. But pollers of
//! the instance see it readable from a moment after the epoll's wake-up until a wait on the
//! instance finds that there is nothing. Depth and paths are counted only for links between
//! instances. In a circle, an instance does not become readable because of itself, unless another
//! instance in the circle that watches an epoll counts as readable.
//!
//! C reference: "Cycle and path-length checks" in `fs/eventpoll.c`

use crate::{
    eventpoll::Eventpoll,
    kernel_ext::{
        anon_file,
        global::{
            Global,
            Installed,
            Loading, //
        },
        nested_mutex::lock_killable,
        poll_file,
        task, //
    },
    key::{
        ItemKey,
        WatchKey, //
    },
    kind::Kind,
    links::{
        self,
        Position, //
    },
    vertex::MAX_NESTS,
    watch, //
};
use kernel::{
    fs::LocalFile,
    prelude::*,
    sync::{
        atomic::{
            ordering::Relaxed,
            Atomic, //
        },
        lock::{
            mutex::MutexBackend,
            Guard, //
        },
        new_mutex,
        Mutex, //
    },
};

/// How many paths of each length (in links, from 0 on) may lead from a file's own watchers up to
/// instances that nobody watches. Paths without a link are not limited.
const PATH_LIMITS: [u32; MAX_NESTS + 1] = [u32::MAX, 500, 100, 50, 10];

/// The kind of a file.
pub(crate) fn kind_of(file: &LocalFile) -> Kind {
    if poll_file::is_socket(file) {
        Kind::Plain
    } else if Eventpoll::of_file(file).is_some() {
        Kind::Instance
    } else if poll_file::internal_name(file).is_some_and(|name| name == c"[eventpoll]") {
        Kind::Epoll
    } else {
        Kind::Plain
    }
}

type Walks = Pin<KBox<Mutex<u64>>>;

static WALKS: Global<Walks> = Global::empty();

/// The links and the mutex of the topology, while the module is loaded.
pub(crate) struct Nesting {
    _walks: Installed<Walks>,
    _links: Installed<links::Links>,
}

impl Nesting {
    /// No links.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn new(loading: &Loading) -> Result<Self> {
        let walks = KBox::pin_init(new_mutex!(0, "repoll::topology"), GFP_KERNEL)?;
        Ok(Self {
            _links: links::install(loading)?,
            _walks: WALKS.install(loading, walks)?,
        })
    }
}

/// Calls `put` to insert an item with which `outer` watches `inner`. The caller holds no mutex of a
/// set, and checks the paths with the walk that this returns.
///
/// # Errors
///
/// `ELOOP` if there would be a circle or too many links in succession; `EINTR` if the task is being
/// killed; any error of `put`.
pub(crate) fn link(
    outer: &Eventpoll,
    inner: &Eventpoll,
    put: impl FnOnce() -> Result,
) -> Result<Walk> {
    let mut topology = Topology(lock_killable(WALKS.get(), 0)?);
    let below = topology
        .walk()
        .below(address_of(inner), 1, address_of(outer))?;
    if !topology.walk().fits_above(outer.vertex.file(), below) {
        return Err(ELOOP);
    }
    inner.vertex.set_watched(true, &topology.0);
    put()?;
    Ok(topology.walk())
}

/// Checks the number of paths after a file that is not an instance, at this address in the watch
/// table, was added to the set of `outer`, whose mutex the caller holds.
///
/// # Errors
///
/// `EINVAL` if there are too many.
#[inline]
pub(crate) fn check_paths(outer: &Eventpoll, address: usize) -> Result {
    match outer.vertex.is_watched() {
        true => check_paths_through(outer, address),
        false => Ok(()),
    }
}

/// The same for an instance that is, or was, watched.
#[cold]
fn check_paths_through(outer: &Eventpoll, address: usize) -> Result {
    {
        let topology = WALKS.get().try_lock();
        if !watch::is_watched(outer.vertex.file()) {
            // A task may be about to watch it, unless the mutex is held.
            if let Some(topology) = &topology {
                outer.vertex.set_watched(false, topology);
            }
            return Ok(());
        }
    }
    check_paths_from(address)
}

/// The right to add links between instances: the mutex, with the number of walks so far.
struct Topology(Guard<'static, u64, MutexBackend>);

impl Topology {
    fn walk(&mut self) -> Walk {
        *self.0 += 1;
        Walk(*self.0)
    }
}

/// A walk through the topology. It visits an instance again if it reaches it by more links than
/// before or, in a check of paths, by fewer. So it visits each a few times at most, unless another
/// check of paths comes in between.
pub(crate) struct Walk(u64);

impl Walk {
    const LEVEL_BITS: u32 = 3;

    /// Records that the walk has reached an instance at `level`. Returns whether to continue: not
    /// if it was there before, at a level that makes this visit `idle`.
    fn goes_on(&self, visit: &Atomic<u64>, level: usize, idle: fn(usize, usize) -> bool) -> bool {
        let last = visit.load(Relaxed);
        let at = last as usize & ((1 << Self::LEVEL_BITS) - 1);
        if last >> Self::LEVEL_BITS == self.0 && idle(at, level) {
            return false;
        }
        visit.store(self.0 << Self::LEVEL_BITS | level as u64, Relaxed);
        true
    }

    /// Whether to continue at an instance, at a level that is farther away than any before.
    fn goes_farther(&self, instance: &Eventpoll, level: usize) -> bool {
        self.goes_on(&instance.vertex.visit, level, |at, level| at >= level)
    }

    /// Whether to continue at an instance, at a level that is nearer than any before.
    fn goes_nearer(&self, instance: &Eventpoll, level: usize) -> bool {
        self.goes_on(&instance.vertex.path_visit, level, |at, level| at <= level)
    }

    /// How many links lead down from `to` to the lowest instance below `instance`, which is `level`
    /// links below.
    ///
    /// # Errors
    ///
    /// `ELOOP` if they lead back to `to`, or are too many.
    fn below(&self, instance: usize, level: usize, to: usize) -> Result<usize> {
        if instance == to || level > MAX_NESTS {
            return Err(ELOOP);
        }
        let mut lowest = level;
        let mut from = Position::first(instance);
        while let Some(inner) = links::next(&mut from, |file| {
            let inner = anon_file::of_unreleased(file)?;
            let goes_on = self.goes_farther(inner, level + 1);
            goes_on.then(|| address_of(inner))
        }) {
            if let Some(inner) = inner {
                lowest = lowest.max(self.below(inner, level + 1, to)?);
            }
            task::cond_resched();
        }
        Ok(lowest)
    }

    /// Whether the links above the instance with this file, together with the `level` links that
    /// lead down from it, are within the limit.
    fn fits_above(&self, file: usize, level: usize) -> bool {
        if level > MAX_NESTS {
            return false;
        }
        let mut from = WatchKey::first(file);
        while let Some(watcher) = watch::next_watcher(&mut from, |watcher| {
            let goes_on = self.goes_farther(watcher, level + 1);
            goes_on.then(|| watcher.vertex.file())
        }) {
            if watcher.is_some_and(|watcher| !self.fits_above(watcher, level + 1)) {
                return false;
            }
            task::cond_resched();
        }
        true
    }

    /// Checks the number of paths from the files below `inner`, after the link to it was inserted.
    /// The caller holds no mutex of a set.
    ///
    /// # Errors
    ///
    /// `EINVAL` if there are too many; `EINTR` if the task is about to be killed.
    pub(crate) fn check_paths(&self, inner: &Eventpoll) -> Result {
        self.check_paths_below(inner, 1)
    }

    /// Checks the files below an instance, which is `level` links below the one with the new link.
    /// Its mutex is held for a moment for each file. A task that adds a file meanwhile checks that
    /// file itself, because the instance is known to be watched.
    ///
    /// Links come and go during the walk. If one leads further down than links ever do, it came
    /// after another link on the way to it had gone; the task that added it checks what is below.
    /// There may be a shorter way, so the walk visits an instance again if it reaches it by fewer
    /// fewer links than before.
    fn check_paths_below(&self, instance: &Eventpoll, level: usize) -> Result {
        if level > MAX_NESTS {
            return Ok(());
        }
        let mut from = Position::first(address_of(instance));
        while let Some(file) = links::next(&mut from, |file| {
            let inner = anon_file::of_unreleased(file)?;
            let goes_on = self.goes_nearer(inner, level + 1);
            goes_on.then(|| file.try_get()).flatten()
        }) {
            if let Some(inner) = file.as_deref().and_then(Eventpoll::of_file) {
                self.check_paths_below(inner, level + 1)?;
            }
            task::go_on().then_some(()).ok_or(EINTR)?;
        }
        let mut from = ItemKey::FIRST;
        while let Some((key, kind, address)) = {
            let set = instance.lock()?;
            let item = set.items().lower_bound(&from);
            item.map(|item| (item.key(), item.kind(), item.address()))
        } {
            if kind != Kind::Instance {
                check_paths_from(address)?;
            }
            from = key.next_file();
            task::go_on().then_some(()).ok_or(EINTR)?;
        }
        Ok(())
    }
}

fn address_of(instance: &Eventpoll) -> usize {
    core::ptr::from_ref(instance).addr()
}

/// Checks the number of paths from the file at this address.
///
/// # Errors
///
/// `EINVAL` if there are too many.
fn check_paths_from(file: usize) -> Result {
    let few = count_paths(file, 0, &mut [0; PATH_LIMITS.len()]);
    few.then_some(()).ok_or(EINVAL)
}

/// Counts the paths from the file at this address, which is `links` above the first one. Stops with
/// false when there are too many, and so in bounded time.
fn count_paths(file: usize, links: usize, paths: &mut [u32; PATH_LIMITS.len()]) -> bool {
    let Some(limit) = PATH_LIMITS.get(links) else {
        return false;
    };
    let mut from = WatchKey::first(file);
    while let Some(watcher) = watch::next_watcher(&mut from, |watcher| {
        let watched = watcher.vertex.is_watched();
        watched.then(|| watcher.vertex.file())
    }) {
        let few = match watcher.filter(|watcher| watch::is_watched(*watcher)) {
            Some(watcher) => count_paths(watcher, links + 1, paths),
            None => paths.get_mut(links).is_some_and(|count| {
                *count += 1;
                *count <= *limit
            }),
        };
        if !few {
            return false;
        }
        task::cond_resched();
    }
    true
}
