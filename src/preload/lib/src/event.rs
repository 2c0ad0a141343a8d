// SPDX-License-Identifier: MIT OR Apache-2.0

//! Reads the events of a program, which may be at any address.
//!
//! epoll returns `EFAULT` for a bad address, so in general the kernel has to read the event. This
//! file knows only two places to be readable: the page of the caller's own frame, and the part of
//! the main thread's stack that is in use. Most programs keep their events in one of them.

use crate::threads;
use core::{
    mem::size_of,
    ptr,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};
use libc::epoll_event;

/// The size of a page, or of a part of a page.
const PAGE: usize = 4096;

/// This many bytes below the end of the main thread's stack hold nothing but stack: the kernel
/// keeps twice as much free of other mappings.
const STACK: usize = 64 << 20;

/// Where the main thread's stack ends, or 0 if libc does not report it.
static STACK_END: AtomicUsize = AtomicUsize::new(0);

/// Finds the main thread's stack.
pub(crate) fn load() {
    let stack_end = threads::find(c"__libc_stack_end").cast::<usize>();
    if !stack_end.is_null() {
        // SAFETY: It is a pointer, and is set before any program code runs.
        STACK_END.store(unsafe { stack_end.read() }, Relaxed);
    }
}

/// The event at an address, if that is certain to be readable: in the page of the caller's own
/// frame, or in the part of the main thread's stack that is in use.
#[inline(always)]
pub(crate) fn read(address: usize) -> Option<epoll_event> {
    let mark = 0u8;
    let here = ptr::from_ref(&mark).addr();
    if !is_in_page(here, address) && !is_on_stack(here, STACK_END.load(Relaxed), address) {
        return None;
    }
    // SAFETY: It is in the same page as this frame, or on the part of the main thread's stack that
    // is in use. Both are mapped and readable.
    Some(unsafe { ptr::with_exposed_provenance::<epoll_event>(address).read_unaligned() })
}

/// Whether the whole event is in the same page as another address.
#[inline(always)]
fn is_in_page(other: usize, address: usize) -> bool {
    address / PAGE == other / PAGE && address % PAGE <= PAGE - size_of::<epoll_event>()
}

/// Whether the whole event is on the stack between `here` and its end.
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
        // That is the stack of another thread.
        assert!(!is_on_stack(here, here + STACK + 1, here));
        assert!(!is_on_stack(here, 0, here));
    }

    #[test]
    fn what_is_on_the_stack_is_read_and_nothing_else() {
        let event = epoll_event { events: 1, u64: 2 };
        let here = ptr::from_ref(&event).expose_provenance();
        // In a thread other than the main one, it may lie across two pages.
        if let Some(read) = read(here) {
            assert_eq!({ read.u64 }, 2);
        }
        let heap = std::boxed::Box::new(event);
        assert!(read(ptr::from_ref(&*heap).expose_provenance()).is_none());
        assert!(read(0).is_none());
    }
}
