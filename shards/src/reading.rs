//! What is made of a document's stored bytes, off the cores: pure, so that the simulator runs the same code. Does not know where the
//! bytes were stored.

use std::sync::Arc;

use selvedge_protocol::sync;
use selvedge_protocol::update::{self, Compaction, Known, Refused, StateVector};

use crate::frame::Frame;
use crate::id::Sequence;

/// What somebody who must be caught up has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CatchUpFrom {
    /// What a client said that it has.
    StateVector(StateVector),
    /// Every record up to this one was sent to it.
    Sequence(Sequence),
}

/// What a shard keeps of a document that it did not hold.
#[derive(Debug, Default)]
pub struct Loaded {
    /// The last record; 0 where nothing is stored.
    pub sequence: Sequence,
    /// Its state vector and delete set.
    pub known: Known,
    /// Records after the snapshot.
    pub log_records: u64,
    /// Bytes of the records after the snapshot.
    pub log_bytes: u64,
    /// Bytes of snapshot and log.
    pub bytes: u64,
}

/// What somebody lacked.
#[derive(Clone, Debug)]
pub struct CaughtUp {
    /// To be sent in this order; each is one WebSocket frame with one message.
    pub frames: Arc<[Frame]>,
    /// The last record that is in them.
    pub through: Sequence,
}

/// A document could not be read or compacted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadFailed {
    /// The disk or the database: trying again may help.
    Storage(Arc<str>),
    /// The stored bytes are damaged: an operator has to look.
    Corrupt(Arc<str>),
    /// More work is waiting than the readers may have: trying again will help.
    Busy,
}

impl From<Refused> for ReadFailed {
    /// What is stored was accepted once, so whatever is wrong with it now happened to the stored bytes.
    fn from(refused: Refused) -> Self {
        Self::Corrupt(refused.to_string().into())
    }
}

/// A stored update: a record of the log, or the snapshot with the number of the last record that is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// Its number.
    pub sequence: Sequence,
    /// Its bytes.
    pub update: &'a [u8],
}

/// A document's records up to one of them, as one update.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// The last record that is in it; 0 where there is none.
    pub sequence: Sequence,
    /// Causally complete. Empty, instead of an update that says nothing, where there is no record.
    update: Vec<u8>,
}

/// An update that says nothing: no structs, no deletions.
const NOTHING: [u8; 2] = [0, 0];

impl State {
    /// The state after a snapshot and the log behind it. Records after `through` are left out; a snapshot that reaches further is
    /// taken whole, because only what is committed gets into a snapshot.
    ///
    /// # Errors
    ///
    /// [`ReadFailed::Corrupt`] where the bytes are no updates or a record is missing among others, [`ReadFailed::Storage`] where the
    /// log ends before `through`.
    pub fn assemble(snapshot: Option<Record<'_>>, log: &[Record<'_>], through: Sequence) -> Result<Self, ReadFailed> {
        let start = snapshot.map_or(Sequence(0), |snapshot| snapshot.sequence);
        let log = between(log, start, through)?;
        let updates: Vec<&[u8]> = snapshot.iter().chain(log).map(|record| record.update).collect();
        let sequence = log.last().map_or(start, |last| last.sequence);
        Ok(Self { sequence, update: squash(&updates)? })
    }

    /// The state some records later. Only the records are squashed, so this costs little more than a copy.
    ///
    /// # Errors
    ///
    /// As in [`Self::assemble`].
    pub fn advance(&self, log: &[Record<'_>], through: Sequence) -> Result<Self, ReadFailed> {
        let log = between(log, self.sequence, through)?;
        let Some(last) = log.last() else { return Ok(self.clone()) };
        let news: Vec<&[u8]> = log.iter().map(|record| record.update).collect();
        let update = update::merge(&[self.update(), &squash(&news)?])?;
        Ok(Self { sequence: last.sequence, update })
    }

    /// One update equal to all the records.
    #[must_use]
    pub fn update(&self) -> &[u8] {
        if self.update.is_empty() { &NOTHING } else { &self.update }
    }

    /// State vector and delete set.
    ///
    /// # Errors
    ///
    /// [`ReadFailed::Corrupt`] where the update is not causally complete: then something is missing that was accepted once.
    pub fn known(&self) -> Result<Known, ReadFailed> {
        Ok(Known::of(self.update())?)
    }

    /// The same state in fewer bytes.
    ///
    /// # Errors
    ///
    /// [`ReadFailed::Corrupt`] where the bytes are no update.
    pub fn compact(&self, how: Compaction) -> Result<Self, ReadFailed> {
        Ok(Self { sequence: self.sequence, update: update::compact(self.update(), how)? })
    }

    /// The answer to a SyncStep1: what a client lacks, in parts of about `part_bytes_max`, and all deletions, because a state vector
    /// says nothing of them. The last part is the SyncStep2, so the client takes itself for synced only when it has all.
    ///
    /// # Errors
    ///
    /// [`ReadFailed::Corrupt`] where the bytes are no causally complete update.
    pub fn answer(&self, client: &StateVector, part_bytes_max: usize) -> Result<CaughtUp, ReadFailed> {
        let mut parts = update::split(&update::diff(self.update(), client)?, part_bytes_max)?;
        let last = parts.pop().unwrap_or_else(|| NOTHING.to_vec());
        let mut frames: Vec<Frame> = parts.iter().map(|part| update_frame(part)).collect();
        frames.push(message_frame(&last, sync::put_sync_step_2));
        Ok(CaughtUp { frames: frames.into(), through: self.sequence })
    }

    /// All of it, for somebody who lacks records that are not kept one by one any more.
    ///
    /// # Errors
    ///
    /// As in [`Self::answer`].
    pub fn publish(&self, part_bytes_max: usize) -> Result<CaughtUp, ReadFailed> {
        Ok(CaughtUp { frames: update_frames(self.update(), part_bytes_max)?, through: self.sequence })
    }
}

/// What somebody lacks who has all records up to `after`: the records from there through `through`, as one update in parts of about
/// `part_bytes_max`. No frames where that is nothing.
///
/// # Errors
///
/// As in [`State::assemble`].
pub fn publish_records(
    log: &[Record<'_>],
    after: Sequence,
    through: Sequence,
    part_bytes_max: usize,
) -> Result<CaughtUp, ReadFailed> {
    let log = between(log, after, through)?;
    let Some(last) = log.last() else { return Ok(CaughtUp { frames: Arc::new([]), through: after }) };
    let updates: Vec<&[u8]> = log.iter().map(|record| record.update).collect();
    Ok(CaughtUp { frames: update_frames(&squash(&updates)?, part_bytes_max)?, through: last.sequence })
}

/// The records after `after` through `through`, which are all there without a gap; what comes behind is not committed yet.
fn between<'r, 'a>(log: &'r [Record<'a>], after: Sequence, through: Sequence) -> Result<&'r [Record<'a>], ReadFailed> {
    let log = &log[..log.partition_point(|record| record.sequence <= through)];
    let mut expected = after;
    for record in log {
        expected = expected.next();
        if record.sequence != expected {
            return Err(ReadFailed::Corrupt(format!("record {} is missing", expected.0).into()));
        }
    }
    // Not damage: where a sync failed, records that were only written are written once more.
    if expected < through {
        return Err(ReadFailed::Storage(format!("record {} is not stored", expected.next().0).into()));
    }
    Ok(log)
}

fn squash(updates: &[&[u8]]) -> Result<Vec<u8>, ReadFailed> {
    match updates {
        [] => Ok(Vec::new()),
        [one] => Ok(update::compact(one, Compaction::SQUASH)?),
        several => Ok(update::compact(&update::merge(several)?, Compaction::SQUASH)?),
    }
}

fn update_frames(update: &[u8], part_bytes_max: usize) -> Result<Arc<[Frame]>, ReadFailed> {
    Ok(update::split(update, part_bytes_max)?.iter().map(|part| update_frame(part)).collect())
}

fn update_frame(part: &[u8]) -> Frame {
    message_frame(part, sync::put_update)
}

fn message_frame(part: &[u8], put: fn(&mut Vec<u8>, &[u8])) -> Frame {
    let mut bytes = Vec::with_capacity(part.len() + MESSAGE_OVERHEAD_BYTES);
    put(&mut bytes, part);
    Frame::new(bytes)
}

/// Bytes around an update: the WebSocket header, the two of the message, the length. More than needed is only room.
const MESSAGE_OVERHEAD_BYTES: usize = 24;
