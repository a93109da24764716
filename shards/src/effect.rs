//! What follows from an input, for others to carry out.

use std::sync::Arc;

use crate::envelope::Envelope;
use crate::errand::Answer;
use crate::frame::Frame;
use crate::id::{DocumentId, Sequence, SessionId, ShardId};
use crate::large::Large;
use crate::reading::CatchUpFrom;

/// One thing to do. They are carried out in order.
#[derive(Debug)]
pub enum Effect {
    /// Send this. Never before the [`crate::Input::Drained`] of the one before.
    Send {
        /// To whom.
        session: SessionId,
        /// Complete WebSocket frames.
        frame: Frame,
    },
    /// End the session: it is gone here already.
    Close {
        /// Whose.
        session: SessionId,
        /// What its client is told.
        reason: CloseReason,
    },
    /// Hand in no more messages of this session, and stop reading its socket, until [`Effect::Resume`].
    Pause {
        /// Whose.
        session: SessionId,
    },
    /// Ends a pause.
    Resume {
        /// Whose.
        session: SessionId,
    },
    /// Find out whether the peer is there: a WebSocket ping, and [`crate::Input::Alive`] when the pong comes.
    Probe {
        /// Whose.
        session: SessionId,
    },
    /// A client has sent a stateless message, for whoever listens outside.
    Stateless {
        /// The document.
        document: DocumentId,
        /// Whose message.
        session: SessionId,
        /// Anything.
        payload: Box<str>,
    },
    /// Write a record, or several together or not at all; [`crate::Input::Committed`] follows for the last of them.
    Append {
        /// The document.
        document: DocumentId,
        /// Its name, for the first record.
        name: Arc<str>,
        /// Number of the record: one more than the last.
        sequence: Sequence,
        /// A canonical update.
        update: Vec<u8>,
        /// Those of the records that follow. Mostly there are none.
        more: Vec<Vec<u8>>,
    },
    /// Read a document for the first time, off this core.
    Load {
        /// The document.
        document: DocumentId,
        /// Its name, to be compared with the stored one.
        name: Arc<str>,
    },
    /// Hold a large update against what its document knows, off this core; [`crate::Input::Prepared`] follows. There are few at a time.
    Prepare {
        /// The document.
        document: DocumentId,
        /// Comes back with the answer.
        job: u64,
        /// What is to be [judged](Large::judge).
        large: Box<Large>,
    },
    /// Make what somebody lacks, off this core.
    CatchUp {
        /// The document.
        document: DocumentId,
        /// Comes back with the answer.
        job: u64,
        /// What they have.
        from: CatchUpFrom,
        /// Records after this one are left out: they are not committed yet.
        through: Sequence,
    },
    /// Compact a document, off this core.
    Snapshot {
        /// The document.
        document: DocumentId,
        /// The last record to be in it; it is committed.
        through: Sequence,
    },
    /// Take away all that is stored of a document, after everything appended so far; [`crate::Input::Deleted`] follows. No job for the
    /// document is under way, and nothing is appended to it until then. What is cached of it has to go as well.
    Delete {
        /// The document.
        document: DocumentId,
        /// Its name.
        name: Arc<str>,
        /// The first records of the document that takes its place, written together with the deletion or not at all; none where none does.
        successor: Vec<Vec<u8>>,
    },
    /// What came of an errand.
    Answer {
        /// As in [`crate::Input::Errand`].
        job: u64,
        /// What came of it.
        answer: Answer,
    },
    /// Nobody uses the document any more: what is cached of it may go.
    Evicted {
        /// The document.
        document: DocumentId,
    },
    /// Something for another shard. In order for each pair of shards.
    Envelope {
        /// Which shard.
        to: ShardId,
        /// What to send.
        envelope: Envelope,
    },
}

/// Why a session is ended. What goes over the wire for each stands in one place, where connections are closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CloseReason {
    /// The client sent an update that no document can take.
    UpdateRefused(selvedge_protocol::update::Refused),
    /// The client sent an awareness update that is malformed or over a limit.
    AwarenessRefused(selvedge_protocol::awareness::AwarenessError),
    /// The client sent a state vector that is malformed or over a limit.
    StateVectorRefused(selvedge_protocol::update::Refused),
    /// The document could not be read.
    LoadFailed(crate::reading::ReadFailed),
    /// The document would become larger than the setting allows.
    DocumentFull {
        /// The setting.
        bytes_max: u64,
    },
    /// The document has as many sessions as the setting allows.
    SessionsFull {
        /// The setting.
        sessions_max: u32,
    },
    /// The shard has as many documents open as the setting allows.
    DocumentsFull {
        /// The setting.
        documents_max: u32,
    },
    /// The client did not take its catch-up in time.
    TooSlow,
    /// The document is deleted.
    Deleted,
    /// Somebody who may has sent it away.
    Dismissed,
}
