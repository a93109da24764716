//! DECISIONS: documents, sessions, fan-out. No socket, disk, clock or lock.
#![forbid(unsafe_code)]

mod frame;

pub use frame::Frame;
