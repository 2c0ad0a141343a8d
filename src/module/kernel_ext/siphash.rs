// SPDX-License-Identifier: GPL-2.0

//! Numbers that cannot be predicted without the key.
//!
//! C header: [`include/linux/siphash.h`](srctree/include/linux/siphash.h)

use crate::bindings;

/// The key of a pseudorandom function.
pub(crate) struct Key(bindings::siphash_key_t);

impl Key {
    /// A random key.
    pub(crate) fn random() -> Self {
        let mut key = [0; 2];
        let room = key.as_mut_ptr().cast();
        // SAFETY: There is room for this many bytes, and any bytes are valid numbers.
        unsafe { bindings::get_random_bytes(room, core::mem::size_of_val(&key)) };
        Self(bindings::siphash_key_t { key })
    }

    /// The function of three numbers.
    pub(crate) fn hash(&self, [first, second, third]: [u64; 3]) -> u64 {
        // SAFETY: The key is valid, and only read.
        unsafe { bindings::siphash_3u64(first, second, third, &self.0) }
    }
}
