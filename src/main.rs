//! THE SERVER: sockets, threads, time, settings. It waits; it decides nothing.
fn main() {}
