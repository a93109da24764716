//! The messages of the Hocuspocus dialect: one in each binary frame, with an address in front that says which document of the socket
//! it is about. Does not look into updates, state vectors, awareness, tokens or stateless messages, and decides nothing about them.

mod address;
mod write;

use std::{error::Error, fmt};

use crate::lib0::{self, Reader};
use crate::sync::{self, SyncError};

pub use address::{Address, AddressError, SESSION_BYTES_MAX};
pub use write::{
    put_authenticated, put_close, put_permission_denied, put_ping, put_stateless, put_sync_status, put_token_request,
};

const SYNC: u64 = 0;
const AWARENESS: u64 = 1;
const AUTH: u64 = 2;
const QUERY_AWARENESS: u64 = 3;
const SYNC_REPLY: u64 = 4;
const STATELESS: u64 = 5;
const BROADCAST_STATELESS: u64 = 6;
const CLOSE: u64 = 7;
const SYNC_STATUS: u64 = 8;
/// The whole message of a server that wants an answer; no address is in front.
const PING: u8 = 9;
/// The whole answer.
const PONG: u8 = 10;

const TOKEN: u64 = 0;
const PERMISSION_DENIED: u64 = 1;
const AUTHENTICATED: u64 = 2;

/// What one frame of a client is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Incoming<'a> {
    /// The connection itself: it is alive. A single byte, ping or pong.
    Alive,
    /// One document of the connection.
    Document {
        /// Which.
        address: Address<'a>,
        /// For [`parse_body`].
        body: &'a [u8],
    },
}

/// Reads whom a frame is for. Where that cannot be read, nothing in it can: the fault is the connection's.
pub fn parse(frame: &[u8]) -> Result<Incoming<'_>, AddressError> {
    match frame {
        [PING | PONG] => Ok(Incoming::Alive),
        _ => {
            let mut reader = Reader::new(frame);
            let address = Address::read(&mut reader)?;
            Ok(Incoming::Document { address, body: &frame[reader.position()..] })
        }
    }
}

/// What a client says about a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body<'a> {
    /// What the y-websocket dialect has too. Never [`sync::Message::PermissionDenied`], whose type means something else here.
    Message(sync::Message<'a>),
    /// A sync message that calls for no SyncStep1 in return.
    SyncReply(sync::Message<'a>),
    /// Who it is.
    Token {
        /// Empty where the client has none.
        token: &'a str,
    },
    /// For whoever listens on the server's side.
    Stateless {
        /// Anything.
        payload: &'a str,
    },
    /// Meant for between servers.
    BroadcastStateless,
    /// It leaves the document.
    Close,
    /// A type that a client has no reason to send, or that does not exist (yet).
    Unknown {
        /// Which.
        message_type: u64,
    },
}

/// Why what follows an address is not a message. Always the fault of who sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyError {
    /// Not a message that both dialects have.
    Sync(SyncError),
    /// A client has no such word in authentication.
    UnknownAuth {
        /// Its number.
        auth_type: u64,
    },
}

impl From<SyncError> for BodyError {
    fn from(error: SyncError) -> Self {
        Self::Sync(error)
    }
}

impl From<lib0::Malformed> for BodyError {
    fn from(error: lib0::Malformed) -> Self {
        Self::Sync(error.into())
    }
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sync(error) => error.fmt(f),
            Self::UnknownAuth { auth_type } => write!(f, "unknown auth message type {auth_type}"),
        }
    }
}

impl Error for BodyError {}

/// Reads what follows the address.
pub fn parse_body(bytes: &[u8]) -> Result<Body<'_>, BodyError> {
    let mut reader = Reader::new(bytes);
    let body = match reader.uint()? {
        SYNC | AWARENESS | QUERY_AWARENESS => return Ok(Body::Message(sync::parse(bytes)?)),
        SYNC_REPLY => Body::SyncReply(sync::read_sync(&mut reader)?),
        AUTH => match reader.uint()? {
            // What follows the token is the client's version, and in versions to come perhaps more: nothing of it matters here.
            TOKEN => return Ok(Body::Token { token: reader.str()? }),
            auth_type => return Err(BodyError::UnknownAuth { auth_type }),
        },
        STATELESS => Body::Stateless { payload: reader.str()? },
        // Neither is read any further: whatever follows, the answer is the same.
        BROADCAST_STATELESS => return Ok(Body::BroadcastStateless),
        CLOSE => return Ok(Body::Close),
        message_type => return Ok(Body::Unknown { message_type }),
    };
    match reader.left() {
        0 => Ok(body),
        trailing_bytes => Err(SyncError::TrailingBytes { trailing_bytes }.into()),
    }
}

#[cfg(test)]
mod tests;
