//! A database written by an earlier build, kept in the tree: every later build reads it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use selvedge_storage::{Catalog, Durability::Synced, Listing, Store};

use crate::support::{Scratch, append, check_document, document, name, open, snapshot};

fn kept() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/old_database/format_1")
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("the directory is ours");
    for entry in fs::read_dir(from).expect("readable") {
        let entry = entry.expect("readable");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), &target).expect("writable");
        }
    }
}

#[test]
fn a_database_of_format_1_is_read_and_written() {
    let scratch = Scratch::new();
    copy(&kept(), &scratch.store());
    let store = open(&scratch.store()).expect("opens");
    assert_eq!(check_document(&store, document(1)), 20);
    assert_eq!(check_document(&store, document(2)), 30);
    let stored = store.load(document(2)).expect("readable").expect("there");
    assert_eq!(stored.snapshot.map(|snapshot| snapshot.sequence), Some(25));
    let large = store.load(document(3)).expect("readable").expect("there").snapshot.expect("there");
    assert!(large.update == vec![3; 600_000], "the large snapshot is another");
    append(&store, document(1), 21, 22, Synced).expect("appends");
    assert_eq!(check_document(&store, document(1)), 22);
    drop(store);
    let marker = || fs::read_to_string(scratch.store().join("SELVEDGE")).expect("readable");
    assert_eq!(marker(), "selvedge storage 2 ready\n");
    // As if the process had died between the database and the marker.
    fs::write(scratch.store().join("SELVEDGE"), "selvedge storage 1 ready\n").expect("writable");
    let store = open(&scratch.store()).expect("opens again");
    assert_eq!(marker(), "selvedge storage 2 ready\n");
    let listed = store.list(Listing { prefix: "", after: None, limit: 9 }).expect("readable");
    let names: Vec<String> = listed.into_iter().map(|listed| listed.name).collect();
    assert_eq!(names, [1, 2, 3].map(|number| name(document(number))), "what it did not have was made");
    let described = store.describe(document(2)).expect("readable").expect("there");
    assert_eq!((described.sequence, described.log_records, described.updated_ms), (30, 5, 0), "nobody wrote down when");
    assert!(store.describe(document(1)).expect("readable").expect("there").updated_ms > 0, "this build did");
}

/// Writes what the test above reads. To be run once for each format, with the last build that writes it, as
/// `docs/STORAGE.md` tells.
#[test]
#[ignore = "writes into the tree"]
fn writes_the_old_database() {
    let scratch = Scratch::new();
    let store = open(&scratch.store()).expect("opens");
    append(&store, document(1), 1, 20, Synced).expect("appends");
    append(&store, document(2), 1, 30, Synced).expect("appends");
    store.snapshot(document(2), 25, &snapshot(document(2), 25)).expect("takes a snapshot");
    append(&store, document(3), 1, 1, Synced).expect("appends");
    store.snapshot(document(3), 1, &vec![3; 600_000]).expect("takes a snapshot");
    drop(store);
    // Opened and closed again: what was in the write-ahead log is now in table files.
    let store = open(&scratch.store()).expect("opens");
    append(&store, document(2), 30, 30, Synced).expect("appends");
    drop(store);
    copy(&scratch.store(), &kept());
    for entry in fs::read_dir(kept().join("rocksdb")).expect("readable") {
        let entry = entry.expect("readable");
        // RocksDB's diaries and lock, which it writes anew.
        if entry.file_name().to_string_lossy().starts_with("LO") {
            fs::remove_file(entry.path()).expect("writable");
        }
    }
}
