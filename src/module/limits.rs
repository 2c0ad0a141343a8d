// SPDX-License-Identifier: GPL-2.0

//! How many files a user may watch.
//!
//! Each user has one account, shared by all instances that the user creates, in any namespace: an
//! item is charged to the user who created its instance. The limit is
//! `/proc/sys/fs/repoll/max_user_watches`, by default a twenty-fifth of low memory, as for epoll.

use crate::{
    item::Caches,
    kernel_ext::{
        global::{
            Global,
            Installed,
            Loading, //
        },
        sysctl::LongSysctl,
        task, //
    },
};
use kernel::{
    prelude::*,
    rbtree::{
        RBTree,
        RBTreeNode, //
    },
    sync::{
        atomic::{
            ordering::Relaxed,
            Atomic, //
        },
        new_mutex,
        Arc,
        Mutex, //
    },
};

/// The accounts of all users who have an instance.
type Accounts = Pin<KBox<Mutex<RBTree<u32, Arc<Watches>>>>>;

static ACCOUNTS: Global<Accounts> = Global::empty();
static MAX_USER_WATCHES: Global<LongSysctl> = Global::empty();

/// The counts of one user.
struct Watches {
    /// Items in all instances.
    items: Atomic<i64>,
    /// Instances; changed under the lock of the accounts.
    instances: Atomic<i64>,
}

/// Accounting, while the module is loaded.
pub(crate) struct Limits {
    _max_user_watches: Installed<LongSysctl>,
    _accounts: Installed<Accounts>,
}

impl Limits {
    /// Registers the limit, with its default.
    pub(crate) fn new(loading: &Loading) -> Result<Self> {
        let accounts = KBox::pin_init(new_mutex!(RBTree::new(), "repoll::accounts"), GFP_KERNEL)?;
        let default = task::lowmem_bytes() / 25 / Caches::ITEM_COST;
        let sysctl = LongSysctl::new(c"fs/repoll", c"max_user_watches", default as i64)?;
        Ok(Self {
            _accounts: ACCOUNTS.install(loading, accounts)?,
            _max_user_watches: MAX_USER_WATCHES.install(loading, sysctl)?,
        })
    }
}

/// The account of the user who created an instance.
pub(crate) struct Account {
    user: u32,
    watches: Arc<Watches>,
}

impl Account {
    /// The account of the current user.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn of_current_user() -> Result<Self> {
        let user = task::current_user();
        if let Some(account) = Self::open(user, &ACCOUNTS.get().lock()) {
            return Ok(account);
        }
        // Without the mutex, which all users share: at the limit of a memory cgroup this may take
        // long.
        let watches = Arc::new(
            Watches {
                items: Atomic::new(0),
                instances: Atomic::new(1),
            },
            GFP_KERNEL_ACCOUNT,
        )?;
        let node = RBTreeNode::new(user, watches.clone(), GFP_KERNEL_ACCOUNT)?;
        let mut accounts = ACCOUNTS.get().lock();
        if let Some(account) = Self::open(user, &accounts) {
            return Ok(account);
        }
        accounts.insert(node);
        Ok(Self { user, watches })
    }

    /// The existing account of a user, for one more instance.
    fn open(user: u32, accounts: &RBTree<u32, Arc<Watches>>) -> Option<Self> {
        let watches = accounts.get(&user)?.clone();
        watches.instances.add(1, Relaxed);
        Some(Self { user, watches })
    }

    /// Charges one item.
    ///
    /// # Errors
    ///
    /// `ENOSPC` if the user has reached the limit.
    pub(crate) fn charge(&self) -> Result {
        if self.watches.items.fetch_add(1, Relaxed) >= MAX_USER_WATCHES.get().get() {
            self.uncharge();
            return Err(ENOSPC);
        }
        Ok(())
    }

    /// Returns the charge of one item.
    pub(crate) fn uncharge(&self) {
        self.watches.items.fetch_sub(1, Relaxed);
    }

    /// Closes the account if no other instance uses it. Called once, when there are no items. May
    /// sleep.
    pub(crate) fn close(&self) {
        let mut accounts = ACCOUNTS.get().lock();
        if self.watches.instances.fetch_sub(1, Relaxed) == 1 {
            accounts.remove(&self.user);
        }
    }
}
