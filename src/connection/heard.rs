//! What comes out of what an open connection receives.

use std::fmt;

use selvedge_protocol::websocket::{CloseCode, MessageKind, Violation};

use super::pulse::Stamp;

/// What came out of received bytes.
#[derive(Debug, PartialEq, Eq)]
pub enum Heard<'a> {
    /// A message.
    Message {
        /// Text only on the echo route.
        kind: MessageKind,
        /// Borrowed from where it was received.
        payload: &'a [u8],
    },
    /// A step on the way to a large compressed message, which takes as long as many small ones.
    Inflating,
    /// A control frame, which is dealt with.
    Control,
    /// An answer to a ping, for [`super::Pulses::answered`].
    Pong {
        /// What it carries, if it is as long as what pings from here do.
        stamp: Option<Stamp>,
    },
    /// The connection is closing from here on.
    Closing(Ending),
}

/// Why an open connection began to close by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The peer said goodbye, with or without a code.
    Peer(Option<CloseCode>),
    /// The peer broke the protocol.
    Violation(Violation),
    /// The peer sent text where only binary is spoken.
    Text,
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Peer(_) => f.write_str("the peer says goodbye"),
            Self::Violation(violation) => write!(f, "the peer broke the protocol: {violation}"),
            Self::Text => f.write_str("the peer sent text"),
        }
    }
}
