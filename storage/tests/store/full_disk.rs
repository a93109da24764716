//! A full disk stops writes and nothing else, and frees them without a restart.

use std::{
    fs::{self, File, OpenOptions},
    io::Write,
    path::Path,
    thread,
    time::Duration,
};

use selvedge_storage::{Append, Durability::Synced, RocksOptions, RocksStore, Store, StoreError};

use crate::support::{Mount, Scratch, document, name, open, skip};

/// What is left on the disk before the store fills it.
const ROOM_BYTES: u64 = 3 << 20;

/// Incompressible, so that the disk fills as reckoned.
fn noise(sequence: u64) -> Vec<u8> {
    let mut random = crate::support::Random::new(sequence.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    (0..4096).map(|_| u8::try_from(random.below(256)).expect("a byte")).collect()
}

fn append(store: &dyn Store, sequence: u64) -> Result<(), StoreError> {
    let name = name(document(1));
    store.append(&[Append { document: document(1), name: &name, sequence, update: &noise(sequence) }], Synced)
}

fn check_all(store: &dyn Store, acknowledged: u64) -> u64 {
    let stored = store.load(document(1)).expect("reads go on").expect("there");
    let last = stored.log.last().map_or(0, |record| record.sequence);
    assert!(last >= acknowledged, "{acknowledged} was acknowledged, {last} is there");
    for record in stored.log {
        assert!(record.update == noise(record.sequence), "record {} is another", record.sequence);
    }
    last
}

/// Fills the disk but for some bytes.
fn fill(path: &Path, room_bytes: u64) {
    let mut file = File::create(path).expect("the disk takes a name");
    let chunk = [1; 4 << 10];
    let mut bytes = 0;
    while file.write_all(&chunk).is_ok() {
        bytes += chunk.len() as u64;
    }
    let kept = bytes.checked_sub(room_bytes).expect("there is more room than is to be left");
    file.set_len(kept).expect("a file can be cut");
}

#[track_caller]
fn check_full(failure: &StoreError) {
    assert!(matches!(failure, StoreError::Full | StoreError::Short { .. }), "{failure}");
}

/// Appends until the disk is full; the last sequence that was acknowledged.
fn append_until_full(store: &dyn Store, mut acknowledged: u64) -> u64 {
    loop {
        match append(store, acknowledged + 1) {
            Ok(()) => acknowledged += 1,
            Err(failure) => {
                check_full(&failure);
                return acknowledged;
            }
        }
    }
}

#[test]
fn a_full_disk_stops_writes_until_there_is_space_and_takes_nothing() {
    let scratch = Scratch::new();
    let options = ["-t", "tmpfs", "-o", "size=32m", "tmpfs"];
    let disk = match Mount::new(&scratch.path().join("disk"), &options) {
        Ok(disk) => disk,
        Err(why) => return skip("full disk", &why),
    };
    let (ballast, topping) = (disk.path().join("ballast"), disk.path().join("topping"));
    let store = open(&disk.path().join("store")).expect("opens");
    let mut acknowledged = 0;
    for _round in 0..3 {
        fill(&ballast, ROOM_BYTES);
        // RocksDB frees what it no longer needs whenever it likes, and then recovery rightly succeeds: until there is
        // nothing left to free.
        loop {
            acknowledged = append_until_full(&store, acknowledged);
            check_all(&store, acknowledged);
            fill(&topping, 0);
            match store.recover() {
                Ok(()) => fs::remove_file(&topping).expect("the topping is ours"),
                Err(failure) => break check_full(&failure),
            }
        }
        check_full(&append(&store, acknowledged + 1).expect_err("nothing is written"));
        check_full(&store.snapshot(document(1), acknowledged, b"s").expect_err("nothing is written"));
        check_all(&store, acknowledged);

        fs::remove_file(&ballast).expect("the ballast is ours");
        fs::remove_file(&topping).expect("the topping is ours");
        store.recover().expect("there is space");
        let found = check_all(&store, acknowledged);
        assert!(found <= acknowledged + 1, "{found} was never appended");
        for _record in 0..10 {
            append(&store, acknowledged + 1).expect("there is space");
            acknowledged += 1;
        }
        store.snapshot(document(1), acknowledged, b"").expect("there is space");
        append(&store, acknowledged + 1).expect("there is space");
        acknowledged += 1;
    }
    drop(store);
    let store = open(&disk.path().join("store")).expect("opens again");
    assert_eq!(check_all(&store, acknowledged), acknowledged);
}

#[test]
fn too_little_space_is_told_and_not_used_up() {
    /// In the log and in memory, and in no file yet.
    const UNSORTED_BYTES: u64 = 12 << 20;
    let scratch = Scratch::new();
    let options = ["-t", "tmpfs", "-o", "size=128m", "tmpfs"];
    let disk = match Mount::new(&scratch.path().join("disk"), &options) {
        Ok(disk) => disk,
        Err(why) => return skip("too little space", &why),
    };
    let (ballast, topping) = (disk.path().join("ballast"), disk.path().join("topping"));
    let path = disk.path().join("store");
    let store = RocksStore::open(&path, RocksOptions::default()).expect("opens");
    let mut acknowledged = 0;
    while acknowledged < UNSORTED_BYTES / 4096 {
        append(&store, acknowledged + 1).expect("there is space");
        acknowledged += 1;
    }
    fill(&ballast, 1 << 20);
    acknowledged = append_until_full(&store, acknowledged);
    fill(&topping, 0);
    let ballast_bytes = fs::metadata(&ballast).expect("it is there").len();
    let cut = OpenOptions::new().write(true).open(&ballast).and_then(|file| file.set_len(ballast_bytes - (8 << 20)));
    cut.expect("a file can be cut");
    // What is made and removed in a folder shows in its time. RocksDB's own it touches when it likes.
    let touched = || fs::metadata(&path).and_then(|it| it.modified()).expect("it is there");
    let before = touched();
    let failure = store.recover().expect_err("that is too little");
    let StoreError::Short { needed_bytes, free_bytes } = failure else { panic!("{failure}") };
    let log_bytes = store.figures().expect("it is read").write_ahead_log_bytes;
    assert!((UNSORTED_BYTES..log_bytes + (5 << 20)).contains(&needed_bytes), "{needed_bytes} for a log of {log_bytes}");
    // RocksDB may give back what it began to write.
    assert!(free_bytes < needed_bytes, "{free_bytes}");
    assert_eq!(touched(), before, "nothing is tried where it cannot succeed");
    assert_eq!(append(&store, acknowledged + 1), Err(failure), "whoever writes is told");
    check_all(&store, acknowledged);

    fs::remove_file(&ballast).expect("the ballast is ours");
    store.recover().expect("there is space");
    append(&store, check_all(&store, acknowledged) + 1).expect("there is space");
}

#[test]
fn what_is_in_files_already_needs_no_space_again() {
    /// More than is kept in memory of one kind, and less than of all: the log of the older half is kept for what else is in it.
    const LOG_BYTES: u64 = 44 << 20;
    let scratch = Scratch::new();
    let options = ["-t", "tmpfs", "-o", "size=160m", "tmpfs"];
    let disk = match Mount::new(&scratch.path().join("disk"), &options) {
        Ok(disk) => disk,
        Err(why) => return skip("what is in files", &why),
    };
    let store = RocksStore::open(disk.path().join("store"), RocksOptions::default()).expect("opens");
    let mut acknowledged = 0;
    while acknowledged < LOG_BYTES / 4096 {
        append(&store, acknowledged + 1).expect("there is space");
        acknowledged += 1;
    }
    let figures = || store.figures().expect("it is open");
    while figures().families[0].files_bytes == 0 {
        thread::sleep(Duration::from_millis(10));
    }
    let (ballast, topping) = (disk.path().join("ballast"), disk.path().join("topping"));
    fill(&ballast, 1 << 20);
    append_until_full(&store, acknowledged);
    fill(&topping, 0);
    let failure = store.recover().expect_err("there is no space");
    let StoreError::Short { needed_bytes, .. } = failure else { panic!("{failure}") };
    let log_bytes = figures().write_ahead_log_bytes;
    assert!(log_bytes >= LOG_BYTES && needed_bytes + (16 << 20) < log_bytes, "{needed_bytes} for a log of {log_bytes}");
}
