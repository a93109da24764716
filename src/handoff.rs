//! A socket on its way to the core that owns its document: once, right after its upgrade request was read. Does not know how it
//! travels.

use selvedge_shards::{DocumentId, Moment, ShardId};

use crate::driver::Socket;
use crate::endpoints::Upgrade;
use crate::limits::Ticket;
use crate::tls;

/// A socket that leaves one core for another. No driver holds it, and nothing is in flight on it.
#[derive(Debug)]
pub struct Handed {
    /// The socket; dropping it closes it.
    pub socket: Socket,
    /// What it asked for. The answer is not written yet.
    pub upgrade: Upgrade,
    /// Its place among those of its address.
    pub ticket: Option<Ticket>,
    /// Bytes that arrived behind the request and that nobody has looked at.
    pub unread: Vec<u8>,
    /// The session that it is inside of, with what it has not sent and what is not whole.
    pub tls: Option<Box<tls::Session>>,
    /// When it was accepted.
    pub since: Moment,
}

/// Which core goes on with a connection that asks for this document.
#[must_use]
pub fn owner_of(name: &str, shards: u16) -> ShardId {
    DocumentId::of(name).owner(shards)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_spread_over_all_cores() {
        let shards = 7;
        let mut counts = [0_u32; 7];
        for document in 0..7_000 {
            counts[usize::from(owner_of(&format!("document-{document}"), shards).0)] += 1;
        }
        assert!(counts.iter().all(|count| (800..1_200).contains(count)), "{counts:?}");
    }
}
