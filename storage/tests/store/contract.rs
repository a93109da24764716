//! The contract of a store, on both: each promise is a function over any store.

use selvedge_storage::{
    Append, Corruption, DocumentKey, Durability::*, Limit, MemoryStore, NAME_BYTES_MAX, Record, Store, StoreError,
    UPDATE_BYTES_MAX,
};

use crate::support::{Scratch, append, check_document, document, name, open, snapshot, update};

/// Keeps a promise on each store, made new.
fn check(promise: fn(&dyn Store)) {
    promise(&MemoryStore::new(1));
    let scratch = Scratch::new();
    promise(&open(&scratch.store()).expect("opens"));
}

fn missing(document: DocumentKey, sequence: u64) -> StoreError {
    StoreError::Corrupt { document, sequence, why: Corruption::Missing }
}

#[test]
fn an_unknown_document_is_none() {
    check(|store| {
        assert_eq!(store.load(document(1)), Ok(None));
        assert_eq!(store.tail(document(1), 0), Ok(Some(Vec::new())));
        assert_eq!(store.snapshot(document(1), 1, b""), Err(StoreError::Unknown { document: document(1) }));
    });
}

#[test]
fn records_come_back_in_order_with_the_name() {
    check(|store| {
        append(store, document(1), 1, 3, Synced).expect("appends");
        append(store, document(1), 4, 4, Written).expect("appends");
        assert_eq!(check_document(store, document(1)), 4);
    });
}

#[test]
fn one_batch_holds_many_documents() {
    check(|store| {
        let (first, second) = (name(document(1)), name(document(2)));
        let (one, two) = (update(document(1), 1), update(document(2), 1));
        let records = [
            Append { document: document(1), name: &first, sequence: 1, update: &one },
            Append { document: document(2), name: &second, sequence: 1, update: &two },
        ];
        store.append(&records, Synced).expect("appends");
        assert_eq!(check_document(store, document(1)), 1);
        assert_eq!(check_document(store, document(2)), 1);
    });
}

#[test]
fn an_empty_batch_and_a_sync_of_nothing_succeed() {
    check(|store| {
        assert_eq!(store.append(&[], Synced), Ok(()));
        assert_eq!(store.sync(), Ok(()));
        assert_eq!(store.recover(), Ok(()));
    });
}

#[test]
fn the_same_record_may_be_appended_again() {
    check(|store| {
        append(store, document(1), 1, 5, Synced).expect("appends");
        append(store, document(1), 1, 5, Synced).expect("appends again");
        assert_eq!(check_document(store, document(1)), 5);
        store.snapshot(document(1), 5, &snapshot(document(1), 5)).expect("takes a snapshot");
        append(store, document(1), 1, 6, Synced).expect("appends what was trimmed");
        let stored = store.load(document(1)).expect("readable").expect("there");
        assert_eq!(stored.snapshot.map(|snapshot| snapshot.sequence), Some(5));
        assert_eq!(stored.log, [Record { sequence: 6, update: update(document(1), 6) }]);
    });
}

#[test]
fn a_snapshot_replaces_the_records_in_it() {
    check(|store| {
        append(store, document(1), 1, 9, Synced).expect("appends");
        store.snapshot(document(1), 6, &snapshot(document(1), 6)).expect("takes a snapshot");
        assert_eq!(check_document(store, document(1)), 9);
        assert_eq!(store.tail(document(1), 5), Ok(None));
        let sequences = |after| {
            let records = store.tail(document(1), after).expect("readable").expect("not trimmed");
            records.iter().map(|record| record.sequence).collect::<Vec<_>>()
        };
        assert_eq!(sequences(6), [7, 8, 9]);
        assert_eq!(sequences(8), [9]);
        assert_eq!(sequences(9), [0_u64; 0]);
        assert_eq!(sequences(u64::MAX), [0_u64; 0]);
    });
}

#[test]
fn an_older_snapshot_changes_nothing() {
    check(|store| {
        append(store, document(1), 1, 4, Synced).expect("appends");
        store.snapshot(document(1), 4, &snapshot(document(1), 4)).expect("takes a snapshot");
        store.snapshot(document(1), 4, b"another").expect("is refused silently");
        store.snapshot(document(1), 2, &snapshot(document(1), 2)).expect("is refused silently");
        assert_eq!(check_document(store, document(1)), 4);
    });
}

#[test]
fn snapshots_of_any_size_follow_each_other() {
    check(|store| {
        append(store, document(1), 1, 8, Synced).expect("appends");
        for (sequence, bytes) in (1..).zip([0, 3_000_000, 1, 262_144, 262_145, 524_288, 0]) {
            let update: Vec<u8> = (0..bytes).map(|index: u32| index.to_le_bytes()[1]).collect();
            store.snapshot(document(1), sequence, &update).expect("takes a snapshot");
            let stored = store.load(document(1)).expect("readable").expect("there");
            assert!(stored.snapshot == Some(Record { sequence, update }), "{bytes} bytes came back changed");
            assert_eq!(stored.log.len() as u64, 8 - sequence);
        }
    });
}

#[test]
fn a_snapshot_may_be_taken_at_any_sequence() {
    check(|store| {
        append(store, document(1), 1, 2, Synced).expect("appends");
        append(store, document(2), 1, 2, Synced).expect("appends");
        store.snapshot(document(1), u64::MAX, &snapshot(document(1), u64::MAX)).expect("takes a snapshot");
        assert_eq!(check_document(store, document(1)), u64::MAX);
        assert_eq!(check_document(store, document(2)), 2);
    });
}

#[test]
fn neighbours_do_not_mix() {
    check(|store| {
        for number in [0, 1, 254, 255] {
            append(store, document(number), 1, u64::from(number) + 1, Synced).expect("appends");
        }
        store.snapshot(document(1), 2, &snapshot(document(1), 2)).expect("takes a snapshot");
        for number in [0, 1, 254, 255] {
            assert_eq!(check_document(store, document(number)), u64::from(number) + 1);
        }
    });
}

#[test]
fn what_breaks_a_limit_is_refused_and_stops_nothing() {
    check(|store| {
        let long = "n".repeat(NAME_BYTES_MAX + 1);
        let large = vec![0; UPDATE_BYTES_MAX + 1];
        let good = Append { document: document(1), name: "n", sequence: 1, update: b"u" };
        let refused = |bad, error| assert_eq!(store.append(&[good, bad], Synced), Err(error));
        refused(Append { sequence: 0, ..good }, StoreError::SequenceZero { document: document(1) });
        let (bytes, max) = (NAME_BYTES_MAX + 1, NAME_BYTES_MAX);
        refused(Append { name: &long, ..good }, StoreError::TooLarge { limit: Limit::Name, bytes, max });
        let (bytes, max) = (UPDATE_BYTES_MAX + 1, UPDATE_BYTES_MAX);
        refused(Append { update: &large, ..good }, StoreError::TooLarge { limit: Limit::Update, bytes, max });
        assert_eq!(store.load(document(1)), Ok(None));
        assert_eq!(store.snapshot(document(1), 0, b""), Err(StoreError::SequenceZero { document: document(1) }));
        assert_eq!(store.append(&[good], Synced), Ok(()));
    });
}

#[test]
fn a_gap_is_found_and_harms_no_other_document() {
    check(|store| {
        append(store, document(1), 1, 2, Synced).expect("appends");
        append(store, document(1), 4, 4, Synced).expect("appends");
        append(store, document(2), 2, 2, Synced).expect("appends");
        append(store, document(3), 1, 1, Synced).expect("appends");
        assert_eq!(store.load(document(1)), Err(missing(document(1), 3)));
        assert_eq!(store.tail(document(1), 1), Err(missing(document(1), 3)));
        assert_eq!(store.load(document(2)), Err(missing(document(2), 0)));
        assert_eq!(store.tail(document(2), 1), Err(missing(document(2), 0)));
        assert_eq!(check_document(store, document(3)), 1);
        append(store, document(1), 3, 3, Synced).expect("appends");
        assert_eq!(check_document(store, document(1)), 4);
    });
}
