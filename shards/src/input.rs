//! What a shard is told.

use std::sync::Arc;

use selvedge_protocol::sync::Message;

use crate::attendance::Attended;
use crate::config::Config;
use crate::envelope::Envelope;
use crate::errand::{Errand, Unstored};
use crate::id::{DocumentId, Sequence, SessionId, SessionRef, ShardId};
use crate::large::Judged;
use crate::reading::{CaughtUp, Loaded, ReadFailed};
use crate::window::Load;

/// What a session may do with its document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Read, and take part in awareness.
    ReadOnly,
    /// Read and write.
    ReadWrite,
}

/// What a session speaks, which decides what it is told beyond what all are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// Is sent SyncStep1 at the beginning, sees its own updates as saved when they come back, and is told in words what is refused.
    YWebsocket,
    /// Is sent SyncStep1 in answer to its own, and counts SyncStatus. What it is sent has no address in front: that belongs to its connection.
    Hocuspocus,
}

/// Whom something is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// Every session of the document that understands it, on all cores.
    All,
    /// One session. Nobody, if it is gone or does not understand it.
    One(SessionRef),
}

/// One thing that happened. Effects are drained before the next is handed in.
#[derive(Debug)]
pub enum Input<'a> {
    /// A connection asks for a document. The document may be of another shard: then the session is remote.
    Attached {
        /// Not in use.
        session: SessionId,
        /// A checked name.
        name: Arc<str>,
        /// Its rights, until [`Input::AccessChanged`].
        access: Access,
        /// What it speaks.
        dialect: Dialect,
    },
    /// A session's rights are others from here on. One that may write now is asked for what was refused.
    AccessChanged {
        /// One that is gone already is ignored.
        session: SessionId,
        /// Its rights.
        access: Access,
    },
    /// A session's message. Never from a paused session: what was received before the pause waits at the connection.
    Message {
        /// Who sent it. A session that is gone already is ignored.
        session: SessionId,
        /// Its bytes are only borrowed.
        message: Message<'a>,
    },
    /// A session's message that calls for no SyncStep1 in return. As [`Input::Message`] in everything else.
    Reply {
        /// Who sent it.
        session: SessionId,
        /// Its bytes are only borrowed.
        message: Message<'a>,
    },
    /// A session's stateless message, to be carried outward. It has the right to send one.
    StatelessCame {
        /// Who sent it. A session that is gone already is ignored.
        session: SessionId,
        /// Anything.
        payload: &'a str,
    },
    /// A stateless message of the server's. For a document of this shard; where nobody has it open, nobody is told.
    Stateless {
        /// The document.
        document: DocumentId,
        /// Whom it is for.
        to: Audience,
        /// Anything, not longer than a message may be.
        payload: &'a str,
    },
    /// Somebody who is no session wants something of a document. [`crate::Effect::Answer`] follows, at once or later.
    Errand {
        /// Comes back with the answer.
        job: u64,
        /// The document.
        document: DocumentId,
        /// Its checked name.
        name: Arc<str>,
        /// What is wanted.
        errand: Errand,
    },
    /// Somebody wants to know which documents of this shard are open and have nothing stored. [`crate::Effect::Answer`] follows at once.
    Unstored {
        /// Comes back with the answer.
        job: u64,
        /// Which.
        wanted: Unstored,
    },
    /// Somebody wants to know which documents of this shard have sessions. [`crate::Effect::Answer`] follows at once.
    Attended {
        /// Comes back with the answer.
        job: u64,
        /// Which.
        wanted: Attended,
    },
    /// Answer to [`crate::Effect::Delete`]: nothing of the document is stored any more, and that is durable. Also ends a stall.
    Deleted {
        /// The document.
        document: DocumentId,
    },
    /// A connection has ended, or leaves the document.
    Detached {
        /// One that is gone already is ignored.
        session: SessionId,
    },
    /// All that was sent to the session is in the kernel's hands: one for each [`crate::Effect::Send`].
    Drained {
        /// One that is gone already is ignored.
        session: SessionId,
    },
    /// A pong came for [`crate::Effect::Probe`], or any other sign that the peer was alive after it.
    Alive {
        /// One that is gone already is ignored.
        session: SessionId,
    },
    /// Answer to [`crate::Effect::Load`].
    Loaded {
        /// The document that was asked for.
        document: DocumentId,
        /// What is stored, or why it cannot be read.
        result: Result<Box<Loaded>, ReadFailed>,
    },
    /// Answer to [`crate::Effect::Prepare`].
    Prepared {
        /// The document.
        document: DocumentId,
        /// As in the effect.
        job: u64,
        /// What comes of it.
        judged: Box<Judged>,
    },
    /// Answer to [`crate::Effect::CatchUp`].
    CaughtUp {
        /// The document that was asked for.
        document: DocumentId,
        /// As in the effect.
        job: u64,
        /// Frames to send, or why there are none.
        result: Result<CaughtUp, ReadFailed>,
    },
    /// Answer to [`crate::Effect::Snapshot`].
    SnapshotTaken {
        /// The document.
        document: DocumentId,
        /// The sequence the snapshot reaches to, and the bytes it has; or why there is none.
        result: Result<(Sequence, u64), ReadFailed>,
    },
    /// Records up to this one are durable, in the sense of the `fsync` setting. Also ends a stall.
    Committed {
        /// The document.
        document: DocumentId,
        /// The last of its records that is.
        sequence: Sequence,
    },
    /// Writing fails. What was to be appended is kept by the persister and tried again; commits for it still come.
    CommitFailed {
        /// For the clients: what is wrong, in a few words.
        reason: Arc<str>,
    },
    /// Something that another shard sent.
    Envelope {
        /// Which shard.
        from: ShardId,
        /// What it sent.
        envelope: Envelope,
    },
    /// Limits are others from here on. What was taken before stays taken: what is over a limit now finds it reached the next time.
    Configured {
        /// Of the same shard among as many.
        config: Box<Config>,
    },
    /// The loop has handed in everything that has arrived: what was gathered is merged, numbered and sent, or waits for the end of its
    /// document's window. Wanted once more when [`crate::Shard::next_due`] has come.
    TurnEnded {
        /// What the core had to do of late: the busier, the longer documents gather.
        load: Load,
    },
    /// Time has passed. Wanted every [`crate::TICK_MS`] or so.
    Tick,
}
