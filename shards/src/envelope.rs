//! What crosses from core to core. One for each update and core, not for each session.

use std::sync::Arc;

use crate::effect::CloseReason;
use crate::frame::Frame;
use crate::id::{DocumentId, Sequence, SessionId};
use crate::input::{Access, Dialect};

/// Between the shard of a session's socket (its home) and the shard that owns its document.
#[derive(Clone, Debug)]
pub enum Envelope {
    /// Home to owner: a session wants the document.
    Attach {
        /// The document.
        document: DocumentId,
        /// Its name.
        name: Arc<str>,
        /// A session of the home shard.
        session: SessionId,
        /// Its rights.
        access: Access,
        /// What it speaks.
        dialect: Dialect,
    },
    /// Home to owner: the session's rights are others from here on.
    AccessChanged {
        /// The document.
        document: DocumentId,
        /// A session of the home shard.
        session: SessionId,
        /// Its rights.
        access: Access,
    },
    /// Home to owner: the session has gone.
    Detach {
        /// The document.
        document: DocumentId,
        /// A session of the home shard.
        session: SessionId,
    },
    /// Home to owner: what the session said.
    Message {
        /// The document.
        document: DocumentId,
        /// A session of the home shard.
        session: SessionId,
        /// The message, as it was on the wire.
        bytes: Vec<u8>,
        /// It calls for no SyncStep1 in return.
        reply: bool,
    },
    /// Home to owner: the session has taken everything it had, but something had to be dropped before.
    CatchUp {
        /// The document.
        document: DocumentId,
        /// A session of the home shard.
        session: SessionId,
        /// The last record that it has, where it lacks some.
        since: Option<Sequence>,
        /// Its awareness frames were dropped too.
        awareness: bool,
    },
    /// Home to owner: the peer answered a probe.
    Alive {
        /// The document.
        document: DocumentId,
        /// A session of the home shard.
        session: SessionId,
    },
    /// Owner to home: the session is attached and may be read from.
    Attached {
        /// The document.
        document: DocumentId,
        /// A session of the home shard.
        session: SessionId,
        /// The document's last record, which the session is taken to have until it asks.
        sequence: Sequence,
        /// The document's last durable record.
        committed: Sequence,
        /// What to send first; nothing, where it is empty.
        greeting: Frame,
    },
    /// Owner to all: sessions of this document stay where their sockets are, or no longer do.
    HotDocument {
        /// The document.
        document: DocumentId,
        /// It has very many.
        hot: bool,
    },
    /// Owner to home: what the session asked for is being made. It gets no records until then.
    CatchingUp {
        /// The document.
        document: DocumentId,
        /// A session of the home shard.
        session: SessionId,
    },
    /// Owner to home: end the session.
    Close {
        /// A session of the home shard.
        session: SessionId,
        /// Why.
        reason: CloseReason,
    },
    /// Owner to home: one frame for one session.
    Send {
        /// A session of the home shard.
        session: SessionId,
        /// What to send.
        frame: Frame,
    },
    /// Owner to home: read no more of this session, or read it again.
    Pause {
        /// A session of the home shard.
        session: SessionId,
        /// Stop or go on.
        paused: bool,
    },
    /// Owner to home: find out whether the peer is there.
    Probe {
        /// A session of the home shard.
        session: SessionId,
    },
    /// Owner to home: a record.
    Publish {
        /// The document.
        document: DocumentId,
        /// Its number.
        sequence: Sequence,
        /// For all sessions of the document.
        frame: Frame,
        /// Updates in it, as accepted from their authors.
        updates: u64,
        /// Sessions of the home shard that get it after its commit.
        authors: Vec<SessionId>,
        /// All others get it now, and not with the next [`Envelope::FanOut`].
        at_once: bool,
    },
    /// Owner to home: what was published is sent now.
    FanOut {
        /// The document.
        document: DocumentId,
    },
    /// Owner to home: a turn's awareness.
    Awareness {
        /// The document.
        document: DocumentId,
        /// For all sessions of the document.
        frame: Frame,
    },
    /// Owner to home: a stateless message for all sessions of the document that understand it.
    Stateless {
        /// The document.
        document: DocumentId,
        /// What to send.
        frame: Frame,
    },
    /// Owner to home: one for one session.
    StatelessTo {
        /// A session of the home shard.
        session: SessionId,
        /// What to send.
        frame: Frame,
    },
    /// Owner to home: records are durable.
    Committed {
        /// The document.
        document: DocumentId,
        /// Up to this one.
        sequence: Sequence,
    },
    /// Owner to all: the document is deleted, and what comes next belongs to another of the same name, which begins at the first record.
    Deleted {
        /// The document.
        document: DocumentId,
    },
    /// Owner to home: what the session lacked.
    CaughtUp {
        /// The document.
        document: DocumentId,
        /// A session of the home shard.
        session: SessionId,
        /// To be sent in this order.
        frames: Arc<[Frame]>,
        /// The last record that is in them.
        through: Sequence,
    },
}
