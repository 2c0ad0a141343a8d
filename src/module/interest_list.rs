// SPDX-License-Identifier: GPL-2.0

//! What an instance watches: adding, modifying and deleting items.

use crate::{
    event::{
        self,
        Interest, //
    },
    eventpoll::{
        poll_item,
        Eventpoll,
        Mutexes,
        Set, //
    },
    item::{
        Asked,
        Item, //
    },
    kernel_ext::{
        barrier::smp_mb,
        poll,
        wakeup_source::WakeupSource, //
    },
    key::ItemKey,
    kind::Kind,
    links,
    marks::Marks,
    nesting,
    trace,
    watch::NewItem, //
};
use core::ptr::NonNull;
use kernel::{fs::LocalFile, prelude::*};

impl Eventpoll {
    /// Watches `file` under the number `fd`.
    ///
    /// # Errors
    ///
    /// `EINVAL` if an item must not be added in that mode, or if events would travel on too many
    /// paths; `ELOOP` if instances would watch each other in a circle or in too long a chain;
    /// `EEXIST`, `ENOSPC`, `ENOMEM`; `EINTR` if the task is about to be killed.
    pub(crate) fn add(
        &self,
        mutexes: &mut Mutexes<'_>,
        file: &LocalFile,
        fd: i32,
        asked: Asked,
    ) -> Result {
        let kind = nesting::kind_of(file);
        let exclusive = Interest::new(asked.events).is_exclusive();
        if !event::may_add(asked.events) || (exclusive && kind != Kind::Plain) {
            return Err(EINVAL);
        }
        match kind {
            Kind::Plain => self.add_plain(mutexes, file, fd, asked),
            _ => self.add_eventpoll(mutexes, file, fd, kind, asked),
        }
    }

    /// Watches a file that is not an eventpoll.
    ///
    /// # Errors
    ///
    /// Those of [`Eventpoll::add`].
    #[inline(always)]
    fn add_plain(
        &self,
        mutexes: &mut Mutexes<'_>,
        file: &LocalFile,
        fd: i32,
        asked: Asked,
    ) -> Result {
        let Set { items, marks } = &mut **mutexes.enter(Kind::Plain)?;
        let vacancy = items.vacancy(ItemKey::new(file, fd)).ok_or(EEXIST)?;
        let mut new = self.make(marks, file, fd, Kind::Plain, asked)?;
        let started = new.start(file, None);
        if let Err(error) = started.and_then(|()| nesting::check_paths(self, new.item.address())) {
            self.dispose(new.item);
            return Err(error);
        }
        let item = vacancy.fill(new.into_item());
        let key = item.key();
        self.attach(item, file).or_else(|error| {
            self.remove(mutexes.enter(Kind::Plain)?, &key)?;
            Err(error)
        })
    }

    /// Watches an eventpoll, of either kind.
    ///
    /// # Errors
    ///
    /// Those of [`Eventpoll::add`].
    #[cold]
    fn add_eventpoll(
        &self,
        mutexes: &mut Mutexes<'_>,
        file: &LocalFile,
        fd: i32,
        kind: Kind,
        asked: Asked,
    ) -> Result {
        let Set { items, marks } = &mut **mutexes.enter(kind)?;
        if items.find(&ItemKey::new(file, fd)).is_some() {
            return Err(EEXIST);
        }
        let mut made = self.make(marks, file, fd, kind, asked);
        let started = match Eventpoll::of_file(file) {
            Some(inner) => {
                // This may take long, and nobody has to wait for it.
                mutexes.leave();
                self.link(inner, file, made.as_mut())
            }
            None => made.as_mut().map_err(|error| *error).and_then(|new| {
                new.start(file, None)?;
                nesting::check_paths(self, new.item.address())
            }),
        };
        let set = match started.and_then(|()| mutexes.enter(kind)) {
            Ok(set) => set,
            Err(error) => {
                if let Ok(new) = made {
                    self.dispose(new.item);
                }
                return Err(error);
            }
        };
        let inserted = set.items.insert(made?.item).map(NonNull::from);
        let item = inserted.map_err(|item| {
            self.dispose(item);
            EEXIST
        })?;
        // SAFETY: The item stays until it is removed under the mutex, or under both if its file is
        // an epoll. A close cannot come in between, because the file is referenced.
        let item = unsafe { item.as_ref() };
        if kind == Kind::Epoll {
            mutexes.leave_set();
        }
        self.attach(item, file).or_else(|error| {
            // The file is an epoll, and the mutex is not held. An epoll has one wait queue, for
            // which there is room.
            self.remove(mutexes.enter(kind)?, &item.key())?;
            Err(error)
        })
    }

    /// Hooks a new item onto its file's wait queues. The item is in the tree and in the table, and
    /// the mutex is held; for an epoll, the outer one.
    ///
    /// # Errors
    ///
    /// `ENOMEM`: the caller must remove the item.
    #[inline(always)]
    fn attach(&self, item: &Item, file: &LocalFile) -> Result {
        // SAFETY: The two callers have put the item there, and hold the mutex and a reference to
        // the file.
        let events = unsafe { item.attach(file) }?;
        self.busy_poll.note(|| file.into());
        trace::add(move || (item.traced(file.into()), item.interest()), events);
        self.tally.add();
        if events != 0 {
            self.make_ready(item);
        }
        Ok(())
    }

    /// Links the instance to `inner`, whose file is `file`, with an item that is not in the tree
    /// yet.
    ///
    /// # Errors
    ///
    /// Those of [`Eventpoll::add`]; the error in `made` if the item could not be created.
    fn link(
        &self,
        inner: &Self,
        file: &LocalFile,
        made: Result<&mut NewItem, &mut Error>,
    ) -> Result {
        let made = made.map_err(|error| *error);
        let reserved = made.and_then(|new| Ok((new, links::reserve()?)));
        let linked = nesting::link(self, inner, || {
            let (new, link) = reserved?;
            new.start(file, Some(link))
        });
        linked?.check_paths(inner)
    }

    /// Makes sure that there is a wake-up source.
    #[cold]
    fn provide_wakeup_source(&self) -> Result {
        if !self.ready.lock().awake().has_source() {
            let source = WakeupSource::register(c"repoll")?;
            // There was none before, because the mutex is held.
            self.ready.lock().awake().set_source(Some(source));
        }
        Ok(())
    }

    /// Creates a new item for the tree. A failure leaves nothing behind, except perhaps a wake-up
    /// source.
    ///
    /// # Errors
    ///
    /// `ENOSPC`, `ENOMEM`.
    #[inline(always)]
    fn make(
        &self,
        marks: &mut Marks,
        file: &LocalFile,
        fd: i32,
        kind: Kind,
        asked: Asked,
    ) -> Result<NewItem> {
        if Interest::new(asked.events).keeps_awake() {
            self.provide_wakeup_source()?;
        }
        self.account.charge()?;
        NewItem::make(file, marks, |source| {
            // SAFETY: The instance disposes of all its items before it is freed. Items that do not
            // get into its tree are disposed of before the call that adds them, on the instance's
            // file, returns.
            unsafe { Item::make(self, file, fd, kind, asked, source) }
        })
        .inspect_err(|_| self.account.uncharge())
    }

    /// Changes what the item watches for.
    ///
    /// # Errors
    ///
    /// `EINVAL` if an item must not be modified like this, `ENOENT`; `EINTR` if the task is being
    /// killed.
    #[inline(always)]
    pub(crate) fn modify(
        &self,
        mutexes: &mut Mutexes<'_>,
        file: &LocalFile,
        fd: i32,
        asked: u32,
        data: u64,
    ) -> Result {
        let key = ItemKey::new(file, fd);
        let set = mutexes.enter(Kind::Plain)?;
        let Some(item) = set.items.find(&key) else {
            return Err(if event::may_modify_to(asked) {
                ENOENT
            } else {
                EINVAL
            });
        };
        let interest = Interest::new(asked);
        if item.interest().with(interest).is_rare() {
            self.set_rare_interest(item, interest, data)?;
        } else {
            item.set_data(data);
            item.set_interest(interest);
        }
        // If a wake-up has not seen the change, the poll sees its event: see [`crate::wakeup`].
        smp_mb();
        if item.kind() != Kind::Plain {
            return self.look_at_nested(mutexes, file, fd, interest);
        }
        let events = poll::poll(file, interest.bits());
        self.note_modified(item, file, events);
        Ok(())
    }

    /// An item on an eventpoll was modified. Makes it ready if the eventpoll has events.
    #[cold]
    fn look_at_nested(
        &self,
        mutexes: &mut Mutexes<'_>,
        file: &LocalFile,
        fd: i32,
        interest: Interest,
    ) -> Result {
        let set = mutexes.enter(Kind::Plain)?;
        let mut item = set.items.find(&ItemKey::new(file, fd)).ok_or(ENOENT)?;
        let events = if item.kind() == Kind::Epoll {
            item = mutexes.keep(file, fd).ok_or(ENOENT)?;
            poll::poll(file, interest.bits())
        } else {
            poll_item(item, file, interest, 1)
        };
        self.note_modified(item, file, events);
        Ok(())
    }

    /// An item was modified, and its file has these events.
    #[inline(always)]
    fn note_modified(&self, item: &Item, file: &LocalFile, events: u32) {
        trace::modify(move || (item.traced(file.into()), item.interest()), events);
        self.tally.modify();
        if events != 0 {
            self.make_ready(item);
        }
    }

    /// Changes what an item watches for, if the old or the new interest is a rare one.
    ///
    /// # Errors
    ///
    /// `EINVAL` if an item must not be modified like this.
    #[cold]
    fn set_rare_interest(&self, item: &Item, interest: Interest, data: u64) -> Result {
        if item.interest().with(interest).is_exclusive() {
            return Err(EINVAL);
        }
        // As with epoll, a failure does not cause an error; the system may then go to sleep.
        if interest.keeps_awake() {
            let _ = self.provide_wakeup_source();
        }
        item.set_data(data);
        self.ready.lock().set_interest(item, interest);
        Ok(())
    }

    /// Stops watching.
    ///
    /// # Errors
    ///
    /// `ENOENT`; `EINTR` if the task is being killed.
    pub(crate) fn delete(&self, mutexes: &mut Mutexes<'_>, file: &LocalFile, fd: i32) -> Result {
        let set = mutexes.enter(Kind::Plain)?;
        self.remove(set, &ItemKey::new(file, fd))?;
        trace::delete(move || self.ready.id, file, fd);
        self.tally.delete();
        Ok(())
    }
}
