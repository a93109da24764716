//! Directories, documents and updates for the tests.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{self, Command},
    sync::atomic::{AtomicU64, Ordering},
};

use selvedge_storage::{Append, DocumentKey, Durability, RocksOptions, RocksStore, Store, StoreError};

/// A directory that is removed in the end.
pub(crate) struct Scratch {
    path: PathBuf,
}

impl Scratch {
    pub(crate) fn new() -> Scratch {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = env::temp_dir().join(format!("selvedge-storage-{}-{number}", process::id()));
        fs::create_dir(&path).expect("the name is new");
        Scratch { path }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Where a test keeps its store: not there yet.
    pub(crate) fn store(&self) -> PathBuf {
        self.path.join("store")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Not during unwinding: then the files may tell why.
        if !std::thread::panicking() {
            fs::remove_dir_all(&self.path).expect("the directory is ours");
        }
    }
}

/// A file system mounted for a test, unmounted in the end.
pub(crate) struct Mount {
    path: PathBuf,
}

impl Mount {
    /// Mounts with these arguments of mount(8); why not, where that does not work.
    pub(crate) fn new(path: &Path, arguments: &[&str]) -> Result<Mount, String> {
        fs::create_dir_all(path).expect("the directory is ours");
        run(Command::new("mount").args(arguments).arg(path))?;
        Ok(Mount { path: path.to_owned() })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let unmounted = run(Command::new("umount").arg(&self.path));
        if !std::thread::panicking() {
            unmounted.expect("nothing uses the file system any more");
        }
    }
}

/// Runs a command to its end; what it said, where it failed.
pub(crate) fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr).trim()))
}

/// Says that a test proves nothing here, so that nobody believes that it did.
pub(crate) fn skip(test: &str, why: &str) {
    eprintln!("SKIPPED {test}: {why}");
}

/// How many rounds a crash test runs: more by SELVEDGE_CRASH_ROUNDS.
pub(crate) fn crash_rounds(usual: u64) -> u64 {
    env::var("SELVEDGE_CRASH_ROUNDS").map_or(usual, |rounds| rounds.parse().expect("SELVEDGE_CRASH_ROUNDS is a number"))
}

/// The seed of a test: SELVEDGE_SEED, or one of this run's. Printed, so that a failure can be replayed.
pub(crate) fn seed() -> u64 {
    let seed = env::var("SELVEDGE_SEED").map_or_else(
        |_| u64::from(process::id()) ^ std::time::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_secs()),
        |seed| seed.parse().expect("SELVEDGE_SEED is a number"),
    );
    println!("SELVEDGE_SEED={seed}");
    seed
}

/// Marsaglia's xorshift.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Random {
        Random(seed | 1)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

/// The n-th document of a test. Their keys lie side by side.
pub(crate) fn document(number: u8) -> DocumentKey {
    let mut key = [0xff; 16];
    key[15] = number;
    DocumentKey(key)
}

pub(crate) fn name(document: DocumentKey) -> String {
    format!("document {document}")
}

/// The update that a test writes under a sequence: another one for each, of many lengths.
pub(crate) fn update(document: DocumentKey, sequence: u64) -> Vec<u8> {
    let length = usize::try_from(sequence % 97).expect("small");
    let mut bytes = [&document.0[..], &sequence.to_le_bytes()].concat();
    bytes.resize(bytes.len() + length, u8::try_from(sequence % 251).expect("small"));
    bytes
}

/// A snapshot that holds all updates up to a sequence, as far as the tests are concerned.
pub(crate) fn snapshot(document: DocumentKey, sequence: u64) -> Vec<u8> {
    [b"snapshot of ", &update(document, sequence)[..]].concat()
}

/// Appends the records `first..=last` in one batch.
pub(crate) fn append(
    store: &dyn Store,
    document: DocumentKey,
    first: u64,
    last: u64,
    durability: Durability,
) -> Result<(), StoreError> {
    let name = name(document);
    let updates: Vec<(u64, Vec<u8>)> = (first..=last).map(|sequence| (sequence, update(document, sequence))).collect();
    let records: Vec<Append<'_>> = updates
        .iter()
        .map(|(sequence, update)| Append { document, name: &name, sequence: *sequence, update })
        .collect();
    store.append(&records, durability)
}

/// Loads a document, checks everything in it, and gives its last sequence; 0 where it is not there.
pub(crate) fn check_document(store: &dyn Store, document: DocumentKey) -> u64 {
    let Some(stored) = store.load(document).expect("the document is readable") else { return 0 };
    assert_eq!(stored.name, name(document));
    let mut last = 0;
    if let Some(taken) = stored.snapshot {
        assert!(taken.update == snapshot(document, taken.sequence), "the snapshot is another");
        last = taken.sequence;
    }
    for record in stored.log {
        last += 1;
        assert_eq!(record.sequence, last);
        assert!(record.update == update(document, last), "the update {last} is another");
    }
    last
}

/// Opens a store with little memory, so that tests reach RocksDB's files.
pub(crate) fn open(path: &Path) -> Result<RocksStore, StoreError> {
    let options = RocksOptions { memtables_bytes: 1 << 20, block_cache_bytes: 1 << 20, ..RocksOptions::default() };
    RocksStore::open(path, options)
}
