// SPDX-License-Identifier: GPL-2.0

//! Eventpolls that watch eventpolls: which may, how far, and what for.
//!
//! # Instances in instances
//!
//! As with epoll, instances may watch instances, in no circle and with at most [`MAX_NESTS`] links
//! one after the other, and the paths along which a file's event may travel are limited in number
//! ([`PATH_LIMITS`]). Whoever adds an instance, or to an instance that was ever watched by another,
//! checks this, in two steps:
//!
//! * *Circles and depth*, under the mutex of the [`Topology`], which is held until the new link is in
//!   place. It is everybody's, so its holder waits for no instance: an instance's mutex may be held
//!   for as long as the poll of a file takes, or a page fault of the waiter's, which users can make
//!   arbitrarily long. If one that is needed is not free, the whole attempt is taken back and made
//!   again after a wait for that one ([`Obstacle::Busy`]). Nor does the holder allocate; its work is
//!   one step for each link between instances above and below.
//! * *Paths*, without that mutex, as there may be millions of files below, but before the link is
//!   used. Of two links that are too many together, the one that came second into its place is found
//!   out for certain, since the first is seen from there. Both may be.
//!
//! The links are those in the sets and the watch table: down from an instance to the files of its
//! items; up from a file, which may be an instance's own, to the instances of the items on it.
//!
//! # Epolls in instances
//!
//! The kernel's eventpolls are invisible from here, and instances from there: who watches whom
//! cannot be found out, so circles through both kinds cannot be refused. They are harmless instead,
//! by three rules:
//!
//! * *An epoll is polled, by a wait or a change on the instance that watches it, without the
//!   instance's mutex* (but with the outer one, which nobody takes who may have an epoll's mutex).
//!   Since an epoll polls instances with its own mutex held, the locks go from epolls' to
//!   instances' and never back.
//! * *Who polls an instance does not make it poll the epolls that it watches*: one that was woken,
//!   or was last found to have events, counts as having some. So polls do not go round in circles.
//! * *The wake-up of an epoll wakes the pollers of an instance by way of a worker*
//!   ([`crate::relay`]), without the locks of that wake-up, and at most [`MAX_NESTS`] times in
//!   succession. So wake-ups do not go round in circles, and arrive wherever epoll's own limit on
//!   depth lets them.
//!
//! The relay is used, too, for the pollers of instances that watch a file which many others watch
//! already. Otherwise epolls on top of these, which the kernel counts for each instance as if it
//! were alone, could multiply what the one wake-up does with interrupts off.
//!
//! What this costs: a wait on an instance reports an epoll in it exactly; but others who poll that
//! instance see it readable from a moment after the epoll's wake-up until a wait on the instance
//! finds that there is nothing. Depth and paths are counted for links between instances alone. In a
//! circle, an instance is not readable for its own sake, unless another one in it that watches an
//! epoll vouches for it.
//!
//! C reference: "Cycle and path-length checks" in `fs/eventpoll.c`

use crate::{
    eventpoll::Eventpoll,
    item::Key,
    kernel_ext::{
        anon_file,
        global::{
            Global,
            Installed, //
        },
        poll_file::{
            self,
            FileRef, //
        },
        task, //
    },
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
        rcu,
        Mutex, //
    },
};

/// How many links between eventpolls may follow one another.
pub(crate) const MAX_NESTS: usize = 4;

/// How many paths of each number of links, counted from 0, may lead from a file's own watchers up
/// to instances that nobody watches. Those without a link are not limited.
const PATH_LIMITS: [u32; MAX_NESTS + 1] = [u32::MAX, 500, 100, 50, 10];

/// What a watched file is, as far as it matters to its watcher.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Nothing special.
    Plain,
    /// An instance of this module.
    Instance,
    /// An eventpoll of the kernel.
    Epoll,
}

impl Kind {
    /// The kind of a file.
    pub(crate) fn of(file: &LocalFile) -> Self {
        if instance_of(file).is_some() {
            Self::Instance
        } else if poll_file::internal_name(file).is_some_and(|name| name == c"[eventpoll]") {
            Self::Epoll
        } else {
            Self::Plain
        }
    }
}

/// The instance that a file is, if it is one.
pub(crate) fn instance_of(file: &LocalFile) -> Option<&Eventpoll> {
    anon_file::of_file(file)
}

/// What is known of an instance as a part of the topology.
pub(crate) struct Vertex {
    /// The address of the instance's own file.
    file: Atomic<usize>,
    /// Whether another instance may watch this one. Changed with the set's mutex and that of the
    /// topology held.
    watched: Atomic<bool>,
    /// The last walk that came here, and the depth that it found.
    visit: Atomic<u64>,
}

impl Vertex {
    /// Nothing is known.
    pub(crate) const fn new() -> Self {
        Self {
            file: Atomic::new(0),
            watched: Atomic::new(false),
            visit: Atomic::new(0),
        }
    }

    /// Tells the address of the instance's own file, before anybody else can know it; or 0 when
    /// it has none any more.
    pub(crate) fn set_file(&self, file: usize) {
        self.file.store(file, Relaxed);
    }

    /// Whether another instance may watch this one: certain while the set's mutex is held.
    pub(crate) fn is_watched(&self) -> bool {
        self.watched.load(Relaxed)
    }
}

type Walks = Pin<KBox<Mutex<u64>>>;

static WALKS: Global<Walks> = Global::empty();

/// The mutex of the topology, while the module is loaded.
pub(crate) struct Nesting {
    _walks: Installed<Walks>,
}

impl Nesting {
    /// Makes the mutex.
    ///
    /// # Safety
    ///
    /// As for [`Global::install`].
    pub(crate) unsafe fn new() -> Result<Self> {
        let walks = KBox::pin_init(new_mutex!(0, "repoll::topology"), GFP_KERNEL)?;
        Ok(Self {
            // SAFETY: By the requirements.
            _walks: unsafe { WALKS.install(walks) },
        })
    }
}

/// Why a link was not made.
pub(crate) enum Obstacle {
    /// It must not be, or cannot.
    Error(Error),
    /// The mutex of the instance that this file is was not free.
    Busy(FileRef),
}

impl From<Error> for Obstacle {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

/// Waits until the mutex of the instance that `file` is has been free. The caller has none.
///
/// # Errors
///
/// `EINTR` if the task is about to be killed.
pub(crate) fn wait_for(file: &FileRef) -> Result {
    if let Some(instance) = instance_of(file) {
        drop(instance.lock());
    }
    task::go_on().then_some(()).ok_or(EINTR)
}

/// The right to add links between instances. Holds the number of walks that there were.
pub(crate) struct Topology(Guard<'static, u64, MutexBackend>);

impl Topology {
    /// Takes the mutex. The caller may have that of an instance.
    pub(crate) fn lock() -> Self {
        Self(WALKS.get().lock())
    }

    /// Checks that `outer` may watch `file`, and notes if nobody watches `outer` any more. The
    /// caller has the mutex of `outer`.
    ///
    /// # Errors
    ///
    /// `ELOOP` if there would be a circle or too many links in succession.
    pub(crate) fn check_depth(
        &mut self,
        outer: &Eventpoll,
        file: &FileRef,
    ) -> Result<(), Obstacle> {
        if !is_watched(outer, &rcu::read_lock()) {
            outer.vertex.watched.store(false, Relaxed);
        }
        let Some(inner) = instance_of(file) else {
            return Ok(());
        };
        let below = self.walk().below(file, inner, outer, 0)?;
        let above = self.walk().above(outer, &rcu::read_lock());
        if below + 1 + above > MAX_NESTS {
            return Err(ELOOP.into());
        }
        Ok(())
    }

    /// Gives the right back, when the link is in place, for a walk to check the paths.
    pub(crate) fn into_walk(mut self) -> Walk {
        self.walk()
    }

    fn walk(&mut self) -> Walk {
        *self.0 += 1;
        Walk(*self.0)
    }
}

/// A walk through the topology that comes to each instance once, or a few times if another walk
/// comes in between.
pub(crate) struct Walk(u64);

impl Walk {
    const DEPTH_BITS: u32 = 3;

    /// The depth that this walk has found at an instance, if it has been there.
    fn visited(&self, instance: &Eventpoll) -> Option<usize> {
        let visit = instance.vertex.visit.load(Relaxed);
        (visit >> Self::DEPTH_BITS == self.0)
            .then_some(visit as usize & ((1 << Self::DEPTH_BITS) - 1))
    }

    fn visit(&self, instance: &Eventpoll, depth: usize) -> usize {
        let depth = depth.min(MAX_NESTS + 1);
        let visit = self.0 << Self::DEPTH_BITS | depth as u64;
        instance.vertex.visit.store(visit, Relaxed);
        depth
    }

    /// How many links follow one another below an instance, which `file` is and which is `level`
    /// links below `to` be linked one. From then on who adds to one of these instances knows that
    /// it is watched.
    ///
    /// # Errors
    ///
    /// `ELOOP` if they lead to `to`, or are too many.
    fn below(
        &self,
        file: &FileRef,
        instance: &Eventpoll,
        to: &Eventpoll,
        level: usize,
    ) -> Result<usize, Obstacle> {
        if core::ptr::eq(instance, to) || level > MAX_NESTS {
            return Err(ELOOP.into());
        }
        if let Some(depth) = self.visited(instance) {
            return Ok(depth);
        }
        let set = instance
            .try_lock()
            .ok_or_else(|| Obstacle::Busy(file.clone()))?;
        instance.vertex.watched.store(true, Relaxed);
        let mut depth = 0;
        let mut from = Key::FIRST;
        while let Some(item) = set.instance_from(&from) {
            if let Some(file) = instance.ready.lock().file_of(item) {
                if let Some(inner) = instance_of(&file) {
                    depth = depth.max(self.below(&file, inner, to, level + 1)? + 1);
                }
            }
            from = item.key().next_file();
            task::cond_resched();
        }
        if depth > MAX_NESTS {
            return Err(ELOOP.into());
        }
        Ok(self.visit(instance, depth))
    }

    /// How many links follow one another above an instance. The recursion ends because no more
    /// than [`MAX_NESTS`] were ever let in, and one of an instance that is released meanwhile, whose
    /// file's address may be another file's already.
    fn above(&self, instance: &Eventpoll, rcu: &rcu::Guard) -> usize {
        if let Some(depth) = self.visited(instance) {
            return depth;
        }
        let mut depth = 0;
        for watcher in watch::watchers(instance.vertex.file.load(Relaxed), rcu) {
            depth = depth.max(self.above(watcher, rcu) + 1);
        }
        self.visit(instance, depth)
    }

    /// Checks, after a link to `file` was put in its place, the number of paths that lead from the
    /// file, or from those below the instance that it is. The caller may have the mutex of the
    /// instance above the link.
    ///
    /// # Errors
    ///
    /// `EINVAL` if there are too many.
    pub(crate) fn check_paths(&self, file: &FileRef) -> Result {
        let few = match instance_of(file) {
            Some(inner) => self.few_paths_below(inner, 1),
            None => few_paths_from(file.as_ptr().addr()),
        };
        few.then_some(()).ok_or(EINVAL)
    }

    /// Whether there are no more paths than allowed from each file below an instance, which is
    /// `level` links below the one with the new link. Its mutex is held for a moment for each. Files
    /// that come meanwhile are checked by who brings them, since they are known to be below.
    ///
    /// Links come and go during the walk. One that leads further down than links ever do came after
    /// another one had gone on the way to it: who brought it checks what is below. There may be a
    /// shorter way, so an instance that is met nearer than before is gone through again.
    fn few_paths_below(&self, instance: &Eventpoll, level: usize) -> bool {
        if level > MAX_NESTS || self.visited(instance).is_some_and(|at| at <= level) {
            return true;
        }
        self.visit(instance, level);
        let mut from = Key::FIRST;
        while task::go_on() {
            let set = instance.lock_nested(1);
            let Some(item) = set.items().lower_bound(&from) else {
                return true;
            };
            let key = item.key();
            let few = if item.kind() == Kind::Instance {
                let file = instance.ready.lock().file_of(item);
                drop(set);
                file.as_deref()
                    .and_then(instance_of)
                    .is_none_or(|inner| self.few_paths_below(inner, level + 1))
            } else {
                drop(set);
                few_paths_from(key.address())
            };
            if !few {
                return false;
            }
            from = key.next_file();
        }
        false
    }
}

fn is_watched(instance: &Eventpoll, rcu: &rcu::Guard) -> bool {
    watch::watchers(instance.vertex.file.load(Relaxed), rcu)
        .next()
        .is_some()
}

/// Whether there are no more paths than allowed from the file with that address.
fn few_paths_from(file: usize) -> bool {
    let mut paths = [0; PATH_LIMITS.len()];
    count_paths(file, 0, &mut paths, &rcu::read_lock())
}

/// Counts the paths from the file with that address, which is `links` above the first one. Ends
/// with false when there are too many, and so in bounded time.
fn count_paths(
    file: usize,
    links: usize,
    paths: &mut [u32; PATH_LIMITS.len()],
    rcu: &rcu::Guard,
) -> bool {
    let Some(limit) = PATH_LIMITS.get(links) else {
        return false;
    };
    watch::watchers(file, rcu).all(|watcher| {
        if watcher.vertex.is_watched() && is_watched(watcher, rcu) {
            return count_paths(watcher.vertex.file.load(Relaxed), links + 1, paths, rcu);
        }
        paths.get_mut(links).is_some_and(|count| {
            *count += 1;
            *count <= *limit
        })
    })
}
