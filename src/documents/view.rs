//! What can be seen of documents from outside. Does not know how it is shown.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use axum::body::Bytes;
use selvedge_shards::{Access, DeletionCount, Dialect, SessionId};

/// Documents in the order of their names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The documents.
    pub documents: Vec<Entry>,
    /// The name behind which the next page begins; nothing where this is the last.
    pub next: Option<String>,
}

/// One document of a page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// When its first record was written, in milliseconds since 1970. Nothing where none is stored, or what is stored is damaged.
    pub created_ms: Option<u64>,
}

/// A document at a closer look.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Description {
    /// Its name.
    pub name: String,
    /// Its last durable record; 0 where none is stored.
    pub sequence: u64,
    /// Bytes of snapshot and log.
    pub bytes: u64,
    /// When its first record was written, in milliseconds since 1970.
    pub created_ms: Option<u64>,
    /// When its last record was written, in milliseconds since 1970.
    pub updated_ms: Option<u64>,
    /// Sessions on all cores.
    pub sessions: usize,
    /// As long as it is not deleted after these, it is the same.
    pub deletions: DeletionCount,
}

/// All that is committed of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// The last record in it.
    pub sequence: u64,
    /// One Yjs update (encoding v1).
    pub update: Bytes,
    /// When the document was made: another one of the same name was made at another time.
    pub created_ms: u64,
}

/// What came of an edit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edited {
    /// The record that brought it, or one of those before where nothing of it was new.
    pub sequence: u64,
    /// Something of it was new.
    pub is_new: bool,
    /// If it was deleted after these, it is another one.
    pub deletions: DeletionCount,
}

/// Sessions of a document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sessions {
    /// At most [`selvedge_shards::INSPECTED_SESSIONS_MAX`] of each core.
    pub shown: Vec<SessionView>,
    /// All of them.
    pub in_all: usize,
}

/// One session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionView {
    /// What it is called as long as it is there.
    pub id: SessionName,
    /// Whose it is, where there are tokens.
    pub subject: Option<Arc<str>>,
    /// Where from: an IPv4 address, or an IPv6 network of 64 bits.
    pub address: Option<String>,
    /// Since when, in milliseconds since 1970.
    pub since_ms: u64,
    /// Its rights.
    pub access: Access,
    /// What it speaks.
    pub dialect: Dialect,
    /// Awareness states that it has announced: client ids with JSON.
    pub awareness: Vec<(u64, Box<str>)>,
}

/// A session of this process, wherever it is: `core-index-generation`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SessionName {
    /// Where its socket lives.
    pub core: u16,
    /// Its name there.
    pub session: SessionId,
}

impl fmt::Display for SessionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { core, session: SessionId { index, generation } } = self;
        write!(f, "{core}-{index}-{generation}")
    }
}

impl FromStr for SessionName {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut parts = text.split('-');
        let mut next = || parts.next().ok_or(());
        let core = next()?.parse().map_err(|_| ())?;
        let index = next()?.parse().map_err(|_| ())?;
        let generation = next()?.parse().map_err(|_| ())?;
        if parts.next().is_some() {
            return Err(());
        }
        Ok(Self { core, session: SessionId { index, generation } })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_found_by_what_it_is_called_and_by_nothing_else() {
        let name = SessionName { core: 3, session: SessionId { index: 17, generation: 2 } };
        assert_eq!((name.to_string().as_str(), name.to_string().parse()), ("3-17-2", Ok(name)));
        for other in ["", "3", "3-17", "3-17-2-1", "x-17-2", "3-17-", "70000-1-1", "3--17-2"] {
            assert_eq!(other.parse::<SessionName>(), Err(()), "{other}");
        }
    }
}
