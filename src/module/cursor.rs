// SPDX-License-Identifier: GPL-2.0

//! The position in a walk through an instance's items, in the form that users receive.
//!
//! The position is the key of an item: the address of a file, and a descriptor number. Whatever
//! items come and go meanwhile, those that stay are above or below it, and the kernel keeps no
//! state for a caller that may never come back.
//!
//! Users must not learn the address. Nor must they learn the order of other users' files, which a
//! cursor would reveal if it could be used on another instance. So both numbers are encrypted
//! together, differently for each instance: as 128 bits, by a Feistel network of four rounds with
//! SipHash, whose key is created when the module is loaded. Any other value decrypts to random
//! bits. These are hardly ever a key, since 32 bits of each key are zero; and if they are, this
//! does no harm, since keys are only compared.

use crate::{
    kernel_ext::siphash,
    key::ItemKey, //
};

/// An encrypted key. Zero stands for the least key, where a walk begins.
pub(crate) type Cursor = [u64; 2];

/// Converts keys to cursors, and cursors to keys.
pub(crate) struct Cipher(siphash::Key);

impl Cipher {
    const BEGIN: Cursor = [0; 2];

    /// Four rounds make it a strong pseudorandom permutation, even against chosen ciphertexts.
    const ROUNDS: u64 = 4;

    /// A cipher with a new key.
    pub(crate) fn new() -> Self {
        Self(siphash::Key::random())
    }

    /// The cursor for `key` of the instance with the number `id`.
    pub(crate) fn encrypt(&self, id: u64, key: ItemKey) -> Cursor {
        if key == ItemKey::FIRST {
            return Self::BEGIN;
        }
        let mut halves = [key.address() as u64, u64::from(key.fd() as u32)];
        for round in 0..Self::ROUNDS {
            let [left, right] = halves;
            halves = [right, left ^ self.round(id, round, right)];
        }
        halves
    }

    /// The key for a cursor, if the cursor belongs to the instance.
    pub(crate) fn decrypt(&self, id: u64, cursor: Cursor) -> Option<ItemKey> {
        if cursor == Self::BEGIN {
            return Some(ItemKey::FIRST);
        }
        let mut halves = cursor;
        for round in (0..Self::ROUNDS).rev() {
            let [left, right] = halves;
            halves = [right ^ self.round(id, round, left), left];
        }
        let address = usize::try_from(halves[0]).ok()?;
        let fd = u32::try_from(halves[1]).ok()?;
        Some(ItemKey::at(address, fd as i32))
    }

    fn round(&self, id: u64, round: u64, half: u64) -> u64 {
        self.0.hash([id, round, half])
    }
}
