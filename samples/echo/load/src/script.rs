// SPDX-License-Identifier: GPL-2.0

//! What one connection will do.

use crate::content::Content;

/// How a connection ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ending {
    /// It is closed after the last echo.
    Close,
    /// This side is shut down when everything is sent; the rest of the echoes
    /// are read until the server also ends the connection.
    HalfClose,
    /// It is reset in the middle of a message, with echoes still on their way.
    Reset,
}

/// The messages of a connection and its ending, which follow from seed and
/// index.
#[derive(Debug)]
pub struct Script {
    /// For each message, the position in the sequence of bytes where it ends.
    pub ends: Vec<u64>,
    /// How many bytes are sent before the ending. Only a reset stops before the
    /// last one.
    pub stop: u64,
    /// The ending.
    pub ending: Ending,
    /// Whether one of the messages has the largest size.
    pub large: bool,
}

/// One connection in this many sends one message of the largest size.
const LARGE_EVERY: u64 = 32;

impl Script {
    /// The script of connection `index`: `messages` messages, one of which may
    /// have `largest` bytes (if that is not 0).
    pub fn new(seed: u64, index: u64, messages: u32, largest: u64) -> Self {
        // A different sequence than the one that is sent.
        let draw = Content::new(!seed, index);
        let messages = u64::from(messages);
        let large = (largest > 0 && index % LARGE_EVERY == LARGE_EVERY / 2)
            .then(|| draw.number(messages) % messages);

        let mut end = 0;
        let ends: Vec<u64> = (0..messages)
            .map(|message| {
                end += if large == Some(message) {
                    largest
                } else {
                    size(draw.number(message))
                };
                end
            })
            .collect();

        let ending = match index % 10 {
            3 => Ending::Reset,
            5 | 8 => Ending::HalfClose,
            _ => Ending::Close,
        };
        let stop = if ending == Ending::Reset {
            let middle = ends.len() / 2;
            let start = if middle == 0 { 0 } else { ends[middle - 1] };
            start + (ends[middle] - start).div_ceil(2)
        } else {
            end
        };
        Self {
            ends,
            stop,
            ending,
            large: large.is_some(),
        }
    }

    /// The size of all messages together.
    pub fn total(&self) -> u64 {
        self.ends.last().copied().unwrap_or(0)
    }
}

/// Most messages are small, some fill a server's buffer, a few several.
fn size(random: u64) -> u64 {
    let limit = match random % 20 {
        0..=14 => 512,
        15..=18 => 8 * 1024,
        _ => 64 * 1024,
    };
    1 + (random >> 8) % limit
}

#[cfg(test)]
mod tests {
    use super::*;

    const LARGEST: u64 = 1 << 20;

    fn sizes(script: &Script) -> Vec<u64> {
        let starts = std::iter::once(&0).chain(&script.ends);
        starts.zip(&script.ends).map(|(a, b)| b - a).collect()
    }

    #[test]
    fn the_same_seed_gives_the_same_script() {
        let a = Script::new(9, 16, 50, LARGEST);
        assert_eq!(a.ends, Script::new(9, 16, 50, LARGEST).ends);
        assert_ne!(a.ends, Script::new(8, 16, 50, LARGEST).ends);
    }

    #[test]
    fn no_message_is_empty() {
        for index in 0..100 {
            let script = Script::new(1, index, 30, LARGEST);
            assert_eq!(script.ends.len(), 30);
            assert!(sizes(&script).iter().all(|&size| size > 0));
        }
    }

    #[test]
    fn some_connections_send_one_message_of_the_largest_size() {
        let large = |index| {
            let sizes = sizes(&Script::new(1, index, 30, LARGEST));
            sizes.iter().filter(|&&size| size == LARGEST).count()
        };
        assert_eq!((0..320).map(large).max(), Some(1));
        assert_eq!((0..320).map(large).sum::<usize>(), 10);
    }

    #[test]
    fn largest_zero_means_none() {
        for index in 0..100 {
            let script = Script::new(1, index, 30, 0);
            assert!(sizes(&script).iter().all(|&size| size <= 64 * 1024));
        }
    }

    #[test]
    fn only_a_reset_stops_short_and_inside_a_message() {
        for index in 0..100 {
            let script = Script::new(1, index, 30, LARGEST);
            if script.ending == Ending::Reset {
                assert!(script.stop > 0 && script.stop < script.total());
            } else {
                assert_eq!(script.stop, script.total());
            }
        }
    }

    #[test]
    fn a_single_message_can_be_reset_too() {
        let script = Script::new(1, 3, 1, 0);
        assert_eq!(script.ending, Ending::Reset);
        assert!(script.stop > 0 && script.stop <= script.total());
    }

    #[test]
    fn all_endings_occur() {
        for ending in [Ending::Close, Ending::HalfClose, Ending::Reset] {
            assert!((0..10).any(|index| Script::new(1, index, 5, 0).ending == ending));
        }
    }
}
