// SPDX-License-Identifier: GPL-2.0

//! The file operations of an instance: they check arguments and return errors, in epoll's order.

use crate::{
    change::Progress,
    direct,
    eventpoll::{
        self,
        Eventpoll,
        Mutexes, //
    },
    features,
    kernel_ext::{
        anon_file::{
            self,
            AnonFile,
            Fdinfo,
            FileOperations, //
        },
        poll_file,
        rcu::RcuBox,
        task::{
            self,
            TemporarySigmask, //
        },
        wait_queue::Pollers,
        waiters::Policy, //
    },
    key::ItemKey,
    query,
    trace,
    uapi::{
        self,
        op,
        Batch,
        BatchWait,
        Buffer,
        Change,
        Ctl,
        Event,
        Wait, //
    }, //
};
use core::mem::{
    offset_of,
    MaybeUninit, //
};
use kernel::{
    ffi::c_int,
    fs::File,
    prelude::*,
    seq_file::seq_print, //
};

/// How many items fdinfo prints before it releases the mutex for a moment.
const FDINFO_BATCH: usize = 64;

static OPERATIONS: FileOperations<Eventpoll> = FileOperations::new();

impl AnonFile for Eventpoll {
    const NAME: &'static CStr = c"[repoll]";

    fn operations() -> &'static FileOperations<Self> {
        &OPERATIONS
    }

    fn opened(&self, file: usize) {
        self.vertex.set_file(file);
        eventpoll::instances().insert(self, self.ready.id.number());
    }

    #[inline]
    fn ioctl(&self, file: &File, cmd: u32, arg: usize) -> Result<u32> {
        match cmd {
            uapi::WAIT => self.call_wait(arg),
            uapi::CTL => self.ioctl_ctl(file, arg),
            uapi::BATCH => self.call_batch(file, arg),
            uapi::BATCH_WAIT => self.call_batch_wait(file, arg),
            uapi::INFO => self.ioctl_info(arg),
            uapi::FEATURES => self.ioctl_features(arg),
            uapi::SET_PARAMS | uapi::GET_PARAMS => self.ioctl_params(cmd, arg),
            _ => Err(ENOTTY),
        }
    }

    #[inline(always)]
    fn fadvise(&self, file: &File, offset: u64, len: u64, advice: u32) -> Option<c_int> {
        self.direct(file, offset, len, advice)
    }

    fn pollers(&self) -> &Pollers {
        &self.pollers
    }

    fn poll(&self) -> u32 {
        // The poller may hold the mutex of one set.
        self.poll_events(1)
    }

    fn release(&self) {
        Eventpoll::release(self);
    }

    fn show_fdinfo(&self, out: &Fdinfo<'_>) {
        let mut from = Some(ItemKey::FIRST);
        while let Some(key) = from.filter(|_| !out.is_full() && task::go_on()) {
            from = self.show_items(out, key);
        }
    }
}

impl Eventpoll {
    #[inline(never)]
    fn ioctl_info(&self, arg: usize) -> Result<u32> {
        query::info(self, arg)?;
        Ok(0)
    }

    #[inline(never)]
    fn ioctl_features(&self, arg: usize) -> Result<u32> {
        features::tell(arg)?;
        Ok(0)
    }

    #[inline(never)]
    fn ioctl_params(&self, cmd: u32, arg: usize) -> Result<u32> {
        match cmd {
            uapi::SET_PARAMS => self.busy_poll.set(&uapi::read(arg)?)?,
            _ => uapi::write(arg, &self.busy_poll.get()?)?,
        }
        Ok(0)
    }

    #[inline(never)]
    fn ioctl_ctl(&self, me: &File, arg: usize) -> Result<u32> {
        let ctl: Ctl = uapi::read_often(arg)?;
        let event = if ctl.op == op::DELETE {
            Event { events: 0, data: 0 }
        } else {
            Event::read(uapi::address(ctl.event)?)?
        };
        let change = Change {
            op: ctl.op,
            fd: ctl.fd,
            flags: ctl.flags,
            events: event.events,
            data: event.data,
            result: 0,
            __pad: ctl.__pad,
        };
        self.change(&mut Mutexes::new(self), me, &change)?;
        Ok(0)
    }

    /// `REPOLL_BATCH`, with the argument at the user's address `arg`.
    ///
    /// # Errors
    ///
    /// Those of `REPOLL_BATCH`.
    #[inline(never)]
    pub(crate) fn call_batch(&self, me: &File, arg: usize) -> Result<u32> {
        let progress = self.batch(me, arg, &uapi::read_often::<Batch>(arg)?)?;
        Ok(progress.done)
    }

    /// Makes the changes of the batch, which was read from the user's address `at`.
    fn batch(&self, me: &File, at: usize, batch: &Batch) -> Result<Progress> {
        // No changes are made if their number cannot be stored.
        uapi::write_done(at, 0, 0)?;
        let progress = self.change_many(me, batch)?;
        uapi::write_done(at, progress.done, progress.failed)?;
        Ok(progress)
    }

    /// `REPOLL_BATCH_WAIT`, with the argument at the user's address `arg`.
    ///
    /// # Errors
    ///
    /// Those of `REPOLL_BATCH_WAIT`.
    #[inline(never)]
    pub(crate) fn call_batch_wait(&self, me: &File, arg: usize) -> Result<u32> {
        let mut both: BatchWait = uapi::read_often(arg)?;
        let progress = self.batch(me, arg + offset_of!(BatchWait, batch), &both.batch)?;
        if progress.failed > 0 || progress.done < both.batch.count {
            both.wait.timeout_ns = 0;
        }
        self.wait_as(&both.wait)
    }

    /// `REPOLL_WAIT`, with the argument at the user's address `arg`.
    ///
    /// # Errors
    ///
    /// Those of `REPOLL_WAIT`.
    #[inline]
    pub(crate) fn call_wait(&self, arg: usize) -> Result<u32> {
        self.wait_as(uapi::read_often_into::<Wait>(
            &mut MaybeUninit::uninit(),
            arg,
        )?)
    }

    // Inlined, because otherwise each call would copy the result, which is traced.
    #[inline(always)]
    fn wait_as(&self, wait: &Wait) -> Result<u32> {
        if wait.flags != 0 || wait.__pad != 0 {
            return Err(EINVAL);
        }
        trace::wait_enter(move || self.ready.id, wait.maxevents, wait.timeout_ns);
        let result = match wait.sigmask {
            0 => self.checked_wait(wait),
            _ => self.masked_wait(wait),
        };
        trace::wait_exit(move || self.ready.id, result);
        result
    }

    /// Waits with another signal mask.
    #[cold]
    fn masked_wait(&self, wait: &Wait) -> Result<u32> {
        let mask = uapi::address(wait.sigmask)?;
        let mask = TemporarySigmask::apply(mask, wait.sigsetsize as usize)?;
        let result = self.checked_wait(wait);
        mask.restore(matches!(result, Err(error) if error == EINTR));
        result
    }

    #[inline]
    fn checked_wait(&self, wait: &Wait) -> Result<u32> {
        self.wait(Buffer::new(wait.events, wait.maxevents)?, wait.timeout_ns)
    }

    /// Prints some items, beginning with this key. Returns the key to continue with, if there are
    /// more items and the task is not being killed.
    fn show_items(&self, out: &Fdinfo<'_>, from: ItemKey) -> Option<ItemKey> {
        let set = self.lock().ok()?;
        let mut next = set.items().lower_bound(&from);
        for _ in 0..FDINFO_BATCH {
            let item = next?;
            if let Some(file) = self.ready.lock().pin_file(item) {
                let identity = poll_file::identity(&file);
                seq_print!(
                    out.seq,
                    "tfd: {:8} events: {:8x} data: {:16x}  pos:{} ino:{:x} sdev:{:x}\n",
                    item.key().fd(),
                    item.interest().bits(),
                    item.data(),
                    identity.position,
                    identity.inode,
                    identity.device
                );
            }
            next = set.items().after(item);
        }
        next.map(|item| item.key())
    }
}

/// Creates an instance and a descriptor for it.
///
/// # Errors
///
/// `EINVAL`, `EMFILE`, `ENFILE`, `ENOMEM`.
pub(crate) fn create(create: &uapi::Create) -> Result<u32> {
    if create.flags & !(uapi::CLOEXEC | uapi::FIFO) != 0 || create.__pad != 0 {
        return Err(EINVAL);
    }
    let policy = match create.flags & uapi::FIFO {
        0 => Policy::Lifo,
        _ => Policy::Fifo,
    };
    let instance = RcuBox::pin_init(
        Eventpoll::new(policy, direct::are_answered()),
        GFP_KERNEL_ACCOUNT,
    )?;
    trace::create(instance.ready.id, policy);
    anon_file::create(instance, create.flags & uapi::CLOEXEC != 0)
}
