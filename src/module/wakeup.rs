// SPDX-License-Identifier: GPL-2.0

//! Wake-ups: the path from an event on a file to the tasks that wait for it.
//!
//! ```text
//!   wake-up of a file's queue --> Hooked::woken --> interest? --> ready list --> one waiter
//!                                                                          \--> all pollers
//! ```
//!
//! [`Hooked::woken`] runs with the lock of the file's wait queue held, perhaps in an interrupt. The
//! hot cases come first and take no lock: a wake-up that does not concern the item, and one of an
//! item that is already ready while nobody waits. An item that a change finds ready goes the same
//! way, through [`Eventpoll::make_ready`].
//!
//! Pollers, which may be other eventpolls, are woken after the spinlock is released; a worker wakes
//! some of them, as [`crate::nesting`] explains.

use crate::{
    event::{
        self,
        Interest, //
    },
    eventpoll::Eventpoll,
    item::{
        Item,
        Owner, //
    },
    kernel_ext::{
        anon_file,
        barrier::smp_mb,
        hook::{
            Context,
            Hooked,
            POLLFREE, //
        },
        unreleased::Unreleased,
        waiters::WakeFlags,
        work::Worker, //
    },
    kind::Kind,
    place::Place,
    ready::{
        increment,
        Lists,
        LockedLists, //
    },
    relay::Relay,
    trace, //
};
use core::mem::offset_of;
use kernel::sync::lock::{
    Backend,
    Guard, //
};

// SAFETY: The offset is that of the field.
unsafe impl Hooked for Item {
    const HOOKS: usize = offset_of!(Item, hooks);

    /// The wake-up callback.
    ///
    /// A wake-up that concerns the item makes it ready and wakes one waiter and all pollers. The
    /// answer matters only for exclusive items: if a waiter existed for the requested events, the
    /// wake-up goes no further; otherwise another exclusive item may have one.
    #[inline(always)]
    fn woken(&self, context: Context<'_>, events: u32, flags: WakeFlags) -> bool {
        let owner = self.owner();
        // The cause of the wake-up comes before everything that is read here. So either this sees a
        // change of the interest, or the change's poll finds the event; and either this sees that a
        // scan has begun to check the item, or the scan's poll finds the event.
        smp_mb();
        let interest = self.interest();
        let file = || self.woken_file();
        owner.busy_poll.note(file);
        trace::callback(move || trace::Callback {
            item: self.traced(file()),
            interest,
            events,
            idle: self.place() == Place::Idle,
        });
        if !interest.concerns(events) || owner.ready.push_again(self, &owner.pollers) {
            return !interest.is_exclusive();
        }
        match context.interrupts_off() {
            Some(off) => {
                self.woken_with(owner, owner.ready.lock_with(off), interest, events, flags)
            }
            None => self.woken_with(owner, owner.ready.lock_as_is(), interest, events, flags),
        }
    }

    #[inline]
    fn is_end(&self, _events: u32) -> bool {
        self.watched().hangs_up()
    }

    /// The file is being released, with the lock of its wait queue held. Nobody frees the item
    /// before that lock is released; afterwards a worker does.
    #[cold]
    fn ended(&self) {
        trace::dropped(move || (self.traced(self.woken_file()), self.watched().is_held()));
        let owner = self.owner();
        owner.bury(self);
        owner.relay.start();
    }
}

impl Item {
    /// The file, while one of its wait queues is being woken.
    #[inline]
    fn woken_file(&self) -> Unreleased<'_> {
        // SAFETY: The callers hold the lock of the queue, without which the file is not torn down.
        unsafe { Unreleased::new(self.file()) }
    }

    /// As [`Hooked::woken`], for an event that concerns the item, with the lists locked.
    #[inline(always)]
    fn woken_with<B: Backend>(
        &self,
        owner: &Eventpoll,
        mut lists: Guard<'_, Lists, B>,
        interest: Interest,
        events: u32,
        flags: WakeFlags,
    ) -> bool {
        increment(&mut lists.counters.events);
        if owner.ready.is_scanning() {
            increment(&mut lists.counters.overlaps);
        }
        if lists.push(self) {
            owner.ready.note_available(&lists);
        }
        if lists.waiters.is_active() || owner.pollers.is_active() {
            return self.announce(owner.ready.locked(lists), interest, events, flags);
        }
        !interest.is_exclusive()
    }

    /// Wakes a waiter and the pollers of the instance, as [`Hooked::woken`].
    #[inline(never)]
    fn announce<B: Backend>(
        &self,
        mut ready: LockedLists<'_, B>,
        interest: Interest,
        events: u32,
        flags: WakeFlags,
    ) -> bool {
        let woke = ready.wake_waiter(flags);
        let pollers = self.owner().pollers.is_active();
        drop(ready);
        if pollers {
            self.announce_to_pollers(self.woken_file(), events & event::URING_WAKE);
        }
        !interest.is_exclusive() || (woke && interest.absorbs(events, events & POLLFREE != 0))
    }

    /// Wakes the pollers of the instance, or makes a worker do so, because the wait queue of the
    /// item's `file` is being woken.
    fn announce_to_pollers(&self, file: Unreleased<'_>, flags: u32) {
        let owner = self.owner();
        match self.kind() {
            _ if self.crowded.read() => owner.relay.wake_pollers(flags),
            Kind::Plain => owner.wake_pollers(flags, None),
            Kind::Instance => owner.wake_pollers(flags, anon_file::of_unreleased(file)),
            Kind::Epoll => owner.relay.wake_pollers(flags),
        }
    }
}

impl Eventpoll {
    /// Makes an item ready that was found to have events, and wakes a waiter and the pollers.
    pub(crate) fn make_ready(&self, item: &Item) {
        let mut ready = self.ready.lock();
        let pollers = ready.push(item) && {
            ready.wake_waiter(WakeFlags::NONE);
            self.pollers.is_active()
        };
        drop(ready);
        if pollers {
            self.wake_pollers(0, None);
        }
    }

    /// Wakes all pollers of the instance. Called without the spinlock, because pollers also have
    /// callbacks. If the cause is that the pollers of another instance are being woken, which this
    /// one watches, that is `inner`.
    pub(crate) fn wake_pollers(&self, flags: u32, inner: Option<&Self>) {
        let cause = inner.map(|inner| &inner.pollers);
        self.pollers.wake(event::IN | flags, cause);
    }
}

// SAFETY: The offset is that of the only such work in an instance, which stops it on release.
unsafe impl Worker for Eventpoll {
    const OFFSET: usize = offset_of!(Eventpoll, relay) + Relay::<Self>::WORK;

    /// The deferred work of the relay: wake-ups of pollers, and the removal of dead items.
    fn work(&self) {
        self.relay.run(|flags| self.wake_pollers(flags, None));
        self.remove_dead_soon();
    }
}
