//! THE SERVER: sockets, threads, time, settings. It waits; it decides nothing.

pub mod driver;
pub mod logging;
pub mod settings;
