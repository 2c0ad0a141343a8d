// SPDX-License-Identifier: GPL-2.0

//! Numbers below `/proc/sys`.
//!
//! C header: [`include/linux/sysctl.h`](srctree/include/linux/sysctl.h)

use super::once::Once;
use crate::bindings;
use core::ptr::NonNull;
use kernel::prelude::*;

static ZERO: u64 = 0;
static LONG_MAX: u64 = i64::MAX as u64;

/// A number from 0 to `LONG_MAX` that root may change, under its name in a folder of
/// `/proc/sys`.
///
/// # Invariants
///
/// `header` is a live registration of `table`, whose data is `value`.
pub(crate) struct LongSysctl {
    header: NonNull<bindings::ctl_table_header>,
    _table: KBox<bindings::ctl_table>,
    value: KBox<Once<i64>>,
}

// SAFETY: The number is a word; the registration is only undone on drop.
unsafe impl Send for LongSysctl {}
// SAFETY: As above.
unsafe impl Sync for LongSysctl {}

impl LongSysctl {
    /// Registers the number `name` in `folder` with a first value.
    pub(crate) fn new(folder: &'static CStr, name: &'static CStr, value: i64) -> Result<Self> {
        let value = KBox::new(Once::new(value), GFP_KERNEL)?;
        let table = KBox::new(
            bindings::ctl_table {
                procname: name.as_char_ptr(),
                data: core::ptr::from_ref(&*value).cast_mut().cast(),
                maxlen: core::mem::size_of::<i64>() as i32,
                mode: 0o644,
                proc_handler: Some(bindings::proc_doulongvec_minmax),
                extra1: (&raw const ZERO).cast_mut().cast(),
                extra2: (&raw const LONG_MAX).cast_mut().cast(),
                ..Default::default()
            },
            GFP_KERNEL,
        )?;
        // SAFETY: Table and value live until the registration is undone; the handler stores whole
        // longs.
        let header =
            unsafe { bindings::register_sysctl_sz(folder.as_char_ptr(), &raw const *table, 1) };
        // INVARIANT: Registered above.
        Ok(Self {
            header: NonNull::new(header).ok_or(ENOMEM)?,
            _table: table,
            value,
        })
    }

    /// The current number.
    pub(crate) fn get(&self) -> i64 {
        self.value.read()
    }
}

impl Drop for LongSysctl {
    fn drop(&mut self) {
        // SAFETY: By the type invariant.
        unsafe { bindings::unregister_sysctl_table(self.header.as_ptr()) };
    }
}
