//! The limits of a shard. Every number a peer can drive up ends at one of these; what happens there is said where it is checked.

use selvedge_protocol::{awareness, update};

use crate::id::ShardId;

/// What a shard is told when it is made, and whenever that changes; but for which shard it is, and of how many.
#[derive(Clone, Debug)]
pub struct Config {
    /// Which shard this is.
    pub shard: ShardId,
    /// How many there are, at least 1.
    pub shards: u16,
    /// Limits on one update.
    pub update: update::Limits,
    /// A session's update of more bytes is held against its document beside the core. Not to be changed later.
    pub large_update_bytes: usize,
    /// Bytes of such updates, over all documents, that are held against them or wait for that. Those that find no room are looked at by the core.
    pub preparing_bytes_max: usize,
    /// Limits on one awareness update.
    pub awareness: awareness::Limits,
    /// Bytes of frames that may wait for one session's socket. Above, the session is behind.
    pub outbox_bytes_max: usize,
    /// Sessions of one document, on all cores together.
    pub sessions_per_document_max: u32,
    /// A document with so many sessions is hot: further ones are attached where their sockets are.
    pub hot_document_sessions: u32,
    /// Documents open at once.
    pub documents_max: u32,
    /// Bytes of one document, snapshot and log.
    pub document_bytes_max: u64,
    /// Bytes of updates of one session that wait for what they refer to.
    pub waiting_bytes_per_session_max: usize,
    /// The same for all sessions of a document.
    pub waiting_bytes_per_document_max: usize,
    /// How long an update waits for what it refers to.
    pub waiting_timeout_ms: u64,
    /// A document on a core with no time to spare sends updates not more often than this. 0: always at once.
    pub fan_out_window_max_ms: u64,
    /// A document with very many sessions sends awareness not more often than this. 0: always at once.
    pub awareness_window_max_ms: u64,
    /// How much each session of a document adds to that time, up to there.
    pub awareness_window_per_session_us: u64,
    /// Clients with an awareness state in one document.
    pub awareness_entries_max: usize,
    /// Client ids that one session may announce.
    pub awareness_entries_per_session_max: usize,
    /// Bytes of all awareness states of one document.
    pub awareness_bytes_max: usize,
    /// Updates of one document in a second. Above, those who write are paused.
    pub document_updates_per_second_max: u32,
    /// Updates of one session in a second. Above, it is paused.
    pub author_updates_per_second_max: u32,
    /// Awareness messages of one session in a second. Above, it is paused.
    pub session_awareness_per_second_max: u32,
    /// Bytes of records that are not committed, over all documents. Above, writers are paused.
    pub uncommitted_bytes_max: usize,
    /// How long a session that was behind may go without taking anything.
    pub catch_up_timeout_ms: u64,
    /// A document stays in memory this long after its last session.
    pub document_idle_ms: u64,
    /// Records after the snapshot at which a new one is taken.
    pub snapshot_records: u64,
    /// Bytes of records after the snapshot at which a new one is taken.
    pub snapshot_bytes: u64,
}

/// An owner that is asked whether it is alive, because another session announces its client id, has this long to answer.
pub(crate) const CLAIM_MS: u64 = 5_000;

/// What is gathered for one socket into one send, when several frames wait. Larger frames go by reference, alone.
pub(crate) const GATHER_BYTES_MAX: usize = 64 * 1024;

/// Updates of one document that are merged into one record at most; a turn that brings more makes several records.
pub(crate) const TURN_UPDATES_MAX: usize = 4_096;

/// Answers to one session that wait for a commit or a reader. A client that asks more often without taking the answers is not read
/// from until they are done.
pub(crate) const ANSWERS_PER_SESSION_MAX: u32 = 16;

/// Hot documents of other shards that a shard knows of. Sessions of any more go to their owners, as those of documents that are not hot.
pub(crate) const HOT_DOCUMENTS_MAX: usize = 1_024;

/// Documents that are let go in one tick: one costs about a microsecond, and the core serves nobody meanwhile. The rest goes at the next ones.
pub(crate) const EVICTIONS_PER_TICK_MAX: usize = 4_096;

/// Every session is looked at once in this time, for what it does not take.
pub(crate) const SCAN_MS: u64 = 2_000;

/// Sessions that are looked at in one go: if all have to be ended, the core is not away for longer than some milliseconds.
pub(crate) const SCAN_SESSIONS: u64 = 2_048;
