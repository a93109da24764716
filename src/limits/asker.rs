//! Who asks, of a request that takes no place among connections. Does not know what is asked.

use std::net::IpAddr;

use super::forwarded::{Forwarded, client_of};
use super::{Limits, Peer};

/// A trusted proxy does not say understandably for whom it speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unnamed;

impl Limits {
    /// Whether what an address does counts against it. A trusted proxy that speaks for itself speaks for many.
    #[must_use]
    pub fn is_limited(&self, address: IpAddr) -> bool {
        match self.networks().peer(address) {
            Peer::Client | Peer::Denied => true,
            Peer::Proxy => false,
        }
    }

    /// Who asks, where this is the other end of the connection, and that the members of `X-Forwarded-For`: by the same rules as of an upgrade,
    /// who has connected, or the client that a trusted proxy speaks for.
    ///
    /// # Errors
    ///
    /// It is a proxy whose word counts, and it cannot be understood.
    pub fn asker<'a>(&self, peer: IpAddr, forwarded: impl Iterator<Item = &'a [u8]>) -> Result<IpAddr, Unnamed> {
        let networks = self.networks();
        match networks.peer(peer) {
            Peer::Client | Peer::Denied => Ok(peer),
            Peer::Proxy => match client_of(forwarded, &networks) {
                Forwarded::Itself => Ok(peer),
                Forwarded::Client(client) => Ok(client),
                Forwarded::Malformed => Err(Unnamed),
            },
        }
    }
}
