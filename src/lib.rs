//! THE SERVER: sockets, threads, time, settings. It waits; it decides nothing.

pub mod doorbell;
pub mod driver;
pub mod inbox;
pub mod logging;
pub mod persister;
pub mod reader;
pub mod settings;
