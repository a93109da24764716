//! A full disk stops writes and nothing else, and frees them without a restart.

use std::fs;

use selvedge_storage::{Append, Durability::Synced, Store, StoreError};

use crate::support::{Mount, Scratch, document, name, open, skip};

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

#[test]
fn a_full_disk_stops_writes_until_there_is_space_and_takes_nothing() {
    let scratch = Scratch::new();
    let options = ["-t", "tmpfs", "-o", "size=16m", "tmpfs"];
    let disk = match Mount::new(&scratch.path().join("disk"), &options) {
        Ok(disk) => disk,
        Err(why) => return skip("full disk", &why),
    };
    let ballast = disk.path().join("ballast");
    let store = open(&disk.path().join("store")).expect("opens");
    let mut acknowledged = 0;
    for _round in 0..3 {
        fs::write(&ballast, vec![1; 8 << 20]).expect("there is room for the ballast");
        let failure = loop {
            match append(&store, acknowledged + 1) {
                Ok(()) => acknowledged += 1,
                Err(failure) => break failure,
            }
        };
        assert_eq!(failure, StoreError::Full);
        check_all(&store, acknowledged);
        assert_eq!(store.recover(), Err(StoreError::Full));
        assert_eq!(append(&store, acknowledged + 1), Err(StoreError::Full));
        assert_eq!(store.snapshot(document(1), 1, b"s"), Err(StoreError::Full));
        check_all(&store, acknowledged);

        fs::remove_file(&ballast).expect("the ballast is ours");
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
