//! Damaged records: found, named, and of no consequence to other documents.

use std::path::Path;

use rocksdb::{DB, Options};
use selvedge_storage::{
    Catalog, Corruption, Deletion, DocumentKey, Durability::Synced, Examination, Found, Listing, Store, StoreError,
};

use crate::support::{Scratch, append, check_document, document, name, open, snapshot};

/// Opens what the store keeps behind its back.
fn behind(store: &Path, act: impl FnOnce(&DB)) {
    let families = ["default", "log", "snapshot", "meta", "names", "version", "version part"];
    let db = DB::open_cf(&Options::default(), store.join("rocksdb"), families).expect("the database is closed");
    act(&db);
}

fn log_key(document: DocumentKey, sequence: u64) -> Vec<u8> {
    [&document.0[..], &sequence.to_be_bytes()].concat()
}

fn part_key(document: DocumentKey, part: u32) -> Vec<u8> {
    [&document.0[..], &part.to_be_bytes()].concat()
}

/// Changes the value of a key.
fn change(db: &DB, family: &str, key: &[u8], change: impl FnOnce(&mut Vec<u8>)) {
    let family = db.cf_handle(family).expect("there");
    let mut value = db.get_cf(family, key).expect("readable").expect("there");
    change(&mut value);
    db.put_cf(family, key, value).expect("writable");
}

/// Two documents with a snapshot in two parts each; the first is damaged, and found to be, where it was damaged.
fn check(damage: impl FnOnce(&DB), sequence: u64, why: &Corruption) {
    let scratch = Scratch::new();
    let store = open(&scratch.store()).expect("opens");
    for number in [1, 2, 3] {
        append(&store, document(number), 1, 9, Synced).expect("appends");
        store.snapshot(document(number), 4, &vec![number; 300_000]).expect("takes a snapshot");
    }
    store.snapshot(document(2), 5, &snapshot(document(2), 5)).expect("takes a snapshot");
    store.snapshot(document(3), 5, &snapshot(document(3), 5)).expect("takes a snapshot");
    drop(store);
    behind(&scratch.store(), damage);
    let store = open(&scratch.store()).expect("one document's damage does not keep the store from opening");
    let expected = StoreError::Corrupt { document: document(1), sequence, why: why.clone() };
    assert_eq!(store.load(document(1)), Err(expected));
    for number in [2, 3] {
        assert_eq!(check_document(&store, document(number)), 9);
        append(&store, document(number), 10, 10, Synced).expect("writes go on");
    }
}

#[test]
fn a_changed_record_is_found() {
    check(|db| change(db, "log", &log_key(document(1), 7), |value| value[3] ^= 1), 7, &Corruption::Checksum);
}

#[test]
fn a_cut_record_is_found() {
    // The last two bytes are now some of the checksum, or of a pointer: no format that ever was.
    let cut = |db: &DB| change(db, "log", &log_key(document(1), 7), |value| value.truncate(1));
    check(cut, 7, &Corruption::Malformed);
}

#[test]
fn a_record_that_points_elsewhere_is_found() {
    let point = |value: &mut Vec<u8>| {
        let pointer = value.len() - 22;
        value[pointer..pointer + 8].copy_from_slice(&[0xff; 8]);
    };
    check(|db| change(db, "log", &log_key(document(1), 7), point), 7, &Corruption::Malformed);
}

#[test]
fn a_record_of_another_document_or_sequence_is_found() {
    for other in [log_key(document(2), 7), log_key(document(1), 8)] {
        let swap = |db: &DB| {
            let value = db.get_cf(db.cf_handle("log").expect("there"), &other).expect("readable").expect("there");
            change(db, "log", &log_key(document(1), 7), |old| *old = value);
        };
        check(swap, 7, &Corruption::Checksum);
    }
}

#[test]
fn a_record_of_a_later_format_is_found() {
    let later = |value: &mut Vec<u8>| {
        let format = value.len() - 2;
        value[format] = 3;
    };
    check(|db| change(db, "log", &log_key(document(1), 7), later), 7, &Corruption::Format { found: 3 });
}

#[test]
fn a_missing_record_is_found() {
    let remove = |db: &DB| {
        db.delete_cf(db.cf_handle("log").expect("there"), log_key(document(1), 7)).expect("writable");
    };
    check(remove, 7, &Corruption::Missing);
}

#[test]
fn a_key_of_another_length_is_found() {
    let add = |db: &DB| {
        let key = [&log_key(document(1), 7)[..], b"x"].concat();
        db.put_cf(db.cf_handle("log").expect("there"), key, b"").expect("writable");
    };
    check(add, 8, &Corruption::Missing);
}

#[test]
fn a_changed_part_of_a_snapshot_is_found() {
    check(|db| change(db, "snapshot", &part_key(document(1), 1), |value| value[0] ^= 1), 4, &Corruption::Checksum);
}

#[test]
fn a_missing_part_of_a_snapshot_is_found() {
    let remove = |db: &DB| {
        db.delete_cf(db.cf_handle("snapshot").expect("there"), part_key(document(1), 1)).expect("writable");
    };
    check(remove, 4, &Corruption::Missing);
}

#[test]
fn a_changed_or_missing_meta_record_is_found() {
    let key = document(1).0;
    check(|db| change(db, "meta", &key, |value| value[0] ^= 1), 0, &Corruption::Checksum);
    // Without it the records after the snapshot seem to begin at the wrong sequence.
    let remove = |db: &DB| db.delete_cf(db.cf_handle("meta").expect("there"), key).expect("writable");
    check(remove, 0, &Corruption::Missing);
}

#[test]
fn what_is_damaged_is_listed_and_can_be_deleted_and_begun_anew() {
    let key = document(1).0;
    let damages: [&dyn Fn(&DB); 5] = [
        &|db| change(db, "log", &log_key(document(1), 7), |value| value[3] ^= 1),
        &|db| change(db, "meta", &key, |value| value[0] ^= 1),
        &|db| db.delete_cf(db.cf_handle("meta").expect("there"), key).expect("writable"),
        &|db| change(db, "snapshot", &part_key(document(1), 1), |value| value[0] ^= 1),
        // Left over from before a snapshot: it would be a record of the document that comes next.
        &|db| {
            let value = db.get_cf(db.cf_handle("log").expect("there"), log_key(document(1), 9)).expect("readable");
            let value = value.expect("there");
            db.put_cf(db.cf_handle("log").expect("there"), log_key(document(1), 2), value).expect("writable");
        },
    ];
    for damage in damages {
        let scratch = Scratch::new();
        let store = open(&scratch.store()).expect("opens");
        append(&store, document(1), 1, 9, Synced).expect("appends");
        append(&store, document(2), 1, 9, Synced).expect("appends");
        store.snapshot(document(1), 4, &vec![1; 300_000]).expect("takes a snapshot");
        drop(store);
        behind(&scratch.store(), damage);
        let store = open(&scratch.store()).expect("opens");
        let listed =
            store.list(Listing { prefix: "", after: None, limit: 9 }).expect("one document's damage is its own");
        assert_eq!(listed.len(), 2);
        assert_eq!(store.contains(document(1)), Ok(true));
        let name = name(document(1));
        store.delete(&[Deletion { document: document(1), name: &name, successor: &[] }]).expect("deletes");
        assert_eq!((store.load(document(1)), store.contains(document(1))), (Ok(None), Ok(false)));
        append(&store, document(1), 1, 3, Synced).expect("begins anew");
        drop(store);
        let store = open(&scratch.store()).expect("opens");
        assert_eq!((check_document(&store, document(1)), check_document(&store, document(2))), (3, 9));
    }
}

/// Three documents of which the index of names was changed: what a walk shows beside them, and which of them are in it by then.
fn check_index(damage: impl FnOnce(&DB), expected: &[Found], named: [bool; 3]) {
    let scratch = Scratch::new();
    let store = open(&scratch.store()).expect("opens");
    let documents = [1, 2, 3].map(document);
    for document in documents {
        append(&store, document, 1, 2, Synced).expect("appends");
    }
    drop(store);
    behind(&scratch.store(), damage);
    let store = Examination::open(scratch.store()).expect("opens");
    let mut found = Vec::new();
    store.walk(|it| found.push(it)).expect("it can be read");
    found.retain(|it| !matches!(it, Found::Document(_)));
    assert_eq!(found, expected);
    assert_eq!(documents.map(|it| store.is_named(&name(it), it).expect("readable")), named);
}

#[test]
fn a_changed_missing_or_stray_name_is_found() {
    let key = document(2).0;
    let name = name(document(2));
    check_index(|_| {}, &[], [true; 3]);
    let damaged = Found::DamagedName { name: name.clone(), why: Corruption::Checksum };
    check_index(|db| change(db, "names", name.as_bytes(), |value| value[0] ^= 1), &[damaged], [true; 3]);
    let remove = |db: &DB, family: &str, key: &[u8]| {
        db.delete_cf(db.cf_handle(family).expect("there"), key).expect("writable");
    };
    check_index(|db| remove(db, "names", name.as_bytes()), &[], [true, false, true]);
    let remove_document = |db: &DB| {
        remove(db, "meta", &key);
        (1..=2).for_each(|sequence| remove(db, "log", &log_key(document(2), sequence)));
    };
    check_index(remove_document, &[Found::StrayName { name: name.clone(), document: document(2) }], [true; 3]);
    let put = |db: &DB| db.put_cf(db.cf_handle("names").expect("there"), [0xff], b"").expect("writable");
    check_index(put, &[Found::Foreign { family: "names", bytes: 1 }], [true; 3]);
}
