//! Limits: what they are, and how often somebody met them.

use std::fmt;

use super::Seen;
use super::page::{In, Page};

pub(super) fn put(seen: &Seen, page: &mut Page<'_>) -> fmt::Result {
    met(seen, page)?;
    set(seen, page)
}

fn met(seen: &Seen, page: &mut Page<'_>) -> fmt::Result {
    let counts = [
        ("connection_rate", seen.sum(|core| core.limits.rate_holds)),
        ("message_timeout", seen.sum(|core| core.limits.messages_overdue)),
        ("message_bytes", seen.sum(|core| core.limits.messages_too_big)),
        ("unfinished_bytes", seen.sum(|core| core.limits.unfinished_closed)),
        ("document_bytes", seen.sum(|core| core.shard.updates_too_large)),
        ("document_sessions", seen.sum(|core| core.shard.sessions_refused)),
        ("core_documents", seen.sum(|core| core.shard.documents_refused)),
        ("catch_up_timeout", seen.sum(|core| core.shard.sessions_too_slow)),
        ("uncommitted_bytes", seen.sum(|core| core.shard.writers_paused)),
        ("author_updates", seen.sum(|core| core.shard.authors_paused)),
        ("document_updates", seen.sum(|core| core.shard.document_authors_paused)),
        ("session_awareness", seen.sum(|core| core.shard.awareness_paused)),
        ("user_displaced", seen.sum(|core| core.limits.users_displaced)),
        ("memory_catch_ups", seen.sum(|core| core.limits.memory_catch_ups_postponed)),
        ("memory_closed", seen.sum(|core| core.limits.memory_closed)),
    ];
    let family = (
        "limits_met",
        In::Count,
        "Times that a connection, a session, an update or a user met a limit and was held back, refused or closed. Connections not let in count as refused.",
    );
    page.counter_by(family, "limit", counts)?;
    let family = (
        "logins_failed",
        In::Count,
        "Logins that failed with what can never have been good, on the port of clients and on the control plane.",
    );
    page.counter(family, seen.sum(|core| core.limits.logins_failed) + seen.context.bans.logins_failed())?;
    let family = ("bans", In::Count, "Bans of addresses that began, wherever the logins failed.");
    page.counter(family, seen.sum(|core| core.limits.bans) + seen.context.bans.begun())?;
    let family = (
        "refusals_unheard",
        In::Count,
        "Refused connections closed without an answer, because many were being answered already.",
    );
    page.counter(family, seen.sum(|core| core.limits.refused_unheard))
}

/// Those of the settings that figures elsewhere are compared with. 0: no limit.
fn set(seen: &Seen, page: &mut Page<'_>) -> fmt::Result {
    let settings = seen.settings();
    let family = (
        "limit_connections",
        In::Count,
        "Connections of the process (connections_max, or fewer where the limit of open files does not allow as many).",
    );
    page.gauge(family, settings.connections_max.min(seen.context.connections_room))?;
    let family = ("limit_documents_per_core", In::Count, "Documents open on one core (documents_per_shard_max).");
    page.gauge(family, settings.documents_per_shard_max)?;
    let family = ("limit_sessions_per_document", In::Count, "Sessions of one document (sessions_per_document_max).");
    page.gauge(family, settings.sessions_per_document_max)?;
    let family = ("limit_memory", In::Bytes, "Memory of the process (memory_max_bytes); 0: as much as there is.");
    page.gauge(family, settings.memory_max_bytes)?;
    let family = ("limit_outbox", In::Bytes, "What waits for one session (outbox_bytes_max).");
    page.gauge(family, settings.outbox_bytes_max)?;
    let family = ("limit_document", In::Bytes, "One document (document_bytes_max).");
    page.gauge(family, settings.document_bytes_max)?;
    let family =
        ("limit_uncommitted", In::Bytes, "What is accepted and not durable, for each core (uncommitted_bytes_max).");
    page.gauge(family, settings.uncommitted_bytes_max)?;
    let family = ("limit_unfinished", In::Bytes, "Messages that are not whole, for each core (unfinished_bytes_max).");
    page.gauge(family, settings.unfinished_bytes_max)?;
    let family = ("limit_state_cache", In::Bytes, "Documents' states kept by the readers (state_cache_bytes).");
    page.gauge(family, settings.state_cache_bytes)?;
    let family = ("limit_storage_memory", In::Bytes, "What RocksDB keeps in memory (storage_memory_bytes).");
    page.gauge(family, settings.storage_memory_bytes)
}
