//! The disk: how writing goes, and what RocksDB says of itself.

use std::fmt;

use selvedge_storage::Figures;

use super::Seen;
use super::page::{In, Page};

pub(super) fn put(seen: &Seen, page: &mut Page<'_>) -> fmt::Result {
    writing(seen, page)?;
    let family = (
        "storage_open",
        In::Count,
        "1 while the store can be read; 0 where it could not be opened again after a failed write.",
    );
    page.gauge(family, u64::from(seen.store.is_some()))?;
    // Of a store that is not open nothing is said.
    seen.store.as_ref().map_or(Ok(()), |figures| store(figures, page))
}

fn writing(seen: &Seen, page: &mut Page<'_>) -> fmt::Result {
    let writing = &seen.context.writing;
    let family =
        ("storage_writable", In::Count, "1 while writes work; 0 after one that failed, until one works again.");
    page.gauge(family, u64::from(writing.is_writable()))?;
    page.counter(("commits", In::Count, "Batches of records written."), writing.batches())?;
    let family =
        ("committed_records", In::Count, "Records written. One that is written again after a failure counts again.");
    page.counter(family, writing.records())?;
    page.counter(("committed", In::Bytes, "Bytes of the updates written."), writing.bytes())?;
    let family = ("storage_failures", In::Count, "Writes, syncs and recoveries that failed.");
    page.counter(family, writing.failures())?;
    let family = ("uncommitted_records", In::Count, "Records now that are handed to the persister and not durable.");
    page.gauge(family, writing.queued_records())?;
    let family = (
        "storage_stalls",
        In::Count,
        "Times that RocksDB took no write for the moment, and it was tried again after 10 ms.",
    );
    page.counter(family, seen.context.store.refusals())
}

fn store(figures: &Figures, page: &mut Page<'_>) -> fmt::Result {
    let families = figures.families;
    let family = ("storage_files", In::Bytes, "Bytes of table files, by column family.");
    page.gauge_by(family, "family", families.iter().map(|family| (family.name, family.files_bytes)))?;
    let family = ("storage_live", In::Bytes, "Bytes in table files that nothing has replaced, about.");
    page.gauge_by(family, "family", families.iter().map(|family| (family.name, family.live_bytes)))?;
    let family = ("storage_memtables", In::Bytes, "Bytes of what is only in memory and in the write-ahead log.");
    page.gauge_by(family, "family", families.iter().map(|family| (family.name, family.memtables_bytes)))?;
    let family = ("storage_keys", In::Count, "Keys, about: records of logs, parts of snapshots, documents.");
    page.gauge_by(family, "family", families.iter().map(|family| (family.name, family.keys)))?;
    let family = ("storage_compaction_pending", In::Bytes, "Bytes that have to be sorted out, about.");
    page.gauge_by(family, "family", families.iter().map(|family| (family.name, family.compaction_pending_bytes)))?;
    let levels: Vec<[String; 2]> = families
        .iter()
        .flat_map(|family| (0..family.files.len()).map(|level| [family.name.to_owned(), level.to_string()]))
        .collect();
    let labels: Vec<[(&str, &str); 2]> =
        levels.iter().map(|[family, level]| [("family", &**family), ("level", &**level)]).collect();
    let counts = families.iter().flat_map(|family| family.files);
    let family = ("storage_table_files", In::Count, "Table files, by column family and level.");
    page.gauges(family, labels.iter().map(|labels| &labels[..]).zip(counts))?;

    let family = ("storage_write_ahead_log", In::Bytes, "Bytes of write-ahead logs.");
    page.gauge(family, figures.write_ahead_log_bytes)?;
    page.gauge(("storage_compactions_running", In::Count, "Compactions that run now."), figures.compactions_running)?;
    page.gauge(("storage_flushes_running", In::Count, "Flushes that run now."), figures.flushes_running)?;
    let family = ("storage_writes_stopped", In::Count, "1 while RocksDB takes no writes until files are sorted out.");
    page.gauge(family, u64::from(figures.writes_stopped))?;
    let family =
        ("storage_background_errors", In::Count, "Compactions and flushes that failed, since the store was opened.");
    page.counter(family, figures.background_errors)?;
    let family = ("storage_compaction_read", In::Bytes, "Bytes read by compactions, since the store was opened.");
    page.counter(family, figures.compaction_read_bytes)?;
    let family = ("storage_compaction_written", In::Bytes, "Bytes written by compactions, since the store was opened.");
    page.counter(family, figures.compaction_written_bytes)?;
    let family = ("storage_flushed", In::Bytes, "Bytes written by flushes, since the store was opened.");
    page.counter(family, figures.flushed_bytes)?;
    let family = ("storage_block_cache_lookups", In::Count, "Blocks looked for in the block cache, by result.");
    page.counter_by(family, "result", [("hit", figures.block_cache_hits), ("miss", figures.block_cache_misses)])?;
    let family = ("storage_block_cache", In::Bytes, "Bytes in the block cache.");
    page.gauge(family, figures.block_cache_bytes)?;
    let family = ("storage_table_readers", In::Bytes, "Memory of open table files beside the block cache.");
    page.gauge(family, figures.table_readers_bytes)
}
