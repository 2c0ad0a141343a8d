// SPDX-License-Identifier: MIT OR Apache-2.0

//! Events of a program, which may be at any address.
//!
//! epoll answers `EFAULT` to a bad one, and so the kernel has to read them. Here only two
//! places are known to be readable, and most programs have theirs in one of them: the page
//! of the caller's own frame, and the part of the main thread's stack that is in use.

use crate::threads;
use core::{
    mem::size_of,
    ptr,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};
use libc::epoll_event;

/// The size of a page, or of a part of one.
const PAGE: usize = 4096;

/// As many bytes below the main thread's stack's end are nothing but stack: the kernel keeps
/// twice as much free of mappings.
const STACK: usize = 64 << 20;

/// Where the main thread's stack ends; 0 where libc does not tell.
static STACK_END: AtomicUsize = AtomicUsize::new(0);

/// Finds the main thread's stack.
pub(crate) fn load() {
    let stack_end = threads::find(c"__libc_stack_end").cast::<usize>();
    if !stack_end.is_null() {
        // SAFETY: It is a pointer, and has its value before any program runs.
        STACK_END.store(unsafe { stack_end.read() }, Relaxed);
    }
}

/// The event at an address, if that can be read for sure: in the page of the caller's
/// own frame, or in the part of the main thread's stack that is in use.
#[inline(always)]
pub(crate) fn read(address: usize) -> Option<epoll_event> {
    let mark = 0u8;
    let here = ptr::from_ref(&mark).addr();
    if !is_in_page(here, address) && !is_on_stack(here, STACK_END.load(Relaxed), address) {
        return None;
    }
    // SAFETY: It is in a page that this frame is in, too, or on the main thread's stack in use:
    // either is mapped and readable.
    Some(unsafe { ptr::with_exposed_provenance::<epoll_event>(address).read_unaligned() })
}

/// Whether all of the event is in the page that something else is in.
#[inline(always)]
fn is_in_page(other: usize, address: usize) -> bool {
    address / PAGE == other / PAGE && address % PAGE <= PAGE - size_of::<epoll_event>()
}

/// Whether all of the event is on a stack from `here` up to its end.
#[inline(always)]
fn is_on_stack(here: usize, end: usize, address: usize) -> bool {
    (here..end).contains(&address)
        && end - here <= STACK
        && end - address >= size_of::<epoll_event>()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: usize = size_of::<epoll_event>();

    #[test]
    fn a_page_holds_the_whole_event() {
        let page = 7 * PAGE;
        assert!(is_in_page(page + 100, page));
        assert!(is_in_page(page, page + PAGE - SIZE));
        assert!(!is_in_page(page, page + PAGE - SIZE + 1));
        assert!(!is_in_page(page, page + PAGE));
        assert!(!is_in_page(page, page - 1));
    }

    #[test]
    fn a_stack_holds_the_whole_event() {
        let (here, end) = (1 << 30, (1 << 30) + (1 << 20));
        assert!(is_on_stack(here, end, here));
        assert!(is_on_stack(here, end, end - SIZE));
        assert!(!is_on_stack(here, end, end - SIZE + 1));
        assert!(!is_on_stack(here, end, here - 1));
        assert!(!is_on_stack(here, end, usize::MAX));
        // That is another thread's.
        assert!(!is_on_stack(here, here + STACK + 1, here));
        assert!(!is_on_stack(here, 0, here));
    }

    #[test]
    fn what_is_on_the_stack_is_read_and_nothing_else() {
        let event = epoll_event { events: 1, u64: 2 };
        let here = ptr::from_ref(&event).expose_provenance();
        // It may lie across two pages, in a thread that is not the main one.
        if let Some(read) = read(here) {
            assert_eq!({ read.u64 }, 2);
        }
        let heap = std::boxed::Box::new(event);
        assert!(read(ptr::from_ref(&*heap).expose_provenance()).is_none());
        assert!(read(0).is_none());
    }
}
