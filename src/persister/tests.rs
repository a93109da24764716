//! The persister's thread before stores that fail.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::sync::{Condvar, Mutex};
use std::{env, fs, process};

use selvedge_storage::{MemoryStore, Record, RocksOptions, RocksStore, Stored};

use super::*;
use crate::instruments::{Batch, Timed};

/// Longer than anything here takes; only a lost note is waited for so long.
const PATIENCE: Duration = Duration::from_secs(60);

fn append(core: usize, document: u8, sequence: u64) -> Append {
    Append {
        core,
        document: DocumentId([document; 16]),
        name: format!("document {document}").into(),
        sequence: Sequence(sequence),
        update: vec![document; 10],
        more: Vec::new(),
    }
}

fn spawn(store: Arc<dyn Store>, fsync: Fsync) -> (Persister, Receiver<(usize, Note)>) {
    let (sender, notes) = mpsc::channel();
    let sender = Mutex::new(sender);
    let deliver: Deliver = Arc::new(move |core, note| {
        let sender = sender.lock().expect("nothing panics here");
        sender.send((core, note)).expect("the test listens");
    });
    (Persister::spawn(store, fsync, deliver).expect("a thread"), notes)
}

fn committed(notes: &Receiver<(usize, Note)>) -> (usize, Vec<(u8, u64)>) {
    match notes.recv_timeout(PATIENCE).expect("every append is answered") {
        (core, Note::Committed(commits)) => {
            (core, commits.iter().map(|(document, sequence)| (document.0[0], sequence.0)).collect())
        }
        other => panic!("{other:?}"),
    }
}

fn check_commits(store: Arc<dyn Store>, fsync: Fsync) {
    let (persister, notes) = spawn(Arc::clone(&store), fsync);
    let writers: Vec<_> = (0..4_u8)
        .map(|core| {
            let appender = persister.appender();
            thread::spawn(move || (1..=500).for_each(|sequence| appender.append(append(core.into(), core, sequence))))
        })
        .collect();
    let mut last = [0; 4];
    while last != [500; 4] {
        let (core, commits) = committed(&notes);
        let [(document, sequence)] = commits[..] else { panic!("one document for each core: {commits:?}") };
        assert_eq!(core, usize::from(document));
        assert!(sequence > last[core], "in order");
        last[core] = sequence;
    }
    writers.into_iter().for_each(|writer| writer.join().expect("no panic"));
    let health = persister.health();
    assert_eq!((health.records(), health.queued_records(), health.failures()), (2000, 0, 0));
    assert_eq!(health.bytes(), 20_000);
    assert!(health.is_writable());
    persister.drain(PATIENCE).expect("the disk works");
    let (timings, sizes) = (health.timings(), health.sizes());
    assert!(!timings.of(Timed::Sync).is_empty());
    assert_eq!(timings.of(Timed::Commit).count(), health.batches());
    assert_eq!((sizes.of(Batch::Commit).count(), sizes.of(Batch::Commit).sum()), (health.batches(), 2000));
    assert!(!health.is_writable(), "it has ended");
    for document in 0..4 {
        let stored = store.load(DocumentKey([document; 16])).expect("readable").expect("there");
        assert_eq!(stored.log.len(), 500);
        assert_eq!(stored.name, format!("document {document}"));
    }
}

#[test]
fn what_four_cores_append_is_committed_in_order_in_memory() {
    for fsync in [Fsync::Always, Fsync::Interval { ms: 5 }, Fsync::Never] {
        check_commits(Arc::new(MemoryStore::new(1)), fsync);
    }
}

#[test]
fn what_four_cores_append_is_committed_in_order_on_disk() {
    let path = env::temp_dir().join(format!("selvedge-persister-{}", process::id()));
    let store = RocksStore::open(&path, RocksOptions::default()).expect("opened");
    check_commits(Arc::new(store), Fsync::Always);
    let store = RocksStore::open(&path, RocksOptions::default()).expect("opened again");
    assert_eq!(store.tail(DocumentKey([3; 16]), 400).expect("readable").map(|tail| tail.len()), Some(100));
    drop(store);
    fs::remove_dir_all(path).expect("ours");
}

#[test]
fn a_failed_disk_stalls_commits_until_it_works_again() {
    let store = MemoryStore::new(2);
    let faults = store.faults();
    let store = Arc::new(store);
    let (persister, notes) = spawn(store.clone(), Fsync::Always);
    let appender = persister.appender();
    faults.limit_capacity(Some(0));
    appender.append(append(1, 1, 1));
    match notes.recv_timeout(PATIENCE).expect("told") {
        (1, Note::CommitFailed(reason)) => assert!(reason.contains("space"), "{reason}"),
        other => panic!("{other:?}"),
    }
    // Set before anybody is told, or this would be a race.
    assert!(!persister.health().is_writable());
    appender.append(append(2, 2, 1));
    assert!(matches!(notes.recv_timeout(PATIENCE).expect("told"), (2, Note::CommitFailed(_))));
    faults.limit_capacity(None);
    assert_eq!(committed(&notes), (1, vec![(1, 1)]));
    assert_eq!(committed(&notes), (2, vec![(2, 1)]));
    assert!(persister.health().is_writable());
    persister.drain(PATIENCE).expect("the disk works");
    faults.crash();
    assert!(store.load(DocumentKey([1; 16])).expect("readable").is_some());
}

/// Full until it is said that it is not, and says what it lacks when it is asked to go on.
struct Short {
    store: MemoryStore,
    is_short: Arc<AtomicBool>,
}

impl Short {
    fn check(&self, failure: StoreError) -> Result<(), StoreError> {
        if self.is_short.load(Ordering::SeqCst) { Err(failure) } else { Ok(()) }
    }
}

impl Store for Short {
    fn append(&self, records: &[storage::Append<'_>], durability: Durability) -> Result<(), StoreError> {
        self.check(StoreError::Full)?;
        self.store.append(records, durability)
    }

    fn sync(&self) -> Result<(), StoreError> {
        self.store.sync()
    }

    fn load(&self, document: DocumentKey) -> Result<Option<Stored>, StoreError> {
        self.store.load(document)
    }

    fn tail(&self, document: DocumentKey, after: u64) -> Result<Option<Vec<Record>>, StoreError> {
        self.store.tail(document, after)
    }

    fn snapshot(&self, document: DocumentKey, sequence: u64, update: &[u8]) -> Result<(), StoreError> {
        self.store.snapshot(document, sequence, update)
    }

    fn delete(&self, documents: &[storage::Deletion<'_>]) -> Result<(), StoreError> {
        self.store.delete(documents)
    }

    fn recover(&self) -> Result<(), StoreError> {
        self.check(StoreError::Short { needed_bytes: (90 << 20) - 1, free_bytes: (50 << 20) + 1 })?;
        self.store.recover()
    }
}

#[test]
fn what_a_disk_lacks_is_told_until_writes_go_on() {
    let is_short = Arc::new(AtomicBool::new(true));
    let store = Short { store: MemoryStore::new(4), is_short: Arc::clone(&is_short) };
    let (persister, notes) = spawn(Arc::new(store), Fsync::Always);
    let asked = crate::health::Health::new(persister.health(), Arc::default(), 1);
    persister.appender().append(append(1, 1, 1));
    assert!(matches!(notes.recv_timeout(PATIENCE).expect("told"), (1, Note::CommitFailed(_))));
    // The next is the second failure: of the recovery.
    let begun = Instant::now();
    while persister.health().failures() < 3 && begun.elapsed() < PATIENCE {
        thread::sleep(Duration::from_millis(1));
    }
    let ready = asked.readiness();
    assert!(!ready.is_well && ready.body.contains("\"reason\":\"storage writes fail\""), "{ready:?}");
    assert!(ready.body.contains("the store needs 90 MiB free, there are 50 MiB\""), "{ready:?}");
    is_short.store(false, Ordering::SeqCst);
    assert_eq!(committed(&notes), (1, vec![(1, 1)]));
    assert_eq!(persister.health().lacking(), None);
    assert!(asked.readiness().is_well);
    persister.drain(PATIENCE).expect("the disk works");
}

#[test]
fn draining_says_what_it_could_not_write() {
    let store = MemoryStore::new(3);
    store.faults().limit_capacity(Some(0));
    let (persister, _notes) = spawn(Arc::new(store), Fsync::Always);
    let appender = persister.appender();
    (1..=3).for_each(|sequence| appender.append(append(0, 1, sequence)));
    let failed = persister.drain(Duration::from_millis(20)).expect_err("the disk is full");
    assert_eq!(failed.records, 3);
    assert!(failed.reason.contains("space"), "{failed}");
}

/// Never answers.
#[derive(Default)]
struct Hanging {
    released: Mutex<bool>,
    changed: Condvar,
}

impl Store for Hanging {
    fn append(&self, _: &[storage::Append<'_>], _: Durability) -> Result<(), StoreError> {
        let released = self.released.lock().expect("nothing panics here");
        drop(self.changed.wait_while(released, |released| !*released).expect("nothing panics here"));
        Ok(())
    }

    fn sync(&self) -> Result<(), StoreError> {
        Ok(())
    }

    fn load(&self, _: DocumentKey) -> Result<Option<Stored>, StoreError> {
        Ok(None)
    }

    fn tail(&self, _: DocumentKey, _: u64) -> Result<Option<Vec<Record>>, StoreError> {
        Ok(None)
    }

    fn snapshot(&self, _: DocumentKey, _: u64, _: &[u8]) -> Result<(), StoreError> {
        Ok(())
    }

    fn delete(&self, _: &[storage::Deletion<'_>]) -> Result<(), StoreError> {
        Ok(())
    }

    fn recover(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

#[test]
fn draining_ends_even_if_the_disk_does_not_answer() {
    let store = Arc::new(Hanging::default());
    let (persister, _notes) = spawn(store.clone(), Fsync::Always);
    persister.appender().append(append(0, 1, 1));
    let failed = persister.drain(Duration::ZERO).expect_err("the disk hangs");
    assert_eq!(failed.records, 1);
    *store.released.lock().expect("nothing panics here") = true;
    store.changed.notify_all();
}
