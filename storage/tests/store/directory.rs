//! Opening takes what is ours and touches nothing else.

use std::{collections::BTreeMap, fs, os::unix::fs::PermissionsExt, path::Path};

use selvedge_storage::{Durability::Synced, StoreError};

use crate::support::{Scratch, append, check_document, document, open};

/// Every file below a directory with its bytes.
fn files(path: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(path).expect("readable") {
        let path = entry.expect("readable").path();
        if path.is_dir() {
            found.insert(path.display().to_string(), Vec::new());
            found.extend(files(&path));
        } else {
            found.insert(path.display().to_string(), fs::read(&path).expect("readable"));
        }
    }
    found
}

/// Opening fails, and leaves every byte as it was.
fn refused(path: &Path) -> StoreError {
    let before = files(path);
    let error = open(path).err().expect("opening is refused");
    assert!(files(path) == before, "opening changed something");
    error
}

#[test]
fn a_directory_with_something_else_in_it_is_refused() {
    let scratch = Scratch::new();
    fs::write(scratch.path().join("thesis.txt"), "irreplaceable").expect("the directory is ours");
    assert!(matches!(refused(scratch.path()), StoreError::NotADatabase { .. }));
}

#[test]
fn a_file_is_refused() {
    let scratch = Scratch::new();
    let path = scratch.store();
    fs::write(&path, "a file").expect("the directory is ours");
    assert!(matches!(open(&path).err(), Some(StoreError::NotAccessible { .. })));
    assert_eq!(fs::read(&path).expect("readable"), b"a file");
}

#[test]
fn an_empty_directory_or_a_new_file_system_is_taken() {
    let scratch = Scratch::new();
    fs::create_dir(scratch.path().join("lost+found")).expect("the directory is ours");
    drop(open(scratch.path()).expect("opens"));
    drop(open(scratch.path()).expect("opens again"));
}

#[test]
fn missing_parents_are_made() {
    let scratch = Scratch::new();
    drop(open(&scratch.path().join("a/b/c")).expect("opens"));
}

#[test]
fn what_is_made_is_its_owners_alone_and_what_is_there_stays_as_it_is() {
    let mode = |path: &Path| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    let scratch = Scratch::new();
    drop(open(&scratch.path().join("a/b")).expect("opens"));
    assert_eq!([mode(&scratch.path().join("a")), mode(&scratch.path().join("a/b"))], [0o700; 2]);

    let shared = scratch.path().join("shared");
    fs::create_dir(&shared).expect("the directory is ours");
    fs::set_permissions(&shared, PermissionsExt::from_mode(0o750)).expect("it is ours");
    drop(open(&shared).expect("opens"));
    assert_eq!(mode(&shared), 0o750);
}

#[test]
fn a_directory_in_use_is_refused() {
    let scratch = Scratch::new();
    let store = open(&scratch.store()).expect("opens");
    append(&store, document(1), 1, 3, Synced).expect("appends");
    assert_eq!(refused(&scratch.store()), StoreError::Locked { path: scratch.store() });
    append(&store, document(1), 4, 4, Synced).expect("the first one goes on");
    drop(store);
    assert_eq!(check_document(&open(&scratch.store()).expect("free again"), document(1)), 4);
}

#[test]
fn a_newer_format_is_refused() {
    let scratch = Scratch::new();
    drop(open(&scratch.store()).expect("opens"));
    fs::write(scratch.store().join("SELVEDGE"), "selvedge storage 3 whatever\n").expect("the directory is ours");
    assert_eq!(refused(&scratch.store()), StoreError::Version { path: scratch.store(), found: 3, supported: 2 });
}

#[test]
fn a_foreign_marker_is_refused() {
    for marker in [&b"something else\n"[..], b"selvedge storage", b"selvedge storage 2 odd\n", &[0xff; 99]] {
        let scratch = Scratch::new();
        drop(open(&scratch.store()).expect("opens"));
        fs::write(scratch.store().join("SELVEDGE"), marker).expect("the directory is ours");
        assert!(matches!(refused(&scratch.store()), StoreError::NotADatabase { .. }));
    }
}

#[test]
fn a_store_without_its_database_is_a_loss_and_not_a_beginning() {
    let scratch = Scratch::new();
    drop(open(&scratch.store()).expect("opens"));
    fs::remove_dir_all(scratch.store().join("rocksdb")).expect("the directory is ours");
    assert!(matches!(open(&scratch.store()).err(), Some(StoreError::NotADatabase { .. })));
}

#[test]
fn a_database_without_its_marker_is_refused() {
    let scratch = Scratch::new();
    drop(open(&scratch.store()).expect("opens"));
    fs::remove_file(scratch.store().join("SELVEDGE")).expect("the directory is ours");
    assert!(matches!(refused(&scratch.store()), StoreError::NotADatabase { .. }));
}

#[test]
fn a_beginning_that_was_interrupted_begins_again() {
    for (marker, database) in [
        ("", false),
        ("selvedge storage 1 new  \n", true),
        ("selvedge storage 2 new  \n", false),
        ("selvedge storage 2 new  \n", true),
    ] {
        let scratch = Scratch::new();
        drop(open(&scratch.store()).expect("opens"));
        fs::write(scratch.store().join("SELVEDGE"), marker).expect("the directory is ours");
        if !database {
            fs::remove_dir_all(scratch.store().join("rocksdb")).expect("the directory is ours");
        }
        let store = open(&scratch.store()).expect("begins again");
        append(&store, document(1), 1, 1, Synced).expect("appends");
        drop(store);
        assert_eq!(check_document(&open(&scratch.store()).expect("opens"), document(1)), 1);
    }
}
