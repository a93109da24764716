//! The messages of the y-websocket dialect: one in each binary frame. Does not look into updates, state vectors or
//! awareness, and decides nothing about a message.

use std::{error::Error, fmt};

use crate::awareness::{self, Entry};
use crate::lib0::{self, Reader, put_buf, put_uint, uint_size};
use crate::websocket::{OpCode, put_frame_header};

const SYNC: u64 = 0;
const AWARENESS: u64 = 1;
const AUTH: u64 = 2;
const QUERY_AWARENESS: u64 = 3;

const SYNC_STEP_1: u64 = 0;
const SYNC_STEP_2: u64 = 1;
const UPDATE: u64 = 2;

const PERMISSION_DENIED: u64 = 0;

/// One message. What it carries is borrowed and unchecked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message<'a> {
    /// "This is what I have": to be answered by a SyncStep2.
    SyncStep1 {
        /// An encoded state vector.
        state_vector: &'a [u8],
    },
    /// What the sender of a SyncStep1 lacked.
    SyncStep2 {
        /// An update in format v1.
        update: &'a [u8],
    },
    /// What has just changed.
    Update {
        /// An update in format v1.
        update: &'a [u8],
    },
    /// Who is present, for [`awareness::parse`].
    Awareness {
        /// An awareness update.
        update: &'a [u8],
    },
    /// Something is refused. A server says so; from a client it means nothing.
    PermissionDenied {
        /// Why, for people.
        reason: &'a str,
    },
    /// "Send me all awareness."
    QueryAwareness,
}

/// Why a frame is not one message. Always the fault of who sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncError {
    /// Not lib0.
    Malformed(lib0::Malformed),
    /// A message of a type that the dialect does not have. Other software may use such types for its own ends, so the
    /// caller decides whether it is worth a connection.
    UnknownMessage {
        /// The type.
        message_type: u64,
    },
    /// A sync message of an unknown type.
    UnknownSync {
        /// The type.
        sync_type: u64,
    },
    /// An auth message of an unknown type.
    UnknownAuth {
        /// The type.
        auth_type: u64,
    },
    /// Bytes behind the message. JavaScript clients ignore them, and so would anyone they are relayed to.
    TrailingBytes {
        /// How many.
        trailing_bytes: usize,
    },
}

impl From<lib0::Malformed> for SyncError {
    fn from(error: lib0::Malformed) -> Self {
        Self::Malformed(error)
    }
}

impl fmt::Display for SyncError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(error) => write!(f, "malformed message: {error}"),
            Self::UnknownMessage { message_type } => write!(f, "unknown message type {message_type}"),
            Self::UnknownSync { sync_type } => write!(f, "unknown sync message type {sync_type}"),
            Self::UnknownAuth { auth_type } => write!(f, "unknown auth message type {auth_type}"),
            Self::TrailingBytes { trailing_bytes } => write!(f, "{trailing_bytes} bytes behind the message"),
        }
    }
}

impl Error for SyncError {}

/// Reads the one message that a binary frame holds.
pub fn parse(frame: &[u8]) -> Result<Message<'_>, SyncError> {
    let mut reader = Reader::new(frame);
    let message = match reader.uint()? {
        SYNC => read_sync(&mut reader)?,
        AWARENESS => Message::Awareness { update: reader.buf()? },
        AUTH => match reader.uint()? {
            PERMISSION_DENIED => Message::PermissionDenied { reason: reader.str()? },
            auth_type => return Err(SyncError::UnknownAuth { auth_type }),
        },
        QUERY_AWARENESS => Message::QueryAwareness,
        message_type => return Err(SyncError::UnknownMessage { message_type }),
    };
    match reader.left() {
        0 => Ok(message),
        trailing_bytes => Err(SyncError::TrailingBytes { trailing_bytes }),
    }
}

/// Reads what follows the type of a sync message.
pub(crate) fn read_sync<'a>(reader: &mut Reader<'a>) -> Result<Message<'a>, SyncError> {
    Ok(match reader.uint()? {
        SYNC_STEP_1 => Message::SyncStep1 { state_vector: reader.buf()? },
        SYNC_STEP_2 => Message::SyncStep2 { update: reader.buf()? },
        UPDATE => Message::Update { update: reader.buf()? },
        sync_type => return Err(SyncError::UnknownSync { sync_type }),
    })
}

impl<'a> Message<'a> {
    /// The types that come first, and what follows them with its length; a QueryAwareness is its type alone.
    fn parts(&self) -> (&'static [u64], Option<&'a [u8]>) {
        match *self {
            Self::SyncStep1 { state_vector } => (&[SYNC, SYNC_STEP_1], Some(state_vector)),
            Self::SyncStep2 { update } => (&[SYNC, SYNC_STEP_2], Some(update)),
            Self::Update { update } => (&[SYNC, UPDATE], Some(update)),
            Self::Awareness { update } => (&[AWARENESS], Some(update)),
            Self::PermissionDenied { reason } => (&[AUTH, PERMISSION_DENIED], Some(reason.as_bytes())),
            Self::QueryAwareness => (&[QUERY_AWARENESS], None),
        }
    }

    /// How many bytes [`Self::put`] writes.
    pub fn encoded_len(&self) -> usize {
        let (types, body) = self.parts();
        let types_len: usize = types.iter().map(|&value| uint_size(value)).sum();
        types_len + body.map_or(0, |body| uint_size(body.len() as u64) + body.len())
    }

    /// Appends the message without a frame.
    pub fn put(&self, out: &mut Vec<u8>) {
        let (types, body) = self.parts();
        for &value in types {
            put_uint(out, value);
        }
        if let Some(body) = body {
            put_buf(out, body);
        }
    }

    /// Appends the message in a frame of its own, as a server sends it.
    pub fn put_frame(&self, out: &mut Vec<u8>) {
        begin_frame(out, self.encoded_len());
        self.put(out);
    }
}

/// Appends a frame with a SyncStep1.
pub fn put_sync_step_1(out: &mut Vec<u8>, state_vector: &[u8]) {
    Message::SyncStep1 { state_vector }.put_frame(out);
}

/// Appends a frame with a SyncStep2.
pub fn put_sync_step_2(out: &mut Vec<u8>, update: &[u8]) {
    Message::SyncStep2 { update }.put_frame(out);
}

/// Appends a frame with an Update.
pub fn put_update(out: &mut Vec<u8>, update: &[u8]) {
    Message::Update { update }.put_frame(out);
}

/// Appends a frame with an Awareness message of `entries`, which are passed over twice: to measure, and to write.
pub fn put_awareness<'a>(out: &mut Vec<u8>, entries: impl Iterator<Item = Entry<'a>> + Clone) {
    let update_len = awareness::encoded_len(entries.clone());
    begin_frame(out, uint_size(AWARENESS) + uint_size(update_len as u64) + update_len);
    put_uint(out, AWARENESS);
    put_uint(out, update_len as u64);
    awareness::put_update(out, entries);
}

/// Appends a frame that tells a client that what it asked for is refused.
pub fn put_permission_denied(out: &mut Vec<u8>, reason: &str) {
    Message::PermissionDenied { reason }.put_frame(out);
}

fn begin_frame(out: &mut Vec<u8>, message_bytes: usize) {
    out.reserve(crate::websocket::frame_header_len(message_bytes) + message_bytes);
    put_frame_header(out, OpCode::Binary, message_bytes);
}

#[cfg(test)]
mod tests;
