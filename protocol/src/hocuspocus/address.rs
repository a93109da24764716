//! What stands in front of every message: the name of a document, and which of several sessions of it on one socket is meant. Does not
//! know what follows.

use std::{error::Error, fmt};

use crate::document_name::{DocumentName, DocumentNameError};
use crate::lib0::{Malformed, Reader};

/// Longest name of a session, in bytes of UTF-8. Those of the npm client have about eleven.
pub const SESSION_BYTES_MAX: usize = 128;

/// Between the two parts. No name holds it, as it is a control character.
const SEPARATOR: char = '\0';

/// `name`, or `name`, a zero, and a name that the client gave to the session. Checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address<'a> {
    /// With its length in front, as it stands in front of messages in both directions.
    encoded: &'a [u8],
    document: &'a str,
}

impl<'a> Address<'a> {
    /// Reads the address that a message begins with.
    pub(super) fn read(reader: &mut Reader<'a>) -> Result<Self, AddressError> {
        let start = reader.position();
        let text = reader.str()?;
        let encoded = reader.since(start);
        let (document, session) =
            text.split_once(SEPARATOR).map_or((text, None), |(name, session)| (name, Some(session)));
        DocumentName::check(document).map_err(AddressError::Document)?;
        match session {
            Some(session) if session.len() > SESSION_BYTES_MAX => {
                Err(AddressError::SessionTooLong { session_bytes: session.len() })
            }
            Some(session) if session.chars().any(char::is_control) => Err(AddressError::SessionControlCharacter),
            Some(_) | None => Ok(Self { encoded, document }),
        }
    }

    /// Its bytes in front of a message.
    #[must_use]
    pub fn encoded(&self) -> &'a [u8] {
        self.encoded
    }

    /// A name by the rules of [`DocumentName`].
    #[must_use]
    pub fn document(&self) -> &'a str {
        self.document
    }
}

/// Why a frame cannot be for any document. Always the fault of who sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressError {
    /// Not lib0.
    Malformed(Malformed),
    /// No document can have that name.
    Document(DocumentNameError),
    /// More than [`SESSION_BYTES_MAX`] bytes.
    SessionTooLong {
        /// How many.
        session_bytes: usize,
    },
    /// A control character in the name of the session.
    SessionControlCharacter,
}

impl From<Malformed> for AddressError {
    fn from(error: Malformed) -> Self {
        Self::Malformed(error)
    }
}

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(error) => write!(f, "malformed address: {error}"),
            Self::Document(error) => error.fmt(f),
            Self::SessionTooLong { session_bytes } => {
                write!(f, "the session name is {session_bytes} bytes long; allowed are {SESSION_BYTES_MAX}")
            }
            Self::SessionControlCharacter => f.write_str("the session name has a control character"),
        }
    }
}

impl Error for AddressError {}
