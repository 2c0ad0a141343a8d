// SPDX-License-Identifier: MIT OR Apache-2.0

//! Which instances only this process has, and what they watch.
//!
//! The records may miss something but are never wrong: descriptors with high
//! numbers are not recorded, and of two instances that watch the same
//! descriptor, the first is forgotten.

use core::sync::atomic::{AtomicU32, Ordering::Relaxed};
use libc::c_int;

/// What is known about a descriptor.
struct Known {
    /// The instance that it refers to, or 0.
    instance: AtomicU32,
    /// The instance that watches it, or 0.
    watched_by: AtomicU32,
}

/// The number of descriptors that can be recorded. Their memory is untouched
/// until it is used.
const DESCRIPTORS: usize = 1 << 16;

static TABLE: [Known; DESCRIPTORS] = [const {
    Known {
        instance: AtomicU32::new(0),
        watched_by: AtomicU32::new(0),
    }
}; DESCRIPTORS];

/// A flag of `watched_by`: the kernel has not confirmed it yet.
const ASKED: u32 = 1 << 31;

/// The name of the next instance. No two instances have the same name.
static NEXT: AtomicU32 = AtomicU32::new(1);

/// Instances with lower names are known to other processes, too.
static FIRST: AtomicU32 = AtomicU32::new(1);

fn known(fd: c_int) -> Option<&'static Known> {
    TABLE.get(usize::try_from(fd).ok()?)
}

/// The name of an instance that only this process has.
fn instance(epfd: c_int) -> Option<u32> {
    let name = known(epfd)?.instance.load(Relaxed);
    (name >= FIRST.load(Relaxed)).then_some(name)
}

/// There is a new instance.
pub(crate) fn made(epfd: c_int) {
    let Some(known) = known(epfd) else {
        return;
    };
    forget(epfd);
    // After two thousand million instances, no more are recorded.
    let next = |name: u32| (name + 1 < ASKED).then_some(name + 1);
    if let Ok(name) = NEXT.fetch_update(Relaxed, Relaxed, next) {
        known.instance.store(name, Relaxed);
    }
}

/// Whether the instance is certain to watch the descriptor.
pub(crate) fn is_watched(epfd: c_int, fd: c_int) -> bool {
    let watched_by = known(fd).map(|fd| fd.watched_by.load(Relaxed));
    watched_by.is_some_and(|name| Some(name) == instance(epfd))
}

/// A question to the kernel, whose answer may show that a descriptor is
/// watched.
pub(crate) struct Question(Option<(u32, &'static AtomicU32)>);

impl Question {
    /// Create this before asking the kernel. If a signal handler changes the
    /// descriptor before the answer comes, the question becomes void.
    pub(crate) fn new(epfd: c_int, fd: c_int) -> Self {
        Self(instance(epfd).zip(known(fd)).map(|(name, known)| {
            known.watched_by.store(name | ASKED, Relaxed);
            (name, &known.watched_by)
        }))
    }

    /// The kernel has confirmed it.
    pub(crate) fn affirmed(self) {
        if let Some((name, watched_by)) = self.0 {
            let _ = watched_by.compare_exchange(name | ASKED, name, Relaxed, Relaxed);
        }
    }
}

/// Whether anything is recorded about the descriptor.
pub(crate) fn is_known(fd: c_int) -> bool {
    known(fd).is_some_and(|known| {
        known.instance.load(Relaxed) != 0 || known.watched_by.load(Relaxed) != 0
    })
}

/// The descriptor has been closed or replaced, or is not watched any more.
pub(crate) fn forget(fd: c_int) {
    if let Some(known) = known(fd) {
        known.instance.store(0, Relaxed);
        known.watched_by.store(0, Relaxed);
    }
}

/// The descriptor may not be watched any more, or may be watched in a special
/// way.
pub(crate) fn forget_watched(fd: c_int) {
    if let Some(known) = known(fd) {
        known.watched_by.store(0, Relaxed);
    }
}

/// All these descriptors have been closed or replaced.
pub(crate) fn forget_range(first: u32, last: u32) {
    let first = (first as usize).min(DESCRIPTORS);
    let end = (last as usize).saturating_add(1).clamp(first, DESCRIPTORS);
    for known in &TABLE[first..end] {
        // Most were never used, and reading does not allocate their memory.
        for name in [&known.instance, &known.watched_by] {
            if name.load(Relaxed) != 0 {
                name.store(0, Relaxed);
            }
        }
    }
}

/// Other processes share all existing instances.
pub(crate) fn forget_instances() {
    FIRST.store(NEXT.load(Relaxed), Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_kernel_has_affirmed_is_watched() {
        let (epfd, fd) = (60_000, 60_001);
        made(epfd);
        assert!(!is_watched(epfd, fd));
        let question = Question::new(epfd, fd);
        assert!(!is_watched(epfd, fd));
        question.affirmed();
        assert!(is_watched(epfd, fd));
        forget(fd);
        assert!(!is_watched(epfd, fd));

        let question = Question::new(epfd, fd);
        forget(fd);
        question.affirmed();
        assert!(!is_watched(epfd, fd));
    }

    #[test]
    fn a_number_that_is_used_again_is_another_instance() {
        let (epfd, fd) = (60_010, 60_011);
        made(epfd);
        Question::new(epfd, fd).affirmed();
        made(epfd);
        assert!(!is_watched(epfd, fd));
        Question::new(epfd, fd).affirmed();
        assert!(is_watched(epfd, fd));
        forget_range(60_010, u32::MAX);
        assert!(!is_watched(epfd, fd));
        assert!(!is_known(fd));
    }

    #[test]
    fn numbers_out_of_range_are_not_known() {
        for fd in [-1, DESCRIPTORS as c_int, c_int::MAX] {
            made(fd);
            Question::new(fd, fd).affirmed();
            assert!(!is_known(fd) && !is_watched(fd, fd));
        }
    }
}
