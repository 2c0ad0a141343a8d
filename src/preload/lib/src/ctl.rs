// SPDX-License-Identifier: MIT OR Apache-2.0

//! Changing what an instance watches.

use crate::{
    direct::{self, pair, Told},
    event, gather,
    kernel::{self, call, error, int, Answer, Open},
    known::{self, Question},
    settings::settings,
    stats::{self, Kind},
    uapi,
};
use libc::{c_int, epoll_event};

/// Does what `epoll_ctl` does, on an instance of either kind, at once or with the next wait.
#[inline]
pub(crate) fn ctl(epfd: c_int, op: c_int, fd: c_int, event: usize) -> Answer {
    if settings().gathers() {
        gathered(epfd, op, fd, event)
    } else {
        at_once(epfd, op, fd, event)
    }
}

/// Delays a change if possible. Otherwise makes it, and records what the answer reveals about the
/// descriptor.
fn gathered(epfd: c_int, op: c_int, fd: c_int, event: usize) -> Answer {
    if op == libc::EPOLL_CTL_MOD && gather::put_off(epfd, fd, event) {
        return 0;
    }
    gather::send();
    let is_plain = event::read(event).is_some_and(|event| gather::is_plain(&event));
    if op == libc::EPOLL_CTL_DEL || !is_plain {
        known::forget_watched(fd);
        return at_once(epfd, op, fd, event);
    }
    let question = Question::new(epfd, fd);
    let answer = at_once(epfd, op, fd, event);
    if answer == 0 {
        question.affirmed();
    }
    answer
}

/// Calls repoll first, and epoll only if the answer cannot have been repoll's:
///
/// | answer | comes from | then |
/// |---|---|---|
/// | 0, or an error that only an eventpoll returns | repoll | return it |
/// | `EBADF` | the kernel: either descriptor is not open | epoll would have read the event before, so do that |
/// | `EINVAL` | a native epoll, or repoll | call epoll; on a repoll instance it finds the same errors in the same order, and finally `EINVAL` |
/// | anything else, such as `ENOTTY` or `ESPIPE` | any other file | call epoll |
fn at_once(epfd: c_int, op: c_int, fd: c_int, event: usize) -> Answer {
    let told = if op == libc::EPOLL_CTL_ADD && settings().takes_turns() {
        add_in_turns(epfd, fd, event)
    } else {
        repoll(epfd, op, fd, event, 0)
    };
    let answer = told.answer;
    if answer >= 0 {
        return stats::repoll(Kind::Ctl, told);
    }
    match -answer as c_int {
        libc::EEXIST
        | libc::EFAULT
        | libc::ELOOP
        | libc::ENOENT
        | libc::ENOMEM
        | libc::ENOSPC
        | libc::EPERM => answer,
        // Pass invalid descriptors, because the real ones may have been opened meanwhile: then a
        // native epoll would carry out a call that was meant for repoll.
        libc::EBADF => native(-1, op, -1, event),
        _ => native(epfd, op, fd, event),
    }
}

/// Adds an exclusive item that takes turns, or any other item without turns.
///
/// Only the kernel can see which of these it is, as the event may be at a bad address. For turns
/// without `EPOLLEXCLUSIVE` it returns `EINVAL` and does nothing.
#[cold]
fn add_in_turns(epfd: c_int, fd: c_int, event: usize) -> Told {
    let add = |flags| repoll(epfd, libc::EPOLL_CTL_ADD, fd, event, flags);
    let told = add(uapi::REPOLL_ROUND_ROBIN);
    if told.answer == error(libc::EINVAL) {
        add(0)
    } else {
        told
    }
}

#[inline(always)]
fn repoll(epfd: c_int, op: c_int, fd: c_int, event: usize, flags: u32) -> Told {
    let ioctl = move || by_ioctl(epfd, op, fd, event, flags);
    let operation = match op {
        libc::EPOLL_CTL_ADD if flags == 0 => uapi::REPOLL_DIRECT_ADD,
        libc::EPOLL_CTL_MOD if flags == 0 => uapi::REPOLL_DIRECT_MOD,
        libc::EPOLL_CTL_DEL => uapi::REPOLL_DIRECT_DEL,
        _ => return direct::by_ioctl(epfd, 0, ioctl),
    };
    let event = match op {
        libc::EPOLL_CTL_DEL => NOTHING,
        _ => match event::read(event) {
            Some(event) => event,
            None => return direct::by_ioctl(epfd, 0, ioctl),
        },
    };
    let what = pair(fd as u32, event.events);
    // SAFETY: There are no addresses in the words.
    unsafe { direct::call_or(epfd, operation, event.u64 as usize, what, Open, ioctl) }
}

/// The event for a deletion.
const NOTHING: epoll_event = epoll_event { events: 0, u64: 0 };

fn by_ioctl(epfd: c_int, op: c_int, fd: c_int, event: usize, flags: u32) -> Answer {
    let ctl = uapi::repoll_ctl {
        op,
        fd,
        flags,
        event: event as u64,
        ..Default::default()
    };
    // SAFETY: It reads a `repoll_ctl`, and checks the address of the event.
    unsafe { kernel::ioctl(Open, epfd, uapi::REPOLL_CTL, &ctl) }
}

#[cold]
fn native(epfd: c_int, op: c_int, fd: c_int, event: usize) -> Answer {
    // SAFETY: It checks the address of the event.
    let answer = unsafe {
        call(
            libc::SYS_epoll_ctl,
            &[int(epfd), int(op), int(fd), event, 0, 0],
        )
    };
    stats::native(Kind::Ctl, answer)
}
