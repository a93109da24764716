//! What a shard counts. Plain numbers that only grow, unless they say otherwise; whoever runs the shard reads them.

/// Counters of one shard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Updates that were new.
    pub updates_accepted: u64,
    /// Updates of which all was known.
    pub updates_duplicate: u64,
    /// Updates that no document can take.
    pub updates_refused: u64,
    /// Updates that would have made their document larger than the setting allows.
    pub updates_too_large: u64,
    /// Updates that a session had no right to.
    pub updates_denied: u64,
    /// Updates that came while nothing could be written.
    pub updates_stalled: u64,
    /// Updates that had to wait for what they refer to.
    pub updates_waited: u64,
    /// Updates of which a part was taken while the rest had to wait.
    pub updates_divided: u64,
    /// Updates that waited in vain, or found no room to wait.
    pub updates_dropped: u64,
    /// Records appended.
    pub records: u64,
    /// Bytes of records appended.
    pub record_bytes: u64,
    /// Times that a document with several sessions sent what it had gathered to them.
    pub fan_outs: u64,
    /// Updates that were in them; with `fan_outs`, how many share a frame.
    pub fan_out_updates: u64,
    /// Fan-outs that had waited for the end of a window.
    pub fan_outs_delayed: u64,
    /// The window that was in force at each fan-out, in milliseconds, summed up.
    pub fan_out_window_ms: u64,
    /// The widest window in force at a fan-out, in milliseconds.
    pub fan_out_window_widest_ms: u64,
    /// Awareness updates of clients.
    pub awareness_received: u64,
    /// States announced for which there was no room, be it for the client id or for the bytes.
    pub awareness_ignored: u64,
    /// Times that a session was paused because it sent too much awareness.
    pub awareness_paused: u64,
    /// Awareness frames made for all sessions of a document.
    pub awareness_published: u64,
    /// Those that had waited for the end of a window.
    pub awareness_delayed: u64,
    /// The window that followed each, in milliseconds, summed up.
    pub awareness_window_ms: u64,
    /// The window that followed the last one, in milliseconds.
    pub awareness_window_last_ms: u64,
    /// The widest window that followed one, in milliseconds.
    pub awareness_window_widest_ms: u64,
    /// Acknowledgements sent to sessions that count them.
    pub acknowledgements: u64,
    /// Stateless messages of clients.
    pub stateless_received: u64,
    /// Stateless messages of the server's, for each session that got one.
    pub stateless_sent: u64,
    /// Stateless messages for which a session had no room.
    pub stateless_dropped: u64,
    /// Documents read.
    pub loads: u64,
    /// Documents that could not be read.
    pub loads_failed: u64,
    /// Documents let go.
    pub evictions: u64,
    /// Documents deleted.
    pub documents_deleted: u64,
    /// Catch-ups asked for.
    pub catch_ups: u64,
    /// Snapshots taken.
    pub snapshots: u64,
    /// Snapshots that failed.
    pub snapshots_failed: u64,
    /// Times that a writer was paused because too much was not committed.
    pub writers_paused: u64,
    /// Times that an author was paused because it sent too many updates.
    pub authors_paused: u64,
    /// Times that an author was paused because its document got too many updates.
    pub document_authors_paused: u64,
    /// Sessions attached here to documents of other shards.
    pub sessions_mirrored: u64,
    /// Times that a document of this shard became hot.
    pub documents_heated: u64,
    /// Sessions refused because their document has as many as it may.
    pub sessions_refused: u64,
    /// Sessions and errands refused because as many documents are open as may be.
    pub documents_refused: u64,
    /// Sessions ended because they did not take their catch-up in time.
    pub sessions_too_slow: u64,
    /// Sessions ended by the shard.
    pub sessions_closed: u64,
    /// The load of the core now, in thousandths.
    pub load_permille: u64,
    /// The window that was in force at the last fan-out, in milliseconds.
    pub fan_out_window_last_ms: u64,
    /// Sessions now.
    pub sessions: u64,
    /// Documents open now.
    pub documents: u64,
    /// Bytes now that are accepted and not committed.
    pub uncommitted_bytes: u64,
    /// Bytes now that wait in sessions for their sockets. A frame counts once for each session, though they share it.
    pub outbox_bytes: u64,
    /// Sessions now that were given less than the others, because their outboxes overflowed, and have not begun to catch up.
    pub sessions_behind: u64,
    /// Times that a session fell behind.
    pub sessions_fallen_behind: u64,
    /// Frames with updates given to sessions: one for each frame and session. Those of catch-ups do not count.
    pub deliveries: u64,
    /// Updates that were in them, as accepted from their authors.
    pub updates_delivered: u64,
    /// Bytes of updates that wait for what they refer to, at the last tick.
    pub waiting_bytes: u64,
}
