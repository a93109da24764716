//! What is kept beside the records: names, deletions and versions, on both stores.

use selvedge_storage::{
    Append, Catalog, Deletion, DocumentKey, Durability::Synced, Limit, Listing, MemoryStore, NewVersion, StoreError,
    UPDATE_BYTES_MAX, VERSION_TEXT_BYTES_MAX,
};

use crate::support::{Scratch, append, check_document, crash_rounds, document, name, open, snapshot, update};

/// Keeps a promise on each store, made new.
fn check(promise: fn(&dyn Catalog)) {
    promise(&MemoryStore::new(1));
    let scratch = Scratch::new();
    promise(&open(&scratch.store()).expect("opens"));
}

fn make(store: &dyn Catalog, document: DocumentKey, name: &str) {
    store.append(&[Append { document, name, sequence: 1, update: b"update" }], Synced).expect("appends");
}

fn delete(store: &dyn Catalog, document: DocumentKey) {
    let name = name(document);
    store.delete(&[Deletion { document, name: &name, successor: &[] }]).expect("deletes");
}

fn names(store: &dyn Catalog, prefix: &str, after: Option<&str>, limit: usize) -> Vec<String> {
    let listed = store.list(Listing { prefix, after, limit }).expect("readable");
    listed.into_iter().map(|listed| listed.name).collect()
}

#[test]
fn documents_are_listed_by_the_bytes_of_their_names() {
    check(|store| {
        for (number, name) in (1..).zip(["b", "a/2", "a/10", "ä", "a", "a/\u{10ffff}", "B"]) {
            make(store, document(number), name);
        }
        let all = ["B", "a", "a/10", "a/2", "a/\u{10ffff}", "b", "ä"];
        assert_eq!(names(store, "", None, 99), all);
        assert_eq!(names(store, "a/", None, 99), ["a/10", "a/2", "a/\u{10ffff}"]);
        assert_eq!(names(store, "", Some("a/10"), 2), ["a/2", "a/\u{10ffff}"]);
        assert_eq!(names(store, "a/", Some("a"), 1), ["a/10"], "a cursor before the prefix");
        assert_eq!(names(store, "a/", Some("b"), 9), [""; 0], "and behind it");
        assert_eq!(names(store, "", Some("a/1"), 1), ["a/10"], "one of a document that is gone");
        assert_eq!(names(store, "", None, 0), [""; 0]);
        let mut paged = Vec::new();
        while let [name] = &names(store, "", paged.last().map(String::as_str), 1)[..] {
            paged.push(name.clone());
        }
        assert_eq!(paged, all);
    });
}

#[test]
fn a_description_says_what_there_is() {
    check(|store| {
        assert_eq!((store.describe(document(1)), store.name(document(1))), (Ok(None), Ok(None)));
        append(store, document(1), 1, 9, Synced).expect("appends");
        store.snapshot(document(1), 6, &snapshot(document(1), 6)).expect("takes a snapshot");
        let described = store.describe(document(1)).expect("readable").expect("there");
        assert_eq!(store.name(document(1)), Ok(Some(name(document(1)))));
        assert_eq!((described.name, described.sequence, described.log_records), (name(document(1)), 9, 3));
        assert_eq!(described.outline.snapshot_bytes, snapshot(document(1), 6).len() as u64);
        let stored = store.load(document(1)).expect("readable").expect("there");
        assert_eq!(described.log_bytes, stored.log.iter().map(|record| record.update.len() as u64).sum::<u64>());
        assert!(described.outline.created_ms > 0 && described.updated_ms >= described.outline.created_ms);
    });
}

#[test]
fn a_deleted_document_is_gone_and_its_name_begins_anew() {
    check(|store| {
        for number in [1, 2, 3] {
            append(store, document(number), 1, 9, Synced).expect("appends");
            store.snapshot(document(number), 4, &vec![number; 600_000]).expect("takes a snapshot");
            // What the snapshot has made dead is there again, and must not come to life.
            append(store, document(number), 1, 9, Synced).expect("appends");
        }
        delete(store, document(2));
        delete(store, document(2));
        delete(store, document(9));
        assert_eq!((store.load(document(2)), store.contains(document(2))), (Ok(None), Ok(false)));
        assert_eq!((store.tail(document(2), 0), store.describe(document(2))), (Ok(Some(Vec::new())), Ok(None)));
        assert_eq!(names(store, "", None, 9), [1, 3].map(|number| name(document(number))));
        for number in [1, 3] {
            assert_eq!(store.contains(document(number)), Ok(true));
            assert_eq!(store.load(document(number)).expect("readable").expect("there").log.len(), 5);
        }
        append(store, document(2), 1, 3, Synced).expect("begins anew");
        assert_eq!(check_document(store, document(2)), 3);
        assert_eq!(names(store, "", None, 9).len(), 3);
    });
}

#[test]
fn the_successor_of_what_goes_comes_with_its_end_and_is_told_apart_by_its_time() {
    check(|store| {
        append(store, document(1), 1, 9, Synced).expect("appends");
        store.snapshot(document(1), 4, &snapshot(document(1), 4)).expect("takes a snapshot");
        let mut created = vec![created_ms(store, document(1))];
        store.save_version(new(document(1), created[0], b"old")).expect("kept");
        let updates = [1, 2].map(|sequence| update(document(1), sequence));
        let (name, successor) = (name(document(1)), updates.each_ref().map(Vec::as_slice));
        let deletion = Deletion { document: document(1), name: &name, successor: &successor };
        for _ in 0..100 {
            store.delete(&[deletion]).expect("replaces");
            created.push(created_ms(store, document(1)));
        }
        assert_eq!(check_document(store, document(1)), 2);
        let described = store.describe(document(1)).expect("readable").expect("there");
        assert_eq!((described.sequence, described.log_records), (2, 2));
        assert_eq!(store.versions(document(1)), Ok(Vec::new()));
        assert_eq!(names(store, "", None, 9), [name.as_str()]);
        assert!(created.is_sorted_by(|one, next| one < next), "{created:?}");
        delete(store, document(1));
        append(store, document(1), 1, 1, Synced).expect("begins anew");
        assert!(created_ms(store, document(1)) > created[100]);

        let too_large = vec![0; UPDATE_BYTES_MAX + 1];
        let deletion = Deletion { successor: &[&too_large], ..deletion };
        assert!(matches!(store.delete(&[deletion]), Err(StoreError::TooLarge { limit: Limit::Update, .. })));
        assert_eq!(check_document(store, document(1)), 1, "nothing was done");
    });
}

fn new(document: DocumentKey, created_ms: u64, update: &[u8]) -> NewVersion<'_> {
    NewVersion { document, created_ms, name: "named", author: Some("ada"), is_automatic: false, sequence: 3, update }
}

fn created_ms(store: &dyn Catalog, document: DocumentKey) -> u64 {
    store.load(document).expect("readable").expect("there").created_ms
}

#[test]
fn versions_come_back_as_they_were_kept_until_they_or_their_document_go() {
    check(|store| {
        append(store, document(1), 1, 3, Synced).expect("appends");
        append(store, document(2), 1, 3, Synced).expect("appends");
        let created = [1, 2].map(|number| created_ms(store, document(number)));
        let states: Vec<Vec<u8>> = [0, 1, 262_144, 262_145, 3_000_000].map(|bytes| vec![7; bytes]).to_vec();
        let mut kept = Vec::new();
        for state in &states {
            kept.push(store.save_version(new(document(1), created[0], state)).expect("kept"));
        }
        let other = store.save_version(new(document(2), created[1], b"other")).expect("kept");
        assert!(kept.is_sorted_by(|one, next| one.id < next.id), "the later, the higher");
        assert_eq!(store.versions(document(1)), Ok(kept.clone()));
        for (version, state) in kept.iter().zip(&states) {
            assert_eq!((version.name.as_str(), version.author.as_deref(), version.sequence), ("named", Some("ada"), 3));
            assert!(store.version(document(1), version.id) == Ok(Some((version.clone(), state.clone()))));
        }
        store.delete_versions(document(1), &[kept[4].id, kept[1].id, 1]).expect("deletes");
        assert_eq!(store.version(document(1), kept[4].id), Ok(None));
        assert_eq!(store.versions(document(1)).map(|versions| versions.len()), Ok(3));
        let again = store.save_version(new(document(1), created[0], b"again")).expect("kept");
        assert!(again.id > kept[3].id);
        delete(store, document(1));
        assert_eq!(store.versions(document(1)), Ok(Vec::new()));
        append(store, document(1), 1, 3, Synced).expect("begins anew");
        assert_eq!(store.versions(document(1)), Ok(Vec::new()));
        assert_eq!(store.versions(document(2)), Ok(vec![other]));
    });
}

#[test]
fn no_version_is_kept_of_what_is_gone_or_too_large_to_be_named() {
    check(|store| {
        let unknown = Err(StoreError::Unknown { document: document(1) });
        assert_eq!(store.save_version(new(document(1), 1, b"x")), unknown);
        append(store, document(1), 1, 3, Synced).expect("appends");
        let before = created_ms(store, document(1));
        assert_eq!(store.save_version(new(document(1), before + 1, b"x")), unknown, "another document of this name");
        let long = "x".repeat(VERSION_TEXT_BYTES_MAX + 1);
        let refused = store.save_version(NewVersion { name: &long, ..new(document(1), before, b"x") });
        assert!(matches!(refused, Err(StoreError::TooLarge { limit: Limit::VersionText, .. })));
        let nobody = NewVersion { sequence: 0, ..new(document(1), before, b"x") };
        assert_eq!(store.save_version(nobody), Err(StoreError::SequenceZero { document: document(1) }));
    });
}

/// A child makes and deletes documents until it is killed: each is wholly there or wholly gone.
#[test]
fn a_kill_leaves_a_deleted_document_wholly_there_or_wholly_gone() {
    let mut random = crate::support::Random::new(crate::support::seed());
    let scratch = Scratch::new();
    for _ in 0..crash_rounds(8) {
        let mut child = crate::child::Deleter::start(&scratch.store());
        child.wait(1 + random.below(60));
        child.kill();
        let store = open(&scratch.store()).expect("opens after a kill");
        let listed = names(&store, "", None, 9);
        for number in 0..crate::child::DOCUMENTS {
            let last = check_document(&store, document(number));
            let versions = store.versions(document(number)).expect("readable");
            assert_eq!(listed.contains(&name(document(number))), last > 0, "a name stands for a document");
            assert!(last > 0 || versions.is_empty(), "a version of nothing");
            for version in versions {
                let kept = store.version(document(number), version.id).expect("readable").expect("there");
                assert_eq!(kept.1, snapshot(document(number), version.sequence));
            }
        }
    }
}
