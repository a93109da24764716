//! A store on a real disk that goes when it is dropped.

use std::path::PathBuf;
use std::{env, fs, process};

use selvedge_storage::{RocksOptions, RocksStore};

/// A store in SELVEDGE_BENCH_DIRECTORY, or where temporary files are kept; a memory disk proves nothing.
pub(crate) struct Bench {
    /// Dropped before its directory is removed.
    store: Option<RocksStore>,
    path: PathBuf,
}

impl Bench {
    pub(crate) fn new(name: &str) -> Self {
        let directory = env::var_os("SELVEDGE_BENCH_DIRECTORY").map_or_else(env::temp_dir, PathBuf::from);
        let path = directory.join(format!("selvedge-bench-{}-{name}", process::id()));
        let store = RocksStore::open(&path, RocksOptions::default()).expect("a new directory");
        Self { store: Some(store), path }
    }

    pub(crate) fn store(&self) -> &RocksStore {
        self.store.as_ref().expect("there until the end")
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.store = None;
        fs::remove_dir_all(&self.path).expect("the directory is ours");
    }
}

/// Bytes without a pattern, so that they are stored as they are.
pub(crate) fn noise(length: usize) -> Vec<u8> {
    (0..length as u32).map(|index| (index.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}
