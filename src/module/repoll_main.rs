// SPDX-License-Identifier: GPL-2.0

//! repoll: an eventpoll in a loadable module.
//!
//! # Overview
//!
//! An instance ([`eventpoll::Eventpoll`]) watches files. Each watched file is an item
//! ([`item::Item`]), found in the instance's tree by (file, descriptor number). Adding one polls
//! the file with a poll table whose function puts an entry onto each wait queue that the file hands
//! over ([`kernel_ext::hook`]). An event on the file wakes the queue; the entry's function runs,
//! perhaps in an interrupt, puts the item onto the instance's ready list, and wakes one waiter and
//! all pollers of the instance. The waiter scans the ready list: it polls each file again, since
//! the wake-up was a hint, and hands out what it finds. Level-triggered items stay on the list; the
//! next scan drops them when their file has no events any more.
//!
//! ```text
//!   event on a file                                             REPOLL_WAIT
//!        |                                                           |
//!   wake-up of its queue --> Item::woken --> ready list --> scan --> poll --> user memory
//!                                  |                          ^        |
//!                                  +--> a waiter, pollers     +--------+ level-triggered
//! ```
//!
//! # Locks, from outer to inner
//!
//! 1. *The instance's outer mutex* ([`eventpoll::Eventpoll::enter`]): only of instances that watch
//!    the kernel's epolls, which are polled with it and without the next one. Who makes changes has
//!    both in [`eventpoll::Mutexes`], from one change to the next.
//! 2. *The instance's mutex* ([`eventpoll::Eventpoll::lock`]): the tree, and who delivers. It
//!    sleeps, because polling a file, allocating and writing to user memory may. Those of instances
//!    that watch each other are taken from the watcher to the watched.
//! 3. *The topology's mutex* ([`nesting`]): held while a link between instances is put in its
//!    place. Global, and rare. Whoever waits for it has none of the above, nor does its holder take
//!    one. Who adds another kind of file to an instance may try it.
//! 4. *The accounts' mutex* ([`limits`]) and fsnotify's ([`kernel_ext::fsnotify`]): innermost among
//!    those that sleep.
//! 5. *A watched file's unhooking lock* ([`watch::Watched`]): held while an item leaves the file's
//!    wait queues and then the table. Process context only; a release of a file must not wait for
//!    anybody but who unhooks an item from that very file.
//! 6. *A bucket's spinlock* ([`watch`]): which items there are on files. Process context only. Inside
//!    it, the file's own `f_lock`, to change whether it reports, *the spinlock of held files*
//!    ([`held`]) and *that of the links* between instances ([`links`]). *The registry's spinlock*
//!    ([`registry`]), inside nothing, outside nothing: an instance that was found under it is looked
//!    at afterwards, by RCU or by a reference to its file.
//! 7. *A file's wait-queue lock*, not ours: held while [`item`]'s callback runs, with interrupts
//!    off where the file's owner wakes from interrupts. Inside the unhooking lock, not a bucket's.
//! 8. *The instance's spinlock* ([`ready::ReadyList`]): the ready list and the waiters. Taken in the
//!    callback, so with interrupts off. Nothing under it polls, allocates or touches user memory.
//! 9. *The lock of a wake-up that a worker is to make* ([`relay`]): inside nothing of the instance's.
//!
//! The lock of the queue of pollers is taken with the lock of a file's queue held, as a file's
//! queue itself: an eventpoll that watches an instance is called under it. [`nesting`] tells why
//! neither this nor the mutexes, of ours and of the kernel's epolls, go round in circles.
//!
//! # How an item goes
//!
//! * *Delete, or a failed add*: under the mutex, the item leaves the tree; then its wait queues and
//!   the watch table, under the file's unhooking lock, after which no callback runs any more; then
//!   the ready list; and is freed.
//! * *Release of the instance*: the same for each item. The instance itself is freed a grace period
//!   later, for those who found it by an item under RCU.
//! * *Release of the watched file*: [`watch`] takes the item off its wait queues and the ready list
//!   and buries it; the holder of the mutex, or its next one, does the rest.
//!
//! The first two meet the third at the unhooking lock: the one that has it first unhooks the item
//! and takes it out of the table, the other finds it gone. [`kernel_ext::hook`] has a fourth party,
//! a wait queue that dies before its file.
//!
//! # No wake-up is lost
//!
//! * An event during an add: the entry is on the queue before the file looks at its state.
//! * During a modify: the mask changes before the poll, and a barrier is between them.
//! * During a scan: a wake-up marks an item anew that the scan has marked as seen, and that is then
//!   not dropped; others it puts onto the ready list, which the end of the scan joins with its own.
//! * While the item is ready and nobody waits: the wake-up takes no lock. A barrier in the callback
//!   and one in the scan order the look at the item's place and the look at the file.
//! * To a waiter that leaves: a woken waiter is off the queue and looks before it leaves, even
//!   after its deadline; who leaves at its deadline without having been woken looks whether a waker
//!   has just taken it for one that waits; one that is being killed wakes another in its place.
//! * Between a look and a sleep: both the waiter and its waker hold the spinlock.

mod awake;
mod bindings;
mod busy_poll;
mod change;
mod control;
mod cursor;
mod direct;
mod event;
mod eventpoll;
mod features;
mod file;
mod held;
mod interest_list;
mod item;
mod kernel_ext;
mod key;
mod kind;
mod limits;
mod links;
mod marks;
mod nesting;
mod place;
mod query;
mod ready;
mod registry;
mod relay;
mod trace;
mod uapi;
mod vertex;
mod wait;
mod wakeup;
mod watch;
mod watched;

use crate::kernel_ext::{
    global::{
        Installed,
        Loading, //
    },
    work::Workqueue, //
};
use kernel::{
    miscdevice::MiscDeviceRegistration,
    prelude::*, //
};

// No alias: `devname:repoll`, by which a node is there before the module, takes a minor number that
// is reserved for good. A line in modules-load.d loads it at boot instead.
module! {
    type: RepollModule,
    name: "repoll",
    authors: ["The repoll authors"],
    description: "An eventpoll beside the kernel's own: instances like epoll's, from /dev/repoll",
    license: "GPL",
    params: {
        direct: bool {
            default: true,
            description: "Answer fadvise64(2), which security modules do not check (0: ioctls only)",
        },
    },
}

/// Everything that the module registers. Dropped in this order on unload, when no instance is open
/// any more: each holds a reference to the module.
#[pin_data]
struct RepollModule {
    #[pin]
    _device: MiscDeviceRegistration<control::Control>,
    _rcu: kernel_ext::rcu::Barrier,
    _relay: Installed<Workqueue>,
    _registry: Installed<Pin<KBox<registry::Registry<eventpoll::Eventpoll>>>>,
    _nesting: nesting::Nesting,
    _watching: watch::Watching,
    _limits: limits::Limits,
    _caches: item::Caches,
}

impl kernel::InPlaceModule for RepollModule {
    fn init(_module: &'static ThisModule) -> impl PinInit<Self, Error> {
        // SAFETY: All that is below uses what is above it, and the device, before which nobody
        // uses anything, comes last; they are dropped in the reverse order, by this or on exit.
        let loading = unsafe { Loading::begin() };
        try_pin_init!(Self {
            _caches: item::Caches::new(&loading)?,
            _limits: limits::Limits::new(&loading)?,
            _watching: watch::Watching::new(&loading)?,
            _nesting: nesting::Nesting::new(&loading)?,
            _relay: relay::install(&loading)?,
            _registry: eventpoll::install(&loading)?,
            _rcu: kernel_ext::rcu::Barrier,
            _device <- MiscDeviceRegistration::register(control::Control::OPTIONS),
        })
    }
}
