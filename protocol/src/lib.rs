//! WIRE: bytes to values and back. No I/O, no clock, no allocation it can avoid.
#![forbid(unsafe_code)]

pub mod awareness;
pub mod document_name;
pub mod hocuspocus;
pub mod http;
pub mod lib0;
pub mod sync;
pub mod update;
pub mod websocket;
