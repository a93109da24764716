//! A write-ahead log that was changed: what is lost behind the place is told, and an end that was torn is no loss.

use std::fs;
use std::path::{Path, PathBuf};

use selvedge_storage::{Append, Durability::Synced, RocksOptions, RocksStore, Store, broken_log};

use crate::support::{Random, Scratch, append, check_document, document, name, open, seed};

/// The block of the log, in the last bytes of which no header fits.
const BLOCK_BYTES: usize = 32 << 10;
const HEADER_BYTES: usize = 7;

/// The files of the log, in order.
fn logs(store: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(store.join("rocksdb")).expect("readable").map(|entry| entry.expect("readable").path());
    let mut logs: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|end| end == "log")).collect();
    logs.sort();
    logs
}

fn append_bytes(store: &RocksStore, sequence: u64, update: &[u8]) {
    let document = document(1);
    let name = name(document);
    store.append(&[Append { document, name: &name, sequence, update }], Synced).expect("room");
}

/// A store with one log: the log's path and bytes, and where its last batch begins.
fn one_log(scratch: &Scratch, lengths: &[usize]) -> (PathBuf, Vec<u8>, usize) {
    let store = open(&scratch.store()).expect("opens");
    let mut last = 0;
    for (sequence, &length) in (1..).zip(lengths) {
        let path = logs(&scratch.store()).pop().expect("it has a log");
        last = usize::try_from(fs::metadata(path).expect("there").len()).expect("small");
        append_bytes(&store, sequence, &vec![7; length]);
    }
    drop(store);
    let [path] = <[PathBuf; 1]>::try_from(logs(&scratch.store())).expect("one log");
    let bytes = fs::read(&path).expect("readable");
    (path, bytes, last)
}

#[test]
fn damage_before_the_last_batch_is_found_wherever_it_is() {
    let mut random = Random::new(seed());
    let scratch = Scratch::new();
    // Many in a block, one over four of them, and some that end near the end of one.
    let lengths: Vec<usize> = (0..60).map(|at| if at == 30 { 100_000 } else { 200 + at * 37 }).collect();
    let (path, whole, last) = one_log(&scratch, &lengths);
    assert_eq!(broken_log(scratch.store()), Ok(None), "as it was written");
    for round in 0..500 {
        let at = usize::try_from(random.below(whole.len() as u64)).expect("small");
        if at % BLOCK_BYTES > BLOCK_BYTES - HEADER_BYTES {
            continue;
        }
        let mut changed = whole.clone();
        changed[at] ^= 1 << random.below(8);
        fs::write(&path, &changed).expect("room");
        let found = broken_log(scratch.store()).expect("readable");
        match found {
            Some(broken) => {
                assert!(at < last, "round {round}: byte {at} is of the last batch");
                let offset = usize::try_from(broken.offset).expect("small");
                assert!(broken.path == path && offset <= at && at - offset < BLOCK_BYTES, "byte {at}: {broken}");
            }
            None => assert!(at >= last, "round {round}: byte {at} of {} was changed", whole.len()),
        }
    }
}

#[test]
fn an_end_that_was_torn_is_no_damage() {
    let mut random = Random::new(seed());
    let scratch = Scratch::new();
    let (path, whole, last) = one_log(&scratch, &[100, 3_000, 40_000, 500, 120_000]);
    for round in 0..200 {
        let cut = usize::try_from(random.below(whole.len() as u64)).expect("small");
        let mut torn = whole[..cut].to_vec();
        match round % 3 {
            0 => {}
            // Allocated, and never written.
            1 => torn.resize(whole.len(), 0),
            // The pages of the last batch went to the disk in another order, and one did not.
            _ => {
                torn = whole.clone();
                let from = last + usize::try_from(random.below((whole.len() - last) as u64)).expect("small");
                let to = torn.len().min(from + 4_096);
                torn[from..to].fill(0);
            }
        }
        fs::write(&path, &torn).expect("room");
        assert_eq!(broken_log(scratch.store()), Ok(None), "round {round}, cut at {cut}");
    }
}

#[test]
fn damage_in_one_of_several_logs_is_found() {
    let scratch = Scratch::new();
    let options = RocksOptions { memtables_bytes: 1 << 20, ..RocksOptions::default() };
    let store = RocksStore::open(scratch.store(), options).expect("opens");
    let mut sequence = 0;
    // A new one is begun when the records are sorted into a table; names are not, and stay in the first.
    while logs(&scratch.store()).len() < 2 {
        sequence += 1;
        assert!(sequence < 100_000, "no second log is begun");
        append_bytes(&store, sequence, &[7; 1_000]);
    }
    append_bytes(&store, sequence + 1, &[7; 1_000]);
    drop(store);
    let logs = logs(&scratch.store());
    assert_eq!(broken_log(scratch.store()), Ok(None));
    let whole = fs::read(&logs[0]).expect("readable");
    // In its last batch, behind which nothing is in this file.
    let mut changed = whole.clone();
    *changed.last_mut().expect("not empty") ^= 1;
    fs::write(&logs[0], &changed).expect("room");
    let broken = broken_log(scratch.store()).expect("readable").expect("the next log goes on behind a gap");
    assert_eq!(broken.path, logs[0]);
}

#[test]
fn who_opens_a_damaged_log_is_told() {
    let scratch = Scratch::new();
    let store = open(&scratch.store()).expect("opens");
    assert_eq!(store.broken_log(), None);
    for sequence in 1..=50 {
        append(&store, document(1), sequence, sequence, Synced).expect("room");
    }
    drop(store);
    let path = logs(&scratch.store()).pop().expect("it has a log");
    let mut bytes = fs::read(&path).expect("readable");
    let at = bytes.len() / 2;
    bytes[at] ^= 1;
    fs::write(&path, &bytes).expect("room");
    let before = broken_log(scratch.store()).expect("readable");
    let store = open(&scratch.store()).expect("what lies before the place is served");
    assert_eq!(store.broken_log(), before.as_ref());
    assert_eq!(store.broken_log().map(|broken| &broken.path), Some(&path));
    let left = check_document(&store, document(1));
    assert!(left > 0 && left < 50, "{left} of 50 records lie before it");
    drop(store);
    let store = open(&scratch.store()).expect("opens");
    assert_eq!(store.broken_log(), None, "once: what was lost is lost");
}
