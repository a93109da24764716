//! What was decided of a connection when its request was read. Travels with its socket to another core.

use std::sync::Arc;

use selvedge_protocol::websocket::Deflate;

use crate::auth::Grant;

/// What an open connection is held to beyond what holds for all.
#[derive(Clone, Debug)]
pub struct Admission {
    /// Whose it is, and what it may do.
    pub grant: Arc<Grant>,
    /// How messages are compressed, where they are.
    pub deflate: Option<Deflate>,
}
