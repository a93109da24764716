//! What a core counts of connections coming and going. Does not know who looks.

use selvedge_protocol::websocket::CloseCode;

use super::Ending;
use crate::auth::Denied;
use crate::close::Goodbye;

/// Plain numbers that only grow, unless they say otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConnectionCounters {
    /// Connections here now, in whatever phase.
    pub open: u64,
    /// Sockets accepted.
    pub accepted: u64,
    /// Of those, the ones closed without a word: the server stops, or has so many connections already that it can tell nobody.
    pub unheard: u64,
    /// Of those, the ones that are only told that there are too many.
    pub surplus: u64,
    /// Times that the system had no socket to give.
    pub accept_failures: u64,
    /// Sockets given to the core that owns their document.
    pub handed_over: u64,
    /// Upgrades granted for one document.
    pub opened_document: u64,
    /// Upgrades granted for many documents.
    pub opened_hocuspocus: u64,
    /// Upgrades granted for the echo.
    pub opened_echo: u64,
    /// Requests answered without an upgrade: health checks, and whatever is refused with a status.
    pub answered: u64,
    /// Tokens, or that there was none, that were no reason to let somebody in, by reason; of upgrades and of documents on open connections.
    pub denied: [u64; Denied::REASONS.len()],
    /// How open connections ended.
    pub closed: Closed,
    /// Bytes now of what has arrived and is not whole, of connections with more than a few receives of it; at the last tick.
    pub unfinished_bytes: u64,
    /// Parcels now on their way to this core.
    pub mesh_incoming: u64,
    /// Parcels now that found the ring to another core full.
    pub mesh_spilled: u64,
}

/// Codes that are told apart; peers may say any. The last place is for all others.
const CODES: [u16; 17] =
    [1000, 1001, 1002, 1003, 1005, 1007, 1008, 1009, 1011, 1012, 1013, 4205, 4400, 4401, 4403, 4408, 4413];
const PLACES: usize = CODES.len() + 1;

/// How open connections ended: with a Close frame from one side, or without.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Closed {
    by_server: [u64; PLACES],
    by_peer: [u64; PLACES],
    /// The socket ended or failed, or its peer was not heard for too long: nobody said a word (1006 to both).
    pub lost: u64,
}

impl Closed {
    /// The server has said goodbye first.
    pub fn by_server(&mut self, code: CloseCode) {
        self.by_server[place_of(code.value())] += 1;
    }

    /// It began to close by itself.
    pub fn by_itself(&mut self, ending: Ending) {
        match ending {
            // Without a code it is 1005 (RFC 6455, section 7.1.5).
            Ending::Peer(code) => self.by_peer[place_of(code.map_or(1005, CloseCode::value))] += 1,
            Ending::Violation(violation) => self.by_server(Goodbye::violation(violation).code),
            Ending::Text => self.by_server(Goodbye::text().code),
        }
    }

    /// How often the server said which code; none stands for the codes that are not told apart.
    pub fn server_codes(&self) -> impl Iterator<Item = (Option<u16>, u64)> + '_ {
        codes(&self.by_server)
    }

    /// The same of peers.
    pub fn peer_codes(&self) -> impl Iterator<Item = (Option<u16>, u64)> + '_ {
        codes(&self.by_peer)
    }
}

fn codes(counts: &[u64; PLACES]) -> impl Iterator<Item = (Option<u16>, u64)> + '_ {
    CODES.into_iter().map(Some).chain([None]).zip(counts.iter().copied())
}

fn place_of(code: u16) -> usize {
    CODES.iter().position(|&known| known == code).unwrap_or(CODES.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_codes_have_their_place_and_others_share_one() {
        let mut closed = Closed::default();
        let code = |value| CloseCode::new(value).expect("a code");
        for code in [None, Some(code(1001)), Some(code(3000)), Some(code(4999))] {
            closed.by_itself(Ending::Peer(code));
        }
        closed.by_itself(Ending::Text);
        closed.by_server(code(1013));
        let peer: Vec<_> = closed.peer_codes().filter(|&(_, count)| count > 0).collect();
        assert_eq!(peer, [(Some(1001), 1), (Some(1005), 1), (None, 2)]);
        let server: Vec<_> = closed.server_codes().filter(|&(_, count)| count > 0).collect();
        assert_eq!(server, [(Some(1003), 1), (Some(1013), 1)]);
    }
}
