//! Documents over HTTP, with the built binary: what each path does, who may, and what comes of what nobody should send.

#[path = "server/client.rs"]
#[allow(dead_code, reason = "shared with tests that need more of it")]
mod client;
#[path = "documents/plane.rs"]
mod plane;
#[path = "server/process.rs"]
#[allow(dead_code, reason = "shared with tests that need more of it")]
mod process;
