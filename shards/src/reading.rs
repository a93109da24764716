//! What is made of a document's stored bytes, off the cores: pure, so that the simulator runs the same code. Does not know where the
//! bytes were stored.

use std::sync::Arc;

use selvedge_protocol::update::{Known, StateVector};

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
#[derive(Debug)]
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
