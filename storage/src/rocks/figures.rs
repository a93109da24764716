//! What RocksDB says of itself, for people who watch it. Read without touching a document, and without waiting for a write. Decides nothing.

use std::fs;
use std::path::Path;

use rocksdb::statistics::Ticker;
use rocksdb::{ColumnFamily, DB, DEFAULT_COLUMN_FAMILY_NAME, Options, properties};

use super::database::{LOG, META, NAMES, SNAPSHOT, VERSION, VERSION_PART};

/// Levels of files that a column family has (RocksDB: `num_levels`).
pub const LEVELS: usize = 7;

/// How the store is at this moment, and what it has done since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// The op log, the snapshots and what is known of each document, in this order.
    pub families: [FamilyFigures; 3],
    /// Bytes of write-ahead logs.
    pub write_ahead_log_bytes: u64,
    /// Bytes of file blocks in the cache, indexes and filters included.
    pub block_cache_bytes: u64,
    /// Memory of open files beside the cache.
    pub table_readers_bytes: u64,
    /// Sorting out that runs.
    pub compactions_running: u64,
    /// Memory that is being written to files.
    pub flushes_running: u64,
    /// No write is taken until files are sorted out.
    pub writes_stopped: bool,
    /// Writes are slowed down to so many bytes a second; 0: they are not.
    pub delayed_bytes_per_second: u64,
    /// Sorting out and flushing that failed, since the database was opened.
    pub background_errors: u64,
    /// The same, for all that follows: bytes read to sort files out.
    pub compaction_read_bytes: u64,
    /// Bytes written by it.
    pub compaction_written_bytes: u64,
    /// Bytes of memory written to files.
    pub flushed_bytes: u64,
    /// Blocks found in the cache.
    pub block_cache_hits: u64,
    /// Blocks that had to be read.
    pub block_cache_misses: u64,
}

/// The same of one column family.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FamilyFigures {
    /// What it is called.
    pub name: &'static str,
    /// Bytes of its files.
    pub files_bytes: u64,
    /// Bytes in them that are not replaced by others, about.
    pub live_bytes: u64,
    /// Keys, about.
    pub keys: u64,
    /// Bytes of what is only in memory and in write-ahead logs.
    pub memtables_bytes: u64,
    /// Bytes that have to be sorted out, about.
    pub compaction_pending_bytes: u64,
    /// Files by level.
    pub files: [u64; LEVELS],
}

/// `options` are those that the database was opened with.
pub(super) fn figures(db: &DB, options: &Options, path: &Path) -> Figures {
    let families = [LOG, SNAPSHOT, META];
    let family = |name| db.cf_handle(name).expect("the database was opened with all column families");
    // The same for all of them.
    let whole = |property| db.property_int_value(property).ok().flatten().unwrap_or(0);
    let ticker = |ticker| options.get_ticker_count(ticker);
    let all = families.into_iter().chain([DEFAULT_COLUMN_FAMILY_NAME]);
    Figures {
        families: families.map(|name| of_family(db, family(name), name)),
        write_ahead_log_bytes: write_ahead_log_bytes(path),
        block_cache_bytes: whole(properties::BLOCK_CACHE_USAGE),
        table_readers_bytes: all.map(|name| int(db, family(name), properties::ESTIMATE_TABLE_READERS_MEM)).sum(),
        compactions_running: whole(properties::NUM_RUNNING_COMPACTIONS),
        flushes_running: whole(properties::NUM_RUNNING_FLUSHES),
        writes_stopped: whole(properties::IS_WRITE_STOPPED) > 0,
        delayed_bytes_per_second: whole(properties::ACTUAL_DELAYED_WRITE_RATE),
        background_errors: whole(properties::BACKGROUND_ERRORS),
        compaction_read_bytes: ticker(Ticker::CompactReadBytes),
        compaction_written_bytes: ticker(Ticker::CompactWriteBytes),
        flushed_bytes: ticker(Ticker::FlushWriteBytes),
        block_cache_hits: ticker(Ticker::BlockCacheHit),
        block_cache_misses: ticker(Ticker::BlockCacheMiss),
    }
}

/// Bytes that wait to be written to table files, of all column families.
pub(super) fn unsorted_bytes(db: &DB) -> u64 {
    let families = [DEFAULT_COLUMN_FAMILY_NAME, LOG, SNAPSHOT, META, NAMES, VERSION, VERSION_PART];
    let there = families.into_iter().filter_map(|name| db.cf_handle(name));
    there.map(|family| int(db, family, properties::CUR_SIZE_ALL_MEM_TABLES)).sum()
}

fn of_family(db: &DB, family: &ColumnFamily, name: &'static str) -> FamilyFigures {
    let mut files = [0; LEVELS];
    for (level, files) in files.iter_mut().enumerate() {
        let value = db.property_value_cf(family, properties::num_files_at_level(level)).ok().flatten();
        *files = value.and_then(|value| value.parse().ok()).unwrap_or(0);
    }
    FamilyFigures {
        name,
        files_bytes: int(db, family, properties::TOTAL_SST_FILES_SIZE),
        live_bytes: int(db, family, properties::ESTIMATE_LIVE_DATA_SIZE),
        keys: int(db, family, properties::ESTIMATE_NUM_KEYS),
        memtables_bytes: int(db, family, properties::SIZE_ALL_MEM_TABLES),
        compaction_pending_bytes: int(db, family, properties::ESTIMATE_PENDING_COMPACTION_BYTES),
        files,
    }
}

/// A figure that RocksDB does not know counts as nothing.
fn int(db: &DB, family: &ColumnFamily, property: &rocksdb::properties::PropName) -> u64 {
    db.property_int_value_cf(family, property).ok().flatten().unwrap_or(0)
}

/// RocksDB has no figure for it: they are the files that end in `.log`.
fn write_ahead_log_bytes(path: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(path) else { return 0 };
    let logs = entries.flatten().filter(|entry| entry.path().extension().is_some_and(|extension| extension == "log"));
    logs.filter_map(|entry| entry.metadata().ok()).map(|metadata| metadata.len()).sum()
}
