//! Who asks, of a request that takes no place among connections. Does not know what is asked.

use std::net::IpAddr;

use super::forwarded::{Forwarded, client_of};
use super::{Limits, Peer};

/// An address, by the same rules as those of an upgrade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asker {
    /// Who has connected, or the client that a trusted proxy speaks for.
    pub address: IpAddr,
    /// A trusted proxy that speaks for itself is not.
    pub is_limited: bool,
}

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

    /// Who asks, where this is the other end of the connection, and that the members of `X-Forwarded-For`.
    ///
    /// # Errors
    ///
    /// It is a proxy whose word counts, and it cannot be understood.
    pub fn asker<'a>(&self, peer: IpAddr, forwarded: impl Iterator<Item = &'a [u8]>) -> Result<Asker, Unnamed> {
        let networks = self.networks();
        match networks.peer(peer) {
            Peer::Client | Peer::Denied => Ok(Asker { address: peer, is_limited: true }),
            Peer::Proxy => match client_of(forwarded, &networks) {
                Forwarded::Itself => Ok(Asker { address: peer, is_limited: false }),
                Forwarded::Client(address) => Ok(Asker { address, is_limited: true }),
                Forwarded::Malformed => Err(Unnamed),
            },
        }
    }
}
