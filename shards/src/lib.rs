//! DECISIONS: documents, sessions, fan-out: what follows from an input. No socket, disk, clock or lock.
#![forbid(unsafe_code)]

mod effect;
mod envelope;
mod frame;
mod id;
mod input;
pub mod reading;

pub use effect::{CloseReason, Effect};
pub use envelope::Envelope;
pub use frame::Frame;
pub use id::{DocumentId, Now, Sequence, SessionId, SessionRef, ShardId};
pub use input::{Access, Input};

/// Milliseconds between two [`Input::Tick`]s.
pub const TICK_MS: u64 = 250;
