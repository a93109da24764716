//! The well-behaved clients: a writer and a reader of one document. What they wait for is what a person would notice.

use std::io;
use std::time::{Duration, Instant};

use crate::wire::{Way, Wire, sync, update};

/// From one update to the next.
const PACE: Duration = Duration::from_millis(10);

/// The document that the witness is in, and some attacks too.
pub(crate) const DOCUMENT: &str = "/yjs/witness";

const CLIENT: u32 = 7;
const SYNC_STEP_1: u64 = 0;
const UPDATE: u64 = 2;
/// State vector of somebody who has nothing.
const NOTHING: [u8; 1] = [0];

pub(crate) struct Witness {
    writer: Wire,
    reader: Wire,
    written: u32,
}

/// How long things took, in order.
#[derive(Default)]
pub(crate) struct Waits {
    /// From sending an update to its arrival at the reader.
    pub(crate) delivery: Vec<Duration>,
    /// From sending an update to its return, which says that it is on disk.
    pub(crate) acknowledgement: Vec<Duration>,
}

impl Witness {
    pub(crate) fn new(way: Way) -> io::Result<Self> {
        let mut ends = [Wire::open(way, DOCUMENT, "")?, Wire::open(way, DOCUMENT, "")?];
        for end in &mut ends {
            end.send(&sync(SYNC_STEP_1, &NOTHING))?;
        }
        let [writer, reader] = ends;
        Ok(Self { writer, reader, written: 0 })
    }

    /// Writes and waits, for so long.
    pub(crate) fn observe(&mut self, length: Duration) -> io::Result<Waits> {
        let mut waits = Waits::default();
        let end = Instant::now() + length;
        while Instant::now() < end {
            let mark = format!("<{:010}>", self.written / 12);
            let message = sync(UPDATE, &update(CLIENT, self.written, mark.as_bytes()));
            self.written += 12;
            let sent = Instant::now();
            self.writer.send(&message)?;
            until(&mut self.reader, mark.as_bytes())?;
            waits.delivery.push(sent.elapsed());
            until(&mut self.writer, mark.as_bytes())?;
            waits.acknowledgement.push(sent.elapsed());
            std::thread::sleep((sent + PACE).saturating_duration_since(Instant::now()));
        }
        waits.delivery.sort_unstable();
        waits.acknowledgement.sort_unstable();
        Ok(waits)
    }
}

/// Receives until a message brings this text.
fn until(wire: &mut Wire, mark: &[u8]) -> io::Result<()> {
    while !wire.receive()?.windows(mark.len()).any(|window| window == mark) {}
    Ok(())
}

/// The time within which so many of a hundred were.
pub(crate) fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    sorted.get((sorted.len() * percent / 100).min(sorted.len().saturating_sub(1))).copied().unwrap_or_default()
}
