//! What somebody who is no session wants of a document, and what came of it: the way of the control plane. Does not know who asks.

use std::sync::Arc;

use selvedge_protocol::update::Refused;

use crate::attendance::Attendance;
use crate::id::{DeletionCount, Sequence, SessionId, SessionRef};
use crate::input::{Access, Dialect};
use crate::prepared::{Base, Prepared};
use crate::reading::ReadFailed;

/// Sessions of one core that an inspection shows at most. Of more, it says how many there are.
pub const INSPECTED_SESSIONS_MAX: usize = 1_000;

/// Bytes of awareness states that an inspection shows at most.
pub const INSPECTED_STATE_BYTES_MAX: usize = 1 << 20;

/// What is wanted of a document. All but the last two are for the shard that owns it.
#[derive(Clone, Debug)]
pub enum Errand {
    /// Say what the document knows, so that updates can be [prepared](Prepared) for it. Answered at once, or when it is read.
    Base,
    /// Put updates in, as an author who is no session: all of them or none. Answered when they are durable.
    Edit {
        /// What is to be put in.
        updates: Updates,
        /// Where the document has to stand.
        expected: Expected,
    },
    /// Make an empty document where there is none: its first record says nothing. Answered when it is durable.
    Create {
        /// Where the document has to stand.
        expected: Expected,
    },
    /// End all sessions and take away everything that is stored. Answered when that is durable.
    Delete {
        /// Something was stored, as far as whoever asks has seen.
        stored: bool,
        /// Where the document has to stand.
        expected: Expected,
    },
    /// A deletion, and in the same moment another document of this name: nobody finds neither of them, and nobody comes between. Where nothing
    /// is stored it is an edit. Answered when it is durable.
    Replace {
        /// As in [`Errand::Edit`]: all of the new document. What is prepared must be so for no document.
        updates: Updates,
        /// As in [`Errand::Delete`].
        stored: bool,
    },
    /// Tell every session something that is in no document.
    Tell {
        /// Anything, not longer than a message may be.
        payload: Box<str>,
    },
    /// Show what is known of it on this core.
    Inspect,
    /// End one session of this core.
    Dismiss {
        /// Which.
        session: SessionId,
    },
}

/// What is to be put in. None refers to a later one, and there is at least one.
#[derive(Clone, Debug)]
pub enum Updates {
    /// Each as a client would send it. They are held against the document in the turn in which they come, so there had better be few bytes.
    Raw(Vec<Vec<u8>>),
    /// They were held against it before.
    Prepared(Box<Prepared>),
}

/// Where a document has to stand for what is wanted of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Anywhere; it need not be there.
    Any,
    /// Nothing is stored of it, and nothing is on its way there.
    Nothing,
    /// It is the one that was there when this was counted, however far it has come.
    Same(DeletionCount),
    /// It is that one, the last record is this one, and nothing has come since.
    Exactly(DeletionCount, Sequence),
}

/// Names of documents that are open and have nothing stored.
#[derive(Clone, Debug)]
pub struct Unstored {
    /// What they begin with.
    pub prefix: Box<str>,
    /// Only those behind this one.
    pub after: Option<Box<str>>,
    /// So many at most.
    pub limit: usize,
}

/// What came of an errand.
#[derive(Clone, Debug)]
pub enum Answer {
    /// This is known.
    Base(Box<Base>),
    /// It is in the document, and durable.
    Edited {
        /// The last record of it; of what was known before, the last at all.
        sequence: Sequence,
        /// Something of it was not known before.
        is_new: bool,
        /// If the document was [deleted](Inspection::deleted) later, it is another one.
        deletions: DeletionCount,
    },
    /// The document is there, and durable.
    Created {
        /// The last record of it.
        sequence: Sequence,
        /// It was not there before.
        is_new: bool,
    },
    /// Nothing of the document is left. Says whether there was anything.
    Deleted(bool),
    /// The new document is there, and durable.
    Replaced {
        /// The last record of it.
        sequence: Sequence,
        /// There was another one.
        was_there: bool,
    },
    /// The sessions were told. Says whether the document was open.
    Told(bool),
    /// What is known here.
    Inspected(Box<Inspection>),
    /// Says whether the session was there.
    Dismissed(bool),
    /// In order.
    Unstored(Vec<Arc<str>>),
    /// How many sessions documents have.
    Attended(Attendance),
    /// Nothing was done.
    Failed(ErrandFailed),
}

/// Why an errand came to nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ErrandFailed {
    /// The update is none that a document can take.
    Refused(Refused),
    /// The update refers to something that the document does not have.
    Lacks {
        /// Whose struct.
        client: u64,
        /// Which.
        clock: u32,
    },
    /// The document has moved on, or is another one.
    Changed {
        /// Its last record, or the next where something has come that is none yet.
        sequence: Sequence,
    },
    /// What was prepared was so for a document that has gone on, or is another one by now: to be prepared again.
    Outdated,
    /// The document would become larger than the setting allows.
    DocumentFull {
        /// The setting.
        bytes_max: u64,
    },
    /// The shard has as many documents open as the setting allows.
    DocumentsFull {
        /// The setting.
        documents_max: u32,
    },
    /// More waits for the disk than may.
    Congested,
    /// Nothing can be written at present.
    Stalled(Arc<str>),
    /// The document cannot be read.
    Unreadable(ReadFailed),
}

/// What one core knows of a document.
#[derive(Clone, Debug, Default)]
pub struct Inspection {
    /// On the core that owns it, while it is open.
    pub standing: Option<Standing>,
    /// Sessions whose sockets are here, [`INSPECTED_SESSIONS_MAX`] at most.
    pub sessions: Vec<InspectedSession>,
    /// All of them.
    pub sessions_in_all: usize,
    /// On the core that owns it: who announced which awareness state, [`INSPECTED_STATE_BYTES_MAX`] at most.
    pub states: Vec<InspectedState>,
    /// On the core that owns it: as long as the document is not deleted from here on, it is the [same](Expected::Same).
    pub deletions: DeletionCount,
    /// On the core that owns it: its last deletion; where that is too far back, perhaps a later one of another document.
    pub deleted: DeletionCount,
}

/// Where an open document stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The last record.
    pub sequence: Sequence,
    /// The last that is durable.
    pub committed: Sequence,
    /// Bytes of snapshot and log.
    pub bytes: u64,
    /// Sessions on all cores.
    pub sessions: usize,
}

/// One session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InspectedSession {
    /// Which.
    pub session: SessionId,
    /// Its rights.
    pub access: Access,
    /// What it speaks.
    pub dialect: Dialect,
    /// For how long it has been there.
    pub age_s: u32,
}

/// One client's awareness state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InspectedState {
    /// Who announced it.
    pub session: SessionRef,
    /// The client's id.
    pub client: u64,
    /// JSON.
    pub json: Box<str>,
}
