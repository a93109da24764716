//! DECISIONS: documents, sessions, fan-out. No socket, disk, clock or lock.
#![forbid(unsafe_code)]
