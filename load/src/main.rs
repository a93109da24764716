//! `selvedge-load`: loads any server that speaks y-websocket, and says what it found.

mod report;

fn main() {}
