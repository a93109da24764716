//! Sessions: what every y-websocket client says and answers, whatever it is for. Has no document: it asks for everything and offers nothing.

use selvedge_protocol::sync::{self, Message, SyncError};

use crate::hands::Hands;

/// A state vector of somebody who has nothing.
pub(crate) const NOTHING: &[u8] = &[0];
/// An update with nothing in it.
const NO_UPDATE: &[u8] = &[0, 0];

/// Asks for what the client lacks, which is everything.
pub(crate) fn ask(client: u32, hands: &mut Hands) {
    hands.say(client, &Message::SyncStep1 { state_vector: NOTHING });
}

/// Reads a message, and answers what is the same for all: the server's question, which gets an empty answer.
pub(crate) fn hear<'a>(client: u32, payload: &'a [u8], hands: &mut Hands) -> Option<Message<'a>> {
    match sync::parse(payload) {
        Ok(Message::SyncStep1 { .. }) => {
            hands.say(client, &Message::SyncStep2 { update: NO_UPDATE });
            None
        }
        Ok(Message::PermissionDenied { reason }) => {
            hands.tally.troubles.add(&format!("the server refuses: {reason}"), 1);
            None
        }
        Ok(message) => Some(message),
        // What a server adds to the dialect is its own affair.
        Err(SyncError::UnknownMessage { .. }) => None,
        Err(error) => {
            hands.fail(client, &format!("not a y-websocket message: {error}"));
            None
        }
    }
}
