//! Which documents of a shard have sessions, and how many: for whoever lists documents. Does not know what is in them.

use std::sync::Arc;

use crate::document::Document;
use crate::id::DocumentId;
use crate::slots::Slots;

/// Places for documents that are looked at for one answer: between two of them a core goes on with its sessions.
pub const ATTENDED_PLACES_MAX: usize = 4_096;

/// Which documents it is about.
#[derive(Clone, Debug)]
pub enum Attended {
    /// These.
    Of(Arc<[DocumentId]>),
    /// Those at the next [`ATTENDED_PLACES_MAX`] places, from this one on.
    From(u32),
}

/// How many sessions documents have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attendance {
    /// In the order in which they were named. 0 where a document is not open here.
    Of(Vec<usize>),
    /// Those that have any, in no order.
    From {
        /// Names, and how many sessions.
        documents: Vec<(Arc<str>, usize)>,
        /// Where to go on, as long as there are more places.
        next: Option<u32>,
    },
}

pub(crate) fn of(
    wanted: &[DocumentId],
    documents: &Slots<Document>,
    slot: impl Fn(DocumentId) -> Option<u32>,
) -> Attendance {
    Attendance::Of(wanted.iter().map(|&id| slot(id).map_or(0, |slot| documents[slot].sessions_len())).collect())
}

pub(crate) fn from(place: u32, documents: &Slots<Document>) -> Attendance {
    let (found, next) = documents.some_from(place, ATTENDED_PLACES_MAX);
    let attended = found.map(|document| (Arc::clone(&document.name), document.sessions_len()));
    Attendance::From { documents: attended.filter(|&(_, sessions)| sessions > 0).collect(), next }
}
