// SPDX-License-Identifier: GPL-2.0

//! Where a walk through the items of an instance goes on, as its user is told.
//!
//! It is the key of an item, which is the address of a file and a descriptor number: whatever items
//! come and go meanwhile, those that stay are above or below it, and the kernel keeps no state for a
//! caller that may never come back. The address is not for users; nor is the order of files that are not
//! theirs, which they would find out by a cursor of one instance in a walk through another. So both
//! numbers are encrypted together, for each instance in another way: 128 bits by a Feistel network
//! of four rounds with SipHash, whose key is made when the module is loaded. Anything else than a
//! cursor of that instance is, decrypted, random, and nearly always no key at all, as 32 bits are
//! zero in each; that once in billions of times it is one does no harm, since a key is only
//! compared with those that there are.

use crate::{
    item::Key,
    kernel_ext::siphash, //
};

/// A key, encrypted. Zero is the least key, to begin with.
pub(crate) type Cursor = [u64; 2];

/// What makes cursors of keys, and keys of cursors.
pub(crate) struct Cipher(siphash::Key);

impl Cipher {
    const BEGIN: Cursor = [0; 2];

    /// With as many rounds it is as good as any permutation, to who may choose what is decrypted as
    /// well.
    const ROUNDS: u64 = 4;

    /// With a key of its own.
    pub(crate) fn new() -> Self {
        Self(siphash::Key::random())
    }

    /// The cursor of the instance with the number `id` that stands for `key`.
    pub(crate) fn encrypt(&self, id: u64, key: Key) -> Cursor {
        if key == Key::FIRST {
            return Self::BEGIN;
        }
        let mut halves = [key.address() as u64, u64::from(key.fd() as u32)];
        for round in 0..Self::ROUNDS {
            let [left, right] = halves;
            halves = [right, left ^ self.round(id, round, right)];
        }
        halves
    }

    /// The key that it stands for, if it is one of the instance's.
    pub(crate) fn decrypt(&self, id: u64, cursor: Cursor) -> Option<Key> {
        if cursor == Self::BEGIN {
            return Some(Key::FIRST);
        }
        let mut halves = cursor;
        for round in (0..Self::ROUNDS).rev() {
            let [left, right] = halves;
            halves = [right ^ self.round(id, round, left), left];
        }
        let address = usize::try_from(halves[0]).ok()?;
        let fd = u32::try_from(halves[1]).ok()?;
        Some(Key::at(address, fd as i32))
    }

    fn round(&self, id: u64, round: u64, half: u64) -> u64 {
        self.0.hash([id, round, half])
    }
}
