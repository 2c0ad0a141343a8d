// SPDX-License-Identifier: GPL-2.0

//! The output of a connection that has not been sent.

use bytes::{Buf, Bytes};
use std::{
    collections::VecDeque,
    io::{self, ErrorKind, IoSlice, Write},
};

/// How many pieces one call sends.
const PIECES: usize = 64;

/// Pieces of responses, in order. Clients that receive the same body share its memory.
#[derive(Debug, Default)]
pub struct Output {
    pieces: VecDeque<Bytes>,
    bytes: usize,
}

impl Output {
    /// Appends a piece.
    pub fn push(&mut self, piece: Bytes) {
        if !piece.is_empty() {
            self.bytes += piece.len();
            self.pieces.push_back(piece);
        }
    }

    /// The number of bytes.
    pub fn len(&self) -> usize {
        self.bytes
    }

    /// Whether everything is sent.
    pub fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// Sends as much as `sink` takes without blocking. Returns whether that is
    /// everything.
    pub fn send(&mut self, sink: &mut impl Write) -> io::Result<bool> {
        while !self.is_empty() {
            let mut slices = [IoSlice::new(&[]); PIECES];
            let mut count = 0;
            for (slice, piece) in slices.iter_mut().zip(&self.pieces) {
                *slice = IoSlice::new(piece);
                count += 1;
            }
            match sink.write_vectored(&slices[..count]) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(sent) => self.consume(sent),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    fn consume(&mut self, mut sent: usize) {
        self.bytes -= sent;
        while let Some(piece) = self.pieces.front_mut() {
            if sent < piece.len() {
                piece.advance(sent);
                break;
            }
            sent -= piece.len();
            self.pieces.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes a given number of bytes each time, and finally none.
    struct Narrow(Vec<u8>, Vec<usize>);

    impl Write for Narrow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let room = self.1.pop().ok_or(ErrorKind::WouldBlock)?;
            let taken = room.min(bytes.len());
            self.0.extend_from_slice(&bytes[..taken]);
            Ok(taken)
        }

        fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
            let all: Vec<u8> = slices.iter().flat_map(|slice| slice.to_vec()).collect();
            self.write(&all)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_is_sent_in_parts_is_sent_once_and_in_order() {
        let mut output = Output::default();
        for piece in [&b"abc"[..], b"", b"de", b"fghij"] {
            output.push(Bytes::from_static(piece));
        }
        let mut sink = Narrow(Vec::new(), vec![4, 3, 1]);
        assert!(!output.send(&mut sink).unwrap());
        assert_eq!((&sink.0[..], output.len()), (&b"abcdefgh"[..], 2));
        sink.1 = vec![100];
        assert!(output.send(&mut sink).unwrap());
        assert_eq!(&sink.0[..], b"abcdefghij");
        assert!(output.is_empty());
    }

    #[test]
    fn more_pieces_than_one_call_takes_are_all_sent() {
        let mut output = Output::default();
        for _ in 0..3 * PIECES {
            output.push(Bytes::from_static(b"x"));
        }
        let mut sink = Narrow(Vec::new(), vec![usize::MAX; 3]);
        assert!(output.send(&mut sink).unwrap());
        assert_eq!(sink.0.len(), 3 * PIECES);
    }
}
