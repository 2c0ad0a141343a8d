// SPDX-License-Identifier: GPL-2.0

//! The bytes of a connection: they look random, but follow from their position.

/// An endless sequence of bytes, and of numbers, that its key determines.
///
/// It is SplitMix64, used as a counter-based generator: any part of the
/// sequence can be generated without the preceding part. So nothing that was
/// sent has to be kept for the comparison, and a byte that is lost, doubled,
/// changed or out of place is noticed at once.
#[derive(Clone, Copy, Debug)]
pub struct Content {
    key: u64,
}

/// The first difference between the expected and the received bytes.
#[derive(Debug, Eq, PartialEq)]
pub struct Difference {
    /// The position in the sequence.
    pub offset: u64,
    /// The expected byte.
    pub expected: u8,
    /// The byte that was received instead.
    pub found: u8,
}

const WORD: usize = size_of::<u64>();

impl Content {
    /// The sequence with number `index` for `seed`.
    pub fn new(seed: u64, index: u64) -> Self {
        let key = mix(seed).wrapping_add(index);
        Self { key: mix(key) }
    }

    /// The 64-bit number at `index`.
    pub fn number(&self, index: u64) -> u64 {
        const STEP: u64 = 0x9E37_79B9_7F4A_7C15;
        mix(self.key.wrapping_add(index.wrapping_mul(STEP)))
    }

    /// Fills `out` with the bytes from `offset` on.
    pub fn fill(&self, offset: u64, out: &mut [u8]) {
        let skip = (offset % WORD as u64) as usize;
        let mut index = offset / WORD as u64;
        let mut rest = out;

        if skip != 0 {
            let (head, tail) = rest.split_at_mut(rest.len().min(WORD - skip));
            head.copy_from_slice(&self.word(index)[skip..][..head.len()]);
            index += 1;
            rest = tail;
        }
        let mut words = rest.chunks_exact_mut(WORD);
        for word in &mut words {
            word.copy_from_slice(&self.word(index));
            index += 1;
        }
        let tail = words.into_remainder();
        tail.copy_from_slice(&self.word(index)[..tail.len()]);
    }

    /// Compares `data` with the bytes from `offset` on.
    pub fn check(&self, offset: u64, data: &[u8]) -> Result<(), Difference> {
        let mut expected = [0; 4096];
        let mut offset = offset;

        for found in data.chunks(expected.len()) {
            let expected = &mut expected[..found.len()];
            self.fill(offset, expected);
            if expected != found {
                let at = expected.iter().zip(found).position(|(a, b)| a != b);
                let at = at.expect("slices of one length differ somewhere");
                return Err(Difference {
                    offset: offset + at as u64,
                    expected: expected[at],
                    found: found[at],
                });
            }
            offset += found.len() as u64;
        }
        Ok(())
    }

    fn word(&self, index: u64) -> [u8; WORD] {
        self.number(index).to_le_bytes()
    }
}

/// The finalizer of SplitMix64: each bit of the input changes half of the output.
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(content: Content, offset: u64, len: usize) -> Vec<u8> {
        let mut out = vec![0; len];
        content.fill(offset, &mut out);
        out
    }

    #[test]
    fn a_part_is_the_same_however_it_is_asked_for() {
        let content = Content::new(1, 2);
        let whole = bytes(content, 0, 64);
        for start in 0..32 {
            for len in 0..32 {
                assert_eq!(
                    bytes(content, start as u64, len),
                    whole[start..start + len],
                    "{len} bytes from {start} on"
                );
            }
        }
    }

    #[test]
    fn seeds_and_indices_give_different_sequences() {
        let first = bytes(Content::new(1, 0), 0, 64);
        assert_ne!(first, bytes(Content::new(1, 1), 0, 64));
        assert_ne!(first, bytes(Content::new(2, 0), 0, 64));
        assert_eq!(first, bytes(Content::new(1, 0), 0, 64));
    }

    #[test]
    fn check_accepts_what_fill_made() {
        let content = Content::new(7, 7);
        let data = bytes(content, 12_345, 10_000);
        assert_eq!(content.check(12_345, &data), Ok(()));
    }

    #[test]
    fn check_finds_a_changed_byte_wherever_it_is() {
        let content = Content::new(3, 4);
        for at in [0, 1, 4095, 4096, 4097, 9_999] {
            let mut data = bytes(content, 5, 10_000);
            data[at] ^= 0x10;
            let difference = content.check(5, &data).unwrap_err();
            assert_eq!(difference.offset, 5 + at as u64);
            assert_eq!(difference.found, difference.expected ^ 0x10);
        }
    }

    #[test]
    fn check_finds_a_lost_byte_and_a_doubled_one() {
        let content = Content::new(5, 6);
        let mut lost = bytes(content, 0, 200);
        lost.remove(100);
        assert!(content.check(0, &lost).is_err());

        let mut doubled = bytes(content, 0, 200);
        doubled.insert(100, doubled[100]);
        assert!(content.check(0, &doubled).is_err());
    }
}
