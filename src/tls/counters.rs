//! What became of one core's TLS sessions. Numbers that only grow.

/// What one core has counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Handshakes that were completed.
    pub handshakes: u64,
    /// Of those, the ones that went on where an earlier session of the client's had ended, which takes no signature.
    pub resumed: u64,
    /// Times that a handshake had to wait for the next turn of the loop, because this one's share for handshakes was used up.
    pub put_off: u64,
    /// Sessions that came to nothing, or broke later.
    pub failures: u64,
    /// Of those, the ones that began with a request in plain HTTP.
    pub plain_http: u64,
}
