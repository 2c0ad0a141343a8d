// SPDX-License-Identifier: MIT OR Apache-2.0

//! Which instances are this process's alone, and what it has them watch.
//!
//! It is known too little rather than too much: a descriptor with too high a
//! number is not known, nor the first of two instances that watch the same one.

use core::sync::atomic::{AtomicU32, Ordering::Relaxed};
use libc::c_int;

/// What is known of a descriptor.
struct Known {
    /// The instance that it is, or 0.
    instance: AtomicU32,
    /// The instance that watches it, or 0.
    watched_by: AtomicU32,
}

/// Descriptors that can be known. The memory is not touched before it is used.
const DESCRIPTORS: usize = 1 << 16;

static TABLE: [Known; DESCRIPTORS] = [const {
    Known {
        instance: AtomicU32::new(0),
        watched_by: AtomicU32::new(0),
    }
}; DESCRIPTORS];

/// Of what watches a descriptor: the kernel has not said yes yet.
const ASKED: u32 = 1 << 31;

/// The next instance's name. No two have the same.
static NEXT: AtomicU32 = AtomicU32::new(1);

/// Instances with lesser names are known to other processes, too.
static FIRST: AtomicU32 = AtomicU32::new(1);

fn known(fd: c_int) -> Option<&'static Known> {
    TABLE.get(usize::try_from(fd).ok()?)
}

/// The name of an instance that is this process's alone.
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
    // After two thousand million instances no more are known.
    let next = |name: u32| (name + 1 < ASKED).then_some(name + 1);
    if let Ok(name) = NEXT.fetch_update(Relaxed, Relaxed, next) {
        known.instance.store(name, Relaxed);
    }
}

/// Whether the instance watches the descriptor, for sure.
pub(crate) fn is_watched(epfd: c_int, fd: c_int) -> bool {
    let watched_by = known(fd).map(|fd| fd.watched_by.load(Relaxed));
    watched_by.is_some_and(|name| Some(name) == instance(epfd))
}

/// A question to the kernel whose answer may tell that a descriptor is watched.
pub(crate) struct Question(Option<(u32, &'static AtomicU32)>);

impl Question {
    /// To be asked before the kernel is. What happens to the descriptor until
    /// there is an answer, by a signal handler, makes it void.
    pub(crate) fn new(epfd: c_int, fd: c_int) -> Self {
        Self(instance(epfd).zip(known(fd)).map(|(name, known)| {
            known.watched_by.store(name | ASKED, Relaxed);
            (name, &known.watched_by)
        }))
    }

    /// The kernel has said yes.
    pub(crate) fn affirmed(self) {
        if let Some((name, watched_by)) = self.0 {
            let _ = watched_by.compare_exchange(name | ASKED, name, Relaxed, Relaxed);
        }
    }
}

/// Whether there is something to be forgotten.
pub(crate) fn is_known(fd: c_int) -> bool {
    known(fd).is_some_and(|known| {
        known.instance.load(Relaxed) != 0 || known.watched_by.load(Relaxed) != 0
    })
}

/// The descriptor is not what it was, or not watched any more.
pub(crate) fn forget(fd: c_int) {
    if let Some(known) = known(fd) {
        known.instance.store(0, Relaxed);
        known.watched_by.store(0, Relaxed);
    }
}

/// The descriptor may not be watched any more, or not as others are.
pub(crate) fn forget_watched(fd: c_int) {
    if let Some(known) = known(fd) {
        known.watched_by.store(0, Relaxed);
    }
}

/// None of these descriptors is what it was.
pub(crate) fn forget_range(first: u32, last: u32) {
    let first = (first as usize).min(DESCRIPTORS);
    let end = (last as usize).saturating_add(1).clamp(first, DESCRIPTORS);
    for known in &TABLE[first..end] {
        // Most have never been used: reading leaves their memory alone.
        for name in [&known.instance, &known.watched_by] {
            if name.load(Relaxed) != 0 {
                name.store(0, Relaxed);
            }
        }
    }
}

/// Other processes share all instances that there are.
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
