// SPDX-License-Identifier: GPL-2.0

//! An instance: its items, how they come and go.
//!
//! The banner of the crate tells how the parts work together.

use crate::{
    event::{
        self,
        Interest, //
    },
    item::{
        Item,
        Key, //
    },
    kernel_ext::{
        hook,
        poll_file::FileRef,
        rbtree::Tree,
        slab::{
            SlabBox,
            Slot, //
        },
        task,
        wait_queue::WaitQueue, //
    },
    limits::Account,
    marks::Marks,
    nesting,
    ready::ReadyList,
    watch, //
};
use core::ops::{
    Deref,
    DerefMut, //
};
use kernel::{
    prelude::*,
    static_lock_class,
    sync::{
        barrier::{
            smp_mb,
            Full, //
        },
        lock::mutex::MutexBackend,
        lock::Guard,
        new_mutex,
        Mutex, //
    },
};

/// The items of an instance.
pub(crate) struct Set {
    items: Tree<Item>,
    marks: Marks,
    /// Present until the instance is released.
    account: Option<Account>,
}

impl Set {
    /// The tree of all items.
    pub(crate) fn items(&self) -> &Tree<Item> {
        &self.items
    }

    /// Undoes all that an item has caused, and frees it.
    fn dispose(&mut self, ready: &ReadyList, item: SlabBox<Item>) {
        watch::stop(&item);
        ready.lock().forget(&item);
        self.marks.release(&item.source, item.key().address());
        if let Some(account) = &self.account {
            account.uncharge();
        }
    }

    fn remove(&mut self, ready: &ReadyList, key: &Key) -> Result {
        let item = self.items.remove(key).ok_or(ENOENT)?;
        self.dispose(ready, item);
        Ok(())
    }

    fn remove_dead(&mut self, ready: &ReadyList) {
        while let Some(key) = ready.pop_dead() {
            // It is there: dead items are in the tree.
            let _ = self.remove(ready, &key);
        }
    }
}

/// An instance, which `fs/eventpoll.c` calls `struct eventpoll`.
#[pin_data]
pub(crate) struct Eventpoll {
    #[pin]
    set: Mutex<Set>,
    /// What is ready, and who waits for it.
    #[pin]
    pub(crate) ready: ReadyList,
    /// Who polls the instance itself.
    #[pin]
    pub(crate) pollers: WaitQueue,
}

impl Eventpoll {
    /// An instance without items, charged to the current user.
    pub(crate) fn new() -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            set <- new_mutex!(Set {
                items: Tree::new(),
                marks: Marks::new(),
                account: Some(Account::of_current_user()?),
            }, "repoll::set"),
            ready <- ReadyList::new(),
            pollers <- WaitQueue::new(c"repoll::pollers", static_lock_class!()),
        })
    }

    /// Takes the mutex. There are no dead items then, but for those that die while it is held.
    pub(crate) fn lock(&self) -> Locked<'_> {
        let mut set = self.set.lock();
        if self.ready.has_dead() {
            set.remove_dead(&self.ready);
        }
        Locked {
            set,
            _afterwards: RemoveDead(self),
        }
    }

    /// Removes dead items, or leaves them to who holds the mutex. Does not sleep.
    pub(crate) fn remove_dead(&self) {
        loop {
            // Either the holder's look at the list of the dead after its unlock sees them, or the
            // attempt here sees the unlock.
            smp_mb(Full);
            if !self.ready.has_dead() {
                return;
            }
            let Some(mut set) = self.set.try_lock() else {
                return;
            };
            set.remove_dead(&self.ready);
        }
    }

    /// Watches `file` under the number `fd`.
    ///
    /// # Errors
    ///
    /// `EINVAL` if an item must not be added in that mode, `EEXIST`, `ENOSPC`, `ENOMEM`.
    pub(crate) fn add(&self, file: &FileRef, fd: i32, asked: u32, data: u64) -> Result {
        if nesting::is_eventpoll(file) || !event::may_add(asked) {
            return Err(EINVAL);
        }
        let key = Key::new(file, fd);
        let mut set = self.lock();
        if set.items.find(&key).is_some() {
            return Err(EEXIST);
        }
        let item = self.insert(&mut set, file, fd, Interest::new(asked), data)?;
        watch::start(item, file);
        // SAFETY: The item is in the tree and in the table, the mutex is held, and so is the file.
        match unsafe { item.attach(file) } {
            Ok(0) => Ok(()),
            Ok(_) => {
                self.make_ready(item);
                Ok(())
            }
            Err(error) => {
                set.remove(&self.ready, &key)?;
                Err(error)
            }
        }
    }

    /// Puts a new item into the tree. On failure nothing has changed.
    fn insert<'a>(
        &self,
        set: &'a mut Set,
        file: &FileRef,
        fd: i32,
        interest: Interest,
        data: u64,
    ) -> Result<&'a Item> {
        let account = set.account.as_ref().ok_or(EBADF)?;
        account.charge()?;
        let parts = Slot::new()
            .map_err(Error::from)
            .and_then(|slot| Ok((slot, set.marks.acquire(file)?)))
            .inspect_err(|_| account.uncharge());
        let (slot, source) = parts?;
        let item = slot.fill(Item::new(self, file, fd, interest, data, source));
        // The caller has looked: the key is not there.
        set.items.insert(item).map_err(|_| EEXIST)
    }

    /// Changes what the item watches for.
    ///
    /// # Errors
    ///
    /// `EINVAL` if an item must not be changed so, `ENOENT`.
    pub(crate) fn modify(&self, file: &FileRef, fd: i32, asked: u32, data: u64) -> Result {
        if !event::may_modify_to(asked) {
            return Err(EINVAL);
        }
        let set = self.lock();
        let item = set.items.find(&Key::new(file, fd)).ok_or(ENOENT)?;
        if item.interest().is_exclusive() {
            return Err(EINVAL);
        }
        let interest = Interest::new(asked);
        item.set_data(data);
        {
            // A wake-up before this, with the old interest, has its cause seen by the poll below;
            // one after it sees the new interest.
            let _ready = self.ready.lock();
            item.set_interest(interest);
        }
        if hook::poll(file, interest.bits()) != 0 {
            self.make_ready(item);
        }
        Ok(())
    }

    /// Stops watching.
    ///
    /// # Errors
    ///
    /// `ENOENT`.
    pub(crate) fn delete(&self, file: &FileRef, fd: i32) -> Result {
        self.lock().remove(&self.ready, &Key::new(file, fd))
    }

    /// Puts an item that was found to have events onto the ready list.
    fn make_ready(&self, item: &Item) {
        let mut ready = self.ready.lock();
        let pollers = ready.push(item) && {
            ready.wake_waiter(false);
            self.pollers.is_active()
        };
        drop(ready);
        if pollers {
            self.wake_pollers(0);
        }
    }

    /// Wakes who polls the instance. Called without the spinlock: pollers have callbacks, too.
    pub(crate) fn wake_pollers(&self, flags: u32) {
        self.pollers.wake_pollers(event::IN | flags);
    }

    /// Whether any item has events. Items that turn out to have none leave the ready list.
    pub(crate) fn has_events(&self) -> bool {
        let set = self.lock();
        let mut scan = self.ready.scan(set.items());
        while let Some((item, file)) = scan.next() {
            if hook::poll(&file, item.interest().bits()) != 0 {
                scan.put_back(item);
                return true;
            }
        }
        false
    }

    /// Undoes everything: the last reference to the instance's file is gone.
    pub(crate) fn release(&self) {
        let mut set = self.lock();
        while let Some(item) = set.items.pop() {
            set.dispose(&self.ready, item);
            task::cond_resched();
        }
        if let Some(account) = set.account.take() {
            account.close();
        }
    }
}

/// The items, with the mutex held.
pub(crate) struct Locked<'a> {
    // Dropped in this order: the unlock, then the look at the dead.
    set: Guard<'a, Set, MutexBackend>,
    _afterwards: RemoveDead<'a>,
}

/// Removes those items on drop that died while the mutex was held.
struct RemoveDead<'a>(&'a Eventpoll);

impl Drop for RemoveDead<'_> {
    fn drop(&mut self) {
        self.0.remove_dead();
    }
}

impl Deref for Locked<'_> {
    type Target = Set;

    fn deref(&self) -> &Set {
        &self.set
    }
}

impl DerefMut for Locked<'_> {
    fn deref_mut(&mut self) -> &mut Set {
        &mut self.set
    }
}
