//! Memory: what the process uses, and what for.

use std::fmt;

use super::Seen;
use super::page::{In, Page};
use crate::limits::{Allocator, Stage};

pub(super) fn put(seen: &Seen, page: &mut Page<'_>) -> fmt::Result {
    let family = (
        "memory_used",
        In::Bytes,
        "Memory that the process holds, without pages that are only kept to be used again: what memory_max_bytes bounds.",
    );
    page.gauge(family, seen.context.health.memory_used_bytes())?;
    let stages = [
        ("plenty", Stage::Plenty),
        ("refuse_joins", Stage::RefuseJoins),
        ("delay_catch_ups", Stage::DelayCatchUps),
        ("close", Stage::Close),
    ];
    let now = seen.context.health.memory();
    let family = ("memory_stage", In::Count, "1 at what is done about memory now, 0 at the others.");
    page.gauge_by(family, "stage", stages.map(|(name, stage)| (name, u64::from(stage == now))))?;
    let Allocator { allocated, active, resident, metadata, retained } = Allocator::latest();
    let family = ("memory_allocator", In::Bytes, "What jemalloc says of itself, at most a second ago.");
    let kinds = [
        ("allocated", allocated),
        ("active", active),
        ("resident", resident),
        ("metadata", metadata),
        ("retained", retained),
    ];
    page.gauge_by(family, "kind", kinds)?;
    purposes(seen, page)?;
    let family = (
        "outbox",
        In::Bytes,
        "Bytes now that wait in sessions for their sockets. A frame counts once for each session, though they share it.",
    );
    page.gauge_of_cores(family, seen, |core| core.shard.outbox_bytes)
}

fn purposes(seen: &Seen, page: &mut Page<'_>) -> fmt::Result {
    let reader = &seen.context.reader;
    let figures = seen.store.unwrap_or_default();
    let memtables: u64 = figures.families.iter().map(|family| family.memtables_bytes).sum();
    let purposes = [
        ("state_cache", reader.cached_bytes() as u64),
        ("catch_ups", reader.delivered_bytes() as u64),
        ("storage_memtables", memtables),
        ("storage_block_cache", figures.block_cache_bytes),
        ("storage_table_readers", figures.table_readers_bytes),
        ("uncommitted", seen.sum(|core| core.shard.uncommitted_bytes)),
        ("unfinished", seen.sum(|core| core.connections.unfinished_bytes)),
        ("waiting", seen.sum(|core| core.shard.waiting_bytes)),
    ];
    let family = (
        "memory_purpose",
        In::Bytes,
        "Bytes by what they are for: documents' states kept by readers, catch-ups not sent yet, RocksDB, updates not durable, messages not whole, \
         updates that wait for what they refer to.",
    );
    page.gauge_by(family, "purpose", purposes)
}
