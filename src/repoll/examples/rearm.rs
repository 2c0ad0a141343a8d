// SPDX-License-Identifier: MIT OR Apache-2.0

//! Workers that share an instance, and re-arm items with the call that waits.

use repoll::{Change, Events, Interest, Mode, Poller};
use std::{
    io::{self, Read, Write},
    os::{fd::AsFd, unix::net::UnixStream},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::Duration,
};

const WORKERS: usize = 2;
const ROUNDS: usize = 100;

/// Answers bytes on all streams until all bytes have come. The items are
/// one-shot, so each stream is with one worker at a time.
fn work(poller: &Poller, streams: &[UnixStream], left: &AtomicUsize) -> io::Result<()> {
    let mut events = Events::with_capacity(4);
    let mut changes = Vec::new();
    while left.load(Ordering::Relaxed) > 0 {
        let timeout = Some(Duration::from_millis(10));
        let batch = match poller.batch_wait(&mut changes, &mut events, timeout) {
            // A signal came during the wait; all changes were made before.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                changes.clear();
                continue;
            }
            result => result?,
        };
        // A signal may have stopped the batch before the last changes.
        let made = batch.into_result(&changes)?;
        changes.drain(..made);

        for event in &events {
            let mut stream = &streams[event.data() as usize];
            let mut byte = [0];
            stream.read_exact(&mut byte)?;
            stream.write_all(&byte)?;
            left.fetch_sub(1, Ordering::Relaxed);
            changes.push(Change::modify(
                stream.as_fd(),
                Interest::READABLE,
                Mode::ONE_SHOT,
                event.data(),
            ));
        }
    }
    Ok(())
}

fn main() -> io::Result<()> {
    let (streams, peers): (Vec<_>, Vec<_>) = (0..3)
        .map(|_| UnixStream::pair())
        .collect::<io::Result<Vec<_>>>()?
        .into_iter()
        .unzip();
    let poller = Poller::new()?;
    for (data, stream) in streams.iter().enumerate() {
        poller.add(stream, Interest::READABLE, Mode::ONE_SHOT, data as u64)?;
    }

    let left = AtomicUsize::new(ROUNDS * peers.len());
    thread::scope(|scope| {
        let workers: Vec<_> = (0..WORKERS)
            .map(|_| scope.spawn(|| work(&poller, &streams, &left)))
            .collect();
        for _ in 0..ROUNDS {
            for mut peer in &peers {
                peer.write_all(b"x")?;
            }
            for mut peer in &peers {
                peer.read_exact(&mut [0])?;
            }
        }
        for worker in workers {
            worker.join().expect("a worker that does not panic")?;
        }
        Ok(())
    })
}
