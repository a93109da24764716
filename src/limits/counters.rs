//! What one core counts of its limits. Does not know who looks.

/// Plain numbers that only grow, unless they say otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Connections closed because their network may not connect.
    pub networks_denied: u64,
    /// Upgrades refused because their page may not open connections.
    pub origins_refused: u64,
    /// Requests refused because a trusted proxy did not say understandably for whom it speaks.
    pub forwarded_malformed: u64,
    /// Connections closed because a trusted proxy did not begin with a PROXY header that can be read.
    pub proxy_headers_refused: u64,
    /// Connections refused because their address has as many as it may.
    pub addresses_full: u64,
    /// Connections refused because too many new ones come from their address.
    pub addresses_fast: u64,
    /// Connections refused because their address is banned.
    pub addresses_banned: u64,
    /// Of those three, connections that were closed without an answer, because many were being answered already.
    pub refused_unheard: u64,
    /// Logins that failed.
    pub logins_failed: u64,
    /// Bans that began.
    pub bans: u64,
    /// Connections and sessions refused because their user has as many as it may.
    pub users_refused: u64,
    /// Connections and sessions closed for newer ones of their user.
    pub users_displaced: u64,
    /// Times that a connection was held back because it sent too much or too often.
    pub rate_holds: u64,
    /// Connections closed because a message that was begun did not end.
    pub messages_overdue: u64,
    /// Connections closed because a message became larger than it may.
    pub messages_too_big: u64,
    /// Connections closed because all of a core together hold too much that is not whole.
    pub unfinished_closed: u64,
    /// Upgrades, and documents on connections that were open, refused because memory is short.
    pub memory_joins_refused: u64,
    /// Catch-ups postponed because memory is short.
    pub memory_catch_ups_postponed: u64,
    /// Connections closed because memory is short.
    pub memory_closed: u64,
    /// Memory that the process uses now, in bytes. The same on all cores.
    pub memory_used_bytes: u64,
}
