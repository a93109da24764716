//! What was decided of a connection when its request was read. Travels with its socket to another core.

use std::sync::Arc;

use selvedge_protocol::websocket::Deflate;

use crate::auth::Grant;
use crate::limits::UserTicket;

/// What an open connection is held to beyond what holds for all.
#[derive(Debug)]
pub struct Admission {
    /// Whose it is, and what it may do.
    pub grant: Arc<Grant>,
    /// How messages are compressed, where they are.
    pub deflate: Option<Deflate>,
    /// Its place among those of its user, once it is open. None where it is nobody's in particular, or where its sessions have places of their own.
    pub place: Option<UserTicket>,
}
