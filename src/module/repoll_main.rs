// SPDX-License-Identifier: GPL-2.0

//! repoll: an eventpoll in a loadable module.
//!
//! # Overview
//!
//! An instance ([`eventpoll::Eventpoll`]) watches files. Each watched file is an item
//! ([`item::Item`]), found in the instance's tree by (file, descriptor number). Adding an item
//! polls the file with a poll table whose function puts an entry onto each wait queue that the file
//! hands over ([`kernel_ext::hook`]). An event on the file wakes the queue, and the entry's
//! function runs, perhaps in an interrupt ([`wakeup`]). It puts the item onto the instance's ready
//! list, and wakes one waiter and all pollers of the instance. The waiter scans the ready list
//! ([`wait`]): it polls each file again, because the wake-up was only a hint, and delivers the
//! events that it finds. Level-triggered items stay on the list; the next scan drops those whose
//! files have no events any more.
//!
//! ```text
//!   event on a file                                             REPOLL_WAIT
//!        |                                                           |
//!   wake-up of its queue --> Item::woken --> ready list --> scan --> poll --> user memory
//!                                  |                          ^        |
//!                                  +--> a waiter, pollers     +--------+ level-triggered
//! ```
//!
//! # Files, from top to bottom
//!
//! No file imports one above it. If a lower part has to call a higher one, it defines a trait that
//! the higher one implements, such as [`item::Owner`].
//!
//! ```text
//!   control  file                                     the device; an instance's file operations
//!   query  features  change  direct  interest_list    operations of user space
//!   wait  wakeup  nesting                             waiters; callbacks; nested eventpolls
//!   eventpoll                                         an instance
//!   ready                                             its ready list
//!   watch  limits  registry  relay                    closes; charges; all instances; workers
//!   links  marks  held                                links; marks; held files
//!   item  watched                                     a file under a number; an open file
//!   key  kind  place  vertex  event  uapi  trace ...  values
//!   kernel_ext                                        safe wrappers of the kernel
//! ```
//!
//! # Locks, from outer to inner
//!
//! 1. *The instance's outer mutex* ([`eventpoll::Eventpoll::enter_both`]): only of instances that
//!    watch the kernel's epolls. These are polled with it and without the next one. A task that
//!    makes several changes keeps both in [`eventpoll::Mutexes`] from one change to the next.
//! 2. *The instance's mutex* ([`eventpoll::Eventpoll::lock`]): protects the tree, and is held
//!    during a delivery. It sleeps, because polling a file, allocating and writing to user memory
//!    may. The mutexes of instances that watch each other are taken from the watcher to the
//!    watched.
//! 3. *The topology's mutex* ([`nesting`]): held while a link between instances is put in its
//!    place. Global, and rare. A task that waits for it holds none of the above, and its holder
//!    takes none. A task that adds another kind of file to an instance may try it.
//! 4. *The accounts' mutex* ([`limits`]) and fsnotify's ([`kernel_ext::fsnotify`]): innermost among
//!    those that sleep.
//! 5. *A watched file's unhooking lock* ([`watched::Watched`]): held while an item leaves the
//!    file's wait queues and then the table. Process context only. The release of a file must not
//!    wait for anything but a task that unhooks an item from that very file.
//! 6. *A bucket's spinlock* ([`watch`]): which items there are on files. Process context only.
//!    Inside it come the file's own `f_lock`, to change whether it reports, *the spinlock of held
//!    files* ([`held`]) and *the spinlock of the links* between instances ([`links`]). *The
//!    registry's spinlock* ([`registry`]) is neither inside nor outside any other lock: a task that
//!    finds an instance under it uses the instance afterwards, by RCU or by a reference to its
//!    file.
//! 7. *A file's wait-queue lock*, which belongs to the kernel: held while the callback in
//!    [`wakeup`] runs, with interrupts off if the file's owner wakes from interrupts. Inside the
//!    unhooking lock, not a bucket's.
//! 8. *The instance's spinlock* ([`ready::ReadyList`]): the ready list and the waiters. Taken in
//!    the callback, so with interrupts off. Nothing under it polls, allocates or touches user
//!    memory.
//! 9. *The lock of a wake-up that a worker will make* ([`relay`]): inside no lock of the instance.
//!
//! The lock of the queue of pollers is taken with the lock of a file's queue held, and is itself
//! the lock of a file's queue: an eventpoll that watches the instance is called under it.
//! [`nesting`] explains why neither these locks nor the mutexes, ours and those of the kernel's
//! epolls, are taken in a circle.
//!
//! # How an item is removed
//!
//! * *Delete, or a failed add*: under the mutex, the item leaves the tree. Then it leaves its wait
//!   queues and the watch table, under the file's unhooking lock, after which no callback runs any
//!   more. Then it leaves the ready list, and is freed.
//! * *Release of the instance*: the same for each item. The instance itself is freed a grace period
//!   later, because tasks may have found it through an item under RCU.
//! * *Release of the watched file*: [`watch`] takes the item off its wait queues and the ready list
//!   and buries it. The holder of the mutex, or its next holder, does the rest.
//!
//! The first two meet the third at the unhooking lock: whichever takes it first unhooks the item
//! and removes it from the table, and the other finds it gone. [`kernel_ext::hook`] has a fourth
//! party, a wait queue that dies before its file.
//!
//! # No wake-up is lost
//!
//! * An event during an add: the entry is on the queue before the file checks its state.
//! * During a modify: the mask changes before the poll, and a barrier is between them.
//! * During a scan: if the scan has marked the item as seen, the wake-up removes the mark, and the
//!   scan does not drop the item. Otherwise the wake-up puts the item onto the ready list, which is
//!   joined with the scan's own list at the end of the scan.
//! * While the item is ready and nobody waits: the wake-up takes no lock. A barrier in the callback
//!   and one in the scan order the check of the item's place and the check of the file.
//! * To a waiter that leaves: a woken waiter is off the queue and scans before it leaves, even
//!   after its deadline. A waiter that leaves at its deadline without having been woken checks
//!   whether a waker has just seen it waiting. A waiter that is being killed wakes another one in
//!   its place.
//! * Between a check and a sleep: both the waiter and its waker hold the spinlock.

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

// No alias: with `devname:repoll` a node would exist before the module is loaded, but that requires
// a minor number that is reserved permanently. A line in modules-load.d loads the module at boot
// instead.
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

/// Everything that the module registers, dropped in this order on unload. No instance is open then:
/// each holds a reference to the module.
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
        // SAFETY: Each of these uses only what was created before it. The device comes last, and
        // nothing is used without it. They are dropped in the reverse order, by this function on
        // failure or on exit.
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
