// SPDX-License-Identifier: GPL-2.0

//! Eventpolls that watch eventpolls: which may, how far, and what for.
//!
//! # Instances in instances
//!
//! As with epoll, instances may watch instances, in no circle and with at most [`MAX_NESTS`] links
//! one after the other, and the paths along which a file's event may travel are limited in number
//! ([`PATH_LIMITS`]). What could break a rule is checked under the mutex of the [`Topology`], which
//! is held until the new link is in place; whoever adds to an instance that was ever watched by
//! another takes it.
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
    /// Whether another instance may watch this one. Set with the set's mutex and that of the
    /// topology held, cleared with the latter.
    watched: Atomic<bool>,
    /// The last walk that came here, and the depth that it found. With the topology's mutex held.
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

/// The right to add links between instances. Holds the number of walks that there were.
pub(crate) struct Topology(Guard<'static, u64, MutexBackend>);

impl Topology {
    /// Takes the mutex, outside all others.
    pub(crate) fn lock() -> Self {
        Self(WALKS.get().lock())
    }

    /// Checks that `outer` may watch `inner`.
    ///
    /// # Errors
    ///
    /// `ELOOP` if there would be a circle or too many links in succession.
    pub(crate) fn check_depth(&mut self, outer: &Eventpoll, inner: &Eventpoll) -> Result {
        let below = self.walk().below(inner, outer, 0).ok_or(ELOOP)?;
        let above = self.walk().above(outer, &rcu::read_lock());
        if below + 1 + above > MAX_NESTS {
            return Err(ELOOP);
        }
        Ok(())
    }

    /// Checks, after a link to `file` was added, the number of paths that lead from the file, or
    /// from those below the instance that it is. The caller may hold the mutex of one set.
    ///
    /// # Errors
    ///
    /// `EINVAL` if there are too many.
    pub(crate) fn check_paths(&mut self, file: &FileRef) -> Result {
        let few = match instance_of(file) {
            Some(inner) => self.walk().few_paths_below(inner, 0),
            None => few_paths_from(file.as_ptr().addr()),
        };
        few.then_some(()).ok_or(EINVAL)
    }

    /// Notes that nobody watches `instance`, if that is so.
    pub(crate) fn forget_watchers(&self, instance: &Eventpoll) {
        if !is_watched(instance, &rcu::read_lock()) {
            instance.vertex.watched.store(false, Relaxed);
        }
    }

    fn walk(&mut self) -> Walk {
        *self.0 += 1;
        Walk(*self.0)
    }
}

/// A walk through the topology that comes to each instance once.
struct Walk(u64);

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

    /// How many links follow one another below an instance, which is `level` links below `to` be
    /// linked one; nothing if they lead to `to`, or are too many. From then on who adds to one of
    /// these instances knows that it is watched.
    fn below(&self, instance: &Eventpoll, to: &Eventpoll, level: usize) -> Option<usize> {
        if core::ptr::eq(instance, to) || level > MAX_NESTS {
            return None;
        }
        if let Some(depth) = self.visited(instance) {
            return Some(depth);
        }
        let set = instance.lock_nested(level as u32 + 1);
        instance.vertex.watched.store(true, Relaxed);
        let mut depth = 0;
        let mut next = set.first_instance();
        while let Some(item) = next {
            if let Some(file) = instance.ready.lock().file_of(item) {
                if let Some(inner) = instance_of(&file) {
                    depth = depth.max(self.below(inner, to, level + 1)? + 1);
                }
            }
            next = set.next_instance(item);
            task::cond_resched();
        }
        (depth <= MAX_NESTS).then(|| self.visit(instance, depth))
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

    /// Whether there are no more paths than allowed from each file below an instance that is
    /// `level` links below the one whose set the caller has locked.
    fn few_paths_below(&self, instance: &Eventpoll, level: usize) -> bool {
        if self.visited(instance).is_some() {
            return true;
        }
        self.visit(instance, 0);
        let set = instance.lock_nested(level as u32 + 1);
        let mut next = set.items().lower_bound(&Key::FIRST);
        while let Some(item) = next {
            let few = match item.kind() {
                Kind::Instance => match instance.ready.lock().file_of(item) {
                    Some(file) => instance_of(&file)
                        .is_none_or(|inner| self.few_paths_below(inner, level + 1)),
                    None => true,
                },
                Kind::Plain | Kind::Epoll => few_paths_from(item.key().address()),
            };
            if !few {
                return false;
            }
            next = set.items().after(item);
            task::cond_resched();
        }
        true
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
