//! Awareness updates: who is present in a document, and what each says of itself. States stay opaque JSON, checked and
//! never rebuilt. Does not know which connection may speak for which client.

use std::{error::Error, fmt};

use crate::lib0::{self, Malformed, Reader, json, put_buf, put_uint, uint_size};

/// What one awareness update may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Largest update, with everything in it.
    pub update_bytes_max: usize,
    /// Most clients in one update. A client sends one entry for itself, and many only after it was asked for all.
    pub entries_max: usize,
    /// Longest state of one client, as JSON.
    pub state_bytes_max: usize,
    /// How deep a state may be nested: every client reads it recursively.
    pub json_depth_max: u8,
}

/// What a client says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Id of the Yjs client, at most [`lib0::UINT_MAX`].
    pub client: u64,
    /// Grows with every change. JavaScript would read 53 bits, `yrs` reads 32: more are refused.
    pub clock: u32,
    /// JSON, or `None` for one that has left.
    pub state: Option<&'a str>,
}

/// What is known of a client before an entry comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// The newest clock.
    pub clock: u32,
    /// Whether there is a state for it; not after the client has left.
    pub present: bool,
}

/// Whether `entry` changes what is known of its client. The rule of y-protocols, so that this end and every client keep
/// the same states: a newer clock wins, and an equal clock wins if it removes a state that is there.
///
/// Of an unknown client, clock 0 is no news: JavaScript clients take an unknown client for one at clock 0, so none of them
/// would show it. (A client is at clock 0 until it first sets or renews its state.) Nor is it news that an unknown
/// client has left: y-protocols would remember its clock, but remembering what never was here would let anyone fill the
/// memory.
pub fn is_news(known: Option<Known>, entry: &Entry<'_>) -> bool {
    match known {
        Some(known) => {
            entry.clock > known.clock || (entry.clock == known.clock && entry.state.is_none() && known.present)
        }
        None => entry.clock > 0 && entry.state.is_some(),
    }
}

/// An awareness update that has been checked, entry by entry.
#[derive(Clone, Copy, Debug)]
pub struct AwarenessUpdate<'a> {
    /// Invariant: behind the count, so many entries and nothing else.
    entries: Reader<'a>,
    count: usize,
}

/// Checks a whole awareness update: its form, its limits, and that every state is what `JSON.parse` accepts, because one
/// that is not would make every other client throw.
pub fn parse<'a>(update: &'a [u8], limits: &Limits) -> Result<AwarenessUpdate<'a>, AwarenessError> {
    if update.len() > limits.update_bytes_max {
        return Err(AwarenessError::UpdateTooLarge {
            update_bytes: update.len(),
            update_bytes_max: limits.update_bytes_max,
        });
    }
    let mut reader = Reader::new(update);
    let count = reader.count(ENTRY_BYTES_MIN)?;
    if count > limits.entries_max {
        return Err(AwarenessError::TooManyEntries { entries: count, entries_max: limits.entries_max });
    }
    let entries = reader;
    for _ in 0..count {
        check_entry(&mut reader, limits)?;
    }
    match reader.left() {
        0 => Ok(AwarenessUpdate { entries, count }),
        trailing_bytes => Err(AwarenessError::TrailingBytes { trailing_bytes }),
    }
}

/// Client, clock, length and one digit of JSON.
const ENTRY_BYTES_MIN: usize = 4;

fn check_entry(reader: &mut Reader<'_>, limits: &Limits) -> Result<(), AwarenessError> {
    let (client, _, state) = read_entry(reader)?;
    if state.len() > limits.state_bytes_max {
        return Err(AwarenessError::StateTooLarge {
            client,
            state_bytes: state.len(),
            state_bytes_max: limits.state_bytes_max,
        });
    }
    json::check_within(state, limits.json_depth_max).map_err(|error| AwarenessError::StateInvalid { client, error })
}

fn read_entry<'a>(reader: &mut Reader<'a>) -> Result<(u64, u32, &'a str), Malformed> {
    Ok((reader.uint()?, reader.clock()?, reader.str()?))
}

impl<'a> AwarenessUpdate<'a> {
    /// How many entries there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The entries, in the order sent. A client may come up more than once: each entry is to be held by [`is_news`]
    /// against what the ones before it left behind, as JavaScript does.
    pub fn entries(&self) -> impl Iterator<Item = Entry<'a>> + Clone + use<'a> {
        let mut reader = self.entries;
        (0..self.count).map(move |_| {
            let (client, clock, state) = read_entry(&mut reader).expect("the update was checked when it was parsed");
            // `JSON.parse` allows white space around a value.
            let is_null = state.trim_matches([' ', '\t', '\n', '\r']) == NULL;
            Entry { client, clock, state: (!is_null).then_some(state) }
        })
    }
}

const NULL: &str = "null";

impl Entry<'_> {
    fn json(&self) -> &str {
        self.state.unwrap_or(NULL)
    }
}

/// How many bytes [`put_update`] writes.
pub fn encoded_len<'a>(entries: impl Iterator<Item = Entry<'a>>) -> usize {
    let (mut count, mut entries_len) = (0, 0);
    for entry in entries {
        let json_bytes = entry.json().len();
        count += 1;
        entries_len += uint_size(entry.client) + uint_size(u64::from(entry.clock));
        entries_len += uint_size(json_bytes as u64) + json_bytes;
    }
    uint_size(count) + entries_len
}

/// Appends an awareness update of `entries`, which are passed over twice: to count, and to write. How many may go into
/// one, the caller knows.
pub fn put_update<'a>(out: &mut Vec<u8>, entries: impl Iterator<Item = Entry<'a>> + Clone) {
    put_uint(out, entries.clone().count() as u64);
    for entry in entries {
        put_uint(out, entry.client);
        put_uint(out, u64::from(entry.clock));
        put_buf(out, entry.json().as_bytes());
    }
}

/// Why an awareness update is refused. Always the fault of who sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AwarenessError {
    /// Not lib0.
    Malformed(lib0::Malformed),
    /// More bytes than the limit.
    UpdateTooLarge {
        /// Size of the update.
        update_bytes: usize,
        /// The limit.
        update_bytes_max: usize,
    },
    /// More entries than the limit.
    TooManyEntries {
        /// How many are declared.
        entries: usize,
        /// The limit.
        entries_max: usize,
    },
    /// A state longer than the limit.
    StateTooLarge {
        /// Whose.
        client: u64,
        /// Its length.
        state_bytes: usize,
        /// The limit.
        state_bytes_max: usize,
    },
    /// A state that is not JSON, or nested too deep.
    StateInvalid {
        /// Whose.
        client: u64,
        /// What is wrong with it.
        error: lib0::Malformed,
    },
    /// Bytes behind the last entry.
    TrailingBytes {
        /// How many.
        trailing_bytes: usize,
    },
}

impl From<lib0::Malformed> for AwarenessError {
    fn from(error: lib0::Malformed) -> Self {
        Self::Malformed(error)
    }
}

impl fmt::Display for AwarenessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(error) => write!(f, "malformed awareness update: {error}"),
            Self::UpdateTooLarge { update_bytes, update_bytes_max } => {
                write!(f, "awareness update of {update_bytes} bytes, limit {update_bytes_max}")
            }
            Self::TooManyEntries { entries, entries_max } => {
                write!(f, "awareness update of {entries} clients, limit {entries_max}")
            }
            Self::StateTooLarge { client, state_bytes, state_bytes_max } => {
                write!(f, "awareness state of client {client} takes {state_bytes} bytes, limit {state_bytes_max}")
            }
            Self::StateInvalid { client, error } => write!(f, "awareness state of client {client}: {error}"),
            Self::TrailingBytes { trailing_bytes } => write!(f, "{trailing_bytes} bytes behind the awareness update"),
        }
    }
}

impl Error for AwarenessError {}

#[cfg(test)]
mod tests;
