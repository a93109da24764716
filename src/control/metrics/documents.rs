//! Documents and their sessions, and what is read for them.

use std::fmt;

use super::Seen;
use super::page::{In, Page};

pub(super) fn put(seen: &Seen, page: &mut Page<'_>) -> fmt::Result {
    sessions(seen, page)?;
    documents(seen, page)?;
    reading(seen, page)
}

fn sessions(seen: &Seen, page: &mut Page<'_>) -> fmt::Result {
    let family = ("sessions", In::Count, "Sessions now: connections attached to a document, once for each of theirs.");
    page.gauge_of_cores(family, seen, |core| core.shard.sessions)?;
    let family = (
        "sessions_behind",
        In::Count,
        "Sessions now whose outboxes overflowed, and that have not begun to catch up. They have seen less than the others.",
    );
    page.gauge_of_cores(family, seen, |core| core.shard.sessions_behind)?;
    let family = ("sessions_fallen_behind", In::Count, "Times that a session fell behind.");
    page.counter_of_cores(family, seen, |core| core.shard.sessions_fallen_behind)?;
    let family = (
        "sessions_ended",
        In::Count,
        "Sessions ended by the server for what they sent, or because it is too slow for them.",
    );
    page.counter(family, seen.sum(|core| core.shard.sessions_closed))?;
    let family = ("sessions_mirrored", In::Count, "Sessions attached on another core than their document's.");
    page.counter_of_cores(family, seen, |core| core.shard.sessions_mirrored)
}

fn documents(seen: &Seen, page: &mut Page<'_>) -> fmt::Result {
    let family = ("documents", In::Count, "Documents open now.");
    page.gauge_of_cores(family, seen, |core| core.shard.documents)?;
    let family = ("document_loads", In::Count, "Documents read because somebody came to them, by result.");
    let results = [("ok", seen.sum(|core| core.shard.loads)), ("failed", seen.sum(|core| core.shard.loads_failed))];
    page.counter_by(family, "result", results)?;
    let family = ("document_evictions", In::Count, "Documents let go because nobody had them open.");
    page.counter(family, seen.sum(|core| core.shard.evictions))?;
    let family =
        ("documents_heated", In::Count, "Times that a document got so many sessions that they stay on all cores.");
    page.counter(family, seen.sum(|core| core.shard.documents_heated))
}

fn reading(seen: &Seen, page: &mut Page<'_>) -> fmt::Result {
    let family = ("catch_ups", In::Count, "Catch-ups asked for; sessions that lack the same share one.");
    page.counter(family, seen.sum(|core| core.shard.catch_ups))?;
    let family = ("snapshots", In::Count, "Snapshots taken in place of a log, by result.");
    let results =
        [("ok", seen.sum(|core| core.shard.snapshots)), ("failed", seen.sum(|core| core.shard.snapshots_failed))];
    page.counter_by(family, "result", results)?;
    let family = ("reader_jobs", In::Count, "Loads, catch-ups and snapshots now that wait for a reader.");
    page.gauge(family, seen.context.reader.waiting())?;
    let lookups = seen.context.reader.cache_lookups();
    let family = (
        "state_cache_lookups",
        In::Count,
        "Times that a catch-up or a snapshot looked for a document in the state cache, by result.",
    );
    page.counter_by(family, "result", [("hit", lookups.hits), ("miss", lookups.misses)])
}
