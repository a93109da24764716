//! Why an update, or a state vector, is refused. Always the fault of who wrote it.

use std::fmt;

use super::{Id, Limit};
use crate::lib0::Malformed;

/// Why bytes were refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The bytes are not lib0, or not UTF-8 or JSON where they must be.
    Malformed(Malformed),
    /// Bytes are left after the last value.
    TrailingBytes,
    /// An unknown tag: of a struct, of a shared type, or of a parent.
    UnknownTag(u64),
    /// A struct, a section or a delete range of length 0. The binary search of Yjs does not survive those.
    Empty,
    /// Client sections that are not in strictly descending order, or one client twice in a state vector.
    ClientOrder,
    /// A sub-document whose options are not an object: reading a field of them would throw in every client.
    SubdocumentOptions,
    /// The struct with this id refers to itself, to a later struct of its own client, or in a circle. Yjs throws at the
    /// first two and waits for ever at the last.
    Circular(Id),
    /// What ought to be causally complete lacks the struct with this id.
    Incomplete(Id),
    /// Larger than is allowed here.
    OverLimit {
        /// Which limit.
        limit: Limit,
        /// How much it allows.
        allowed: usize,
    },
}

impl From<Malformed> for Refused {
    fn from(malformed: Malformed) -> Self {
        match malformed {
            Malformed::TooDeep { depth_max } => Self::OverLimit { limit: Limit::Depth, allowed: depth_max.into() },
            Malformed::Truncated
            | Malformed::NotCanonical
            | Malformed::NumberTooLarge
            | Malformed::CountTooLarge
            | Malformed::NotUtf8
            | Malformed::NotJson
            | Malformed::UnknownAnyTag(_) => Self::Malformed(malformed),
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(malformed) => malformed.fmt(f),
            Self::TrailingBytes => f.write_str("bytes are left after the last value"),
            Self::UnknownTag(tag) => write!(f, "{tag} is no known tag"),
            Self::Empty => f.write_str("a struct, a section or a delete range is empty"),
            Self::ClientOrder => f.write_str("clients are not in descending order"),
            Self::SubdocumentOptions => f.write_str("the options of a sub-document are no object"),
            Self::Circular(Id { client, clock }) => write!(f, "struct {clock} of client {client} refers in a circle"),
            Self::Incomplete(Id { client, clock }) => write!(f, "struct {clock} of client {client} is missing"),
            Self::OverLimit { limit, allowed } => write!(f, "more {limit} than the {allowed} allowed"),
        }
    }
}

impl std::error::Error for Refused {}
