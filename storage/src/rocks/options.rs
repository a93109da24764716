//! What an operator may set of RocksDB, and what is set deliberately. Does not know the directory.

use super::database::{Access, Merging};
use rocksdb::statistics::StatsLevel;
use rocksdb::{BlockBasedOptions, Cache, DBCompressionType, DBRecoveryMode, LogLevel, Options};

/// Memory, files and threads that RocksDB may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RocksOptions {
    /// Bytes of writes kept in memory, over all column families, before they are sorted into files. A snapshot larger
    /// than this passes through memory all the same. From 1 MiB; 64 MiB unless set.
    pub memtables_bytes: usize,
    /// Bytes of the write-ahead log before the oldest writes in it are sorted into files: what an opening replays at
    /// most, beside one batch. From 1 MiB; 256 MiB unless set.
    pub write_ahead_log_bytes: u64,
    /// Bytes of file blocks cached in memory. From 1 MiB; 64 MiB unless set.
    pub block_cache_bytes: usize,
    /// Threads for flushes and compactions, together. From 1; 2 unless set.
    pub background_jobs: u16,
    /// Open table files. From 16; 1,024 unless set.
    pub open_files: u16,
}

impl Default for RocksOptions {
    fn default() -> RocksOptions {
        RocksOptions {
            memtables_bytes: 64 << 20,
            write_ahead_log_bytes: 256 << 20,
            block_cache_bytes: 64 << 20,
            background_jobs: 2,
            open_files: 1024,
        }
    }
}

/// The size of RocksDB's own diary before it begins a new one, and how many it keeps.
const DIARY_BYTES: usize = 1 << 20;
const DIARIES: usize = 4;
/// The size of the manifest before a new one is begun.
const MANIFEST_BYTES: usize = 16 << 20;

impl RocksOptions {
    /// Settings of the whole database.
    pub(super) fn database(&self, access: Access) -> Options {
        let mut options = Options::default();
        options.create_if_missing(access == Access::Create);
        options.create_missing_column_families(matches!(access, Access::Create | Access::Upgrade));

        // After power loss the log ends somewhere in what was not synced, perhaps with a hole before its end, because the
        // kernel writes pages in any order. Replaying stops there: everything acknowledged lies before it. The stricter
        // modes would refuse to open, the laxer one would skip records.
        options.set_wal_recovery_mode(DBRecoveryMode::PointInTime);
        // Notices a log file that is missing or shorter than it was when it was synced and closed.
        options.set_track_and_verify_wals_in_manifest(true);
        // A reused log file could show old records behind the end of the new ones.
        options.set_recycle_log_file_num(0);
        // Every write reaches the kernel before it returns: it survives the death of the process.
        options.set_manual_wal_flush(false);
        options.set_paranoid_checks(true);

        // Counts only: times would cost a look at the clock for each read and write.
        options.enable_statistics();
        options.set_statistics_level(StatsLevel::ExceptHistogramOrTimers);

        options.set_max_total_wal_size(self.write_ahead_log_bytes.max(1 << 20));
        options.set_db_write_buffer_size(self.memtables_bytes.max(1 << 20));
        options.set_max_background_jobs(i32::from(self.background_jobs.max(1)));
        options.set_max_open_files(i32::from(self.open_files.max(16)));
        options.set_max_manifest_file_size(MANIFEST_BYTES);
        options.set_log_level(LogLevel::Warn);
        options.set_max_log_file_size(DIARY_BYTES);
        options.set_keep_log_file_num(DIARIES);
        options
    }

    /// Settings of one column family. The cache is shared by all.
    pub(super) fn column_family(&self, cache: &Cache, lookups_often_miss: bool, merging: Merging) -> Options {
        let mut blocks = BlockBasedOptions::default();
        blocks.set_block_cache(cache);
        // Indexes and filters count against the cache, or many files would use memory without a bound.
        blocks.set_cache_index_and_filter_blocks(true);
        blocks.set_pin_l0_filter_and_index_blocks_in_cache(true);
        if lookups_often_miss {
            blocks.set_bloom_filter(10.0, false);
        }
        let mut options = Options::default();
        options.set_block_based_table_factory(&blocks);
        options.set_compression_type(DBCompressionType::Lz4);
        // Two of the column families take many bytes all the time; each gets half.
        options.set_write_buffer_size(self.memtables_bytes.max(1 << 20) / 2);
        options.set_max_write_buffer_number(3);
        // Nor are writes refused then because too many files wait to be merged.
        options.set_disable_auto_compactions(merging == Merging::Never);
        options
    }

    pub(super) fn cache(&self) -> Cache {
        Cache::new_lru_cache(self.block_cache_bytes.max(1 << 20))
    }
}
