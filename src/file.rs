// SPDX-License-Identifier: GPL-2.0

//! The file operations of an instance: arguments in, errors out, in epoll's order.

use crate::{
    event,
    eventpoll::Eventpoll,
    item::Key,
    kernel_ext::{
        anon_file::{
            self,
            AnonFile,
            Fdinfo,
            Operations, //
        },
        poll_file::{
            self,
            FileRef, //
        },
        rcu::RcuBox,
        task::{
            self,
            Deadline,
            TemporarySigmask, //
        },
        wait_queue::WaitQueue,
    },
    uapi::{
        self,
        op,
        Event, //
    },
    wait::Buffer, //
};
use kernel::{
    fs::{
        File,
        LocalFile, //
    },
    module::this_module,
    prelude::*,
    seq_file::seq_print, //
};

/// How many items fdinfo prints before it lets others have the mutex.
const FDINFO_BATCH: usize = 64;

static OPERATIONS: Operations<Eventpoll> = Operations::new(this_module::<crate::LocalModule>());

impl AnonFile for Eventpoll {
    const NAME: &'static CStr = c"[repoll]";

    fn operations() -> &'static Operations<Self> {
        &OPERATIONS
    }

    fn opened(&self, file: usize) {
        self.vertex.set_file(file);
    }

    fn ioctl(&self, file: &File, cmd: u32, arg: usize) -> Result<isize> {
        match cmd {
            uapi::CTL => self.ioctl_ctl(file, &uapi::read(arg)?),
            uapi::WAIT => self.ioctl_wait(&uapi::read(arg)?),
            uapi::SET_PARAMS => self.busy_poll.set(&uapi::read(arg)?).map(|()| 0),
            uapi::GET_PARAMS => uapi::write(arg, &self.busy_poll.get()?).map(|()| 0),
            _ => Err(ENOTTY),
        }
    }

    fn pollers(&self) -> &WaitQueue {
        &self.pollers
    }

    fn poll(&self) -> u32 {
        // Whoever asks may hold the mutex of one set.
        self.poll_events(1)
    }

    fn release(&self) {
        Eventpoll::release(self);
    }

    fn show_fdinfo(&self, out: &Fdinfo<'_>) {
        let mut from = Some(Key::FIRST);
        while let Some(key) = from.filter(|_| !out.is_full() && task::go_on()) {
            from = self.show_items(out, key);
        }
    }
}

impl Eventpoll {
    fn ioctl_ctl(&self, me: &File, ctl: &uapi::Ctl) -> Result<isize> {
        let mut event = if ctl.op == op::DELETE {
            Event { events: 0, data: 0 }
        } else {
            Event::read(uapi::address(ctl.event)?)?
        };
        if ctl.flags != 0 || ctl.__pad != 0 {
            return Err(EINVAL);
        }
        let file: FileRef = LocalFile::fget(ctl.fd as u32)?;
        if !poll_file::can_poll(&file) {
            return Err(EPERM);
        }
        if event.events & event::WAKEUP != 0 && !task::may_block_suspend() {
            event.events &= !event::WAKEUP;
        }
        if core::ptr::eq(file.as_ptr(), me.as_ptr()) {
            return Err(EINVAL);
        }
        match ctl.op {
            op::ADD => self.add(&file, ctl.fd, event.events, event.data)?,
            op::MODIFY => self.modify(&file, ctl.fd, event.events, event.data)?,
            op::DELETE => self.delete(&file, ctl.fd)?,
            _ => return Err(EINVAL),
        }
        Ok(0)
    }

    fn ioctl_wait(&self, wait: &uapi::Wait) -> Result<isize> {
        if wait.flags != 0 || wait.__pad != 0 {
            return Err(EINVAL);
        }
        let mask = match uapi::address(wait.sigmask)? {
            0 => None,
            mask => Some(TemporarySigmask::apply(mask, wait.sigsetsize as usize)?),
        };
        let result = self.checked_wait(wait);
        if let Some(mask) = mask {
            mask.restore(matches!(result, Err(error) if error == EINTR));
        }
        Ok(result? as isize)
    }

    fn checked_wait(&self, wait: &uapi::Wait) -> Result<usize> {
        if !(1..=uapi::MAX_EVENTS).contains(&wait.maxevents) {
            return Err(EINVAL);
        }
        let buffer = Buffer {
            address: uapi::address(wait.events)?,
            len: wait.maxevents as usize,
        };
        if !uapi::may_be_events(buffer.address, buffer.len) {
            return Err(EFAULT);
        }
        self.wait(buffer, &Deadline::after(wait.timeout_ns))
    }

    /// Prints some items, the one with that key or the next first. Returns from where to go on.
    fn show_items(&self, out: &Fdinfo<'_>, from: Key) -> Option<Key> {
        let set = self.lock();
        let mut next = set.items().lower_bound(&from);
        for _ in 0..FDINFO_BATCH {
            let item = next?;
            if let Some(file) = self.ready.lock().file_of(item) {
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

/// Makes an instance and a descriptor for it.
///
/// # Errors
///
/// `EINVAL`, `EMFILE`, `ENFILE`, `ENOMEM`.
pub(crate) fn create(create: &uapi::Create) -> Result<u32> {
    if create.flags & !uapi::CLOEXEC != 0 || create.__pad != 0 {
        return Err(EINVAL);
    }
    let instance = RcuBox::pin_init(Eventpoll::new(), GFP_KERNEL_ACCOUNT)?;
    anon_file::create(instance, create.flags & uapi::CLOEXEC != 0)
}
