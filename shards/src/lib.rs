//! DECISIONS: documents, sessions, fan-out: what follows from an input. No socket, disk, clock or lock.
#![forbid(unsafe_code)]

mod acknowledgements;
mod attendance;
mod config;
mod core;
mod counters;
mod deletions;
mod document;
mod effect;
mod envelope;
mod errand;
mod fan_out;
mod flow;
mod frame;
mod id;
mod input;
mod joining;
mod large;
mod measured;
mod mirror;
mod outbox;
mod prepared;
mod preparing;
mod presence;
pub mod reading;
mod session;
mod shard;
mod slots;
mod waiting;
mod window;

pub use attendance::{ATTENDED_PLACES_MAX, Attendance, Attended};
pub use config::Config;
pub use counters::Counters;
pub use effect::{CloseReason, Effect};
pub use envelope::Envelope;
pub use errand::{
    Answer, Errand, ErrandFailed, Expected, INSPECTED_SESSIONS_MAX, INSPECTED_STATE_BYTES_MAX, InspectedSession,
    InspectedState, Inspection, Standing, Unstored, Updates,
};
pub use frame::Frame;
pub use id::{DeletionCount, DocumentId, Moment, Now, Sequence, SessionId, SessionRef, ShardId};
pub use input::{Access, Audience, Dialect, Input};
pub use large::{Judged, Large};
pub use measured::Measured;
pub use prepared::{Base, Prepared};
pub use shard::Shard;
pub use window::Load;

/// Milliseconds between two [`Input::Tick`]s.
pub const TICK_MS: u64 = 250;
