//! The reader's threads before a store that counts, waits and fails.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Condvar, PoisonError};
use std::time::Duration;
use std::{env, fs, process};

use selvedge_protocol::lib0::put_uint;
use selvedge_protocol::sync::{self, Message};
use selvedge_protocol::update::{self, StateVector};
use selvedge_shards::Sequence;
use selvedge_shards::reading::{CatchUpFrom, CaughtUp, Loaded};
use selvedge_storage::{
    Append, Deletion, DocumentKey, Durability, MemoryStore, Record, RocksOptions, RocksStore, StoreError, Stored,
};

use super::*;
use crate::inbox::Note;

/// Longer than anything here takes; only a lost answer is waited for so long.
const PATIENCE: Duration = Duration::from_secs(60);

/// Counts reads, and holds them while its gate is shut.
struct Watched<S> {
    store: S,
    loads: AtomicUsize,
    tails: AtomicUsize,
    shut: Mutex<bool>,
    opened: Condvar,
    panics: bool,
}

impl<S> Watched<S> {
    fn new(store: S) -> Self {
        Self {
            store,
            loads: AtomicUsize::default(),
            tails: AtomicUsize::default(),
            shut: Mutex::new(false),
            opened: Condvar::new(),
            panics: false,
        }
    }

    fn shut(&self) {
        *lock(&self.shut) = true;
    }

    fn open(&self) {
        *lock(&self.shut) = false;
        self.opened.notify_all();
    }

    fn reads(&self) -> (usize, usize) {
        (self.loads.load(Ordering::SeqCst), self.tails.load(Ordering::SeqCst))
    }
}

impl<S: Store> Store for Watched<S> {
    fn append(&self, records: &[Append<'_>], durability: Durability) -> Result<(), StoreError> {
        self.store.append(records, durability)
    }

    fn sync(&self) -> Result<(), StoreError> {
        self.store.sync()
    }

    fn load(&self, document: DocumentKey) -> Result<Option<Stored>, StoreError> {
        self.loads.fetch_add(1, Ordering::SeqCst);
        let shut = lock(&self.shut);
        drop(self.opened.wait_while(shut, |shut| *shut).unwrap_or_else(PoisonError::into_inner));
        assert!(!self.panics, "ordered panic");
        self.store.load(document)
    }

    fn tail(&self, document: DocumentKey, after: u64) -> Result<Option<Vec<Record>>, StoreError> {
        self.tails.fetch_add(1, Ordering::SeqCst);
        self.store.tail(document, after)
    }

    fn snapshot(&self, document: DocumentKey, sequence: u64, update: &[u8]) -> Result<(), StoreError> {
        self.store.snapshot(document, sequence, update)
    }

    fn delete(&self, documents: &[Deletion<'_>]) -> Result<(), StoreError> {
        self.store.delete(documents)
    }

    fn recover(&self) -> Result<(), StoreError> {
        self.store.recover()
    }
}

const OPTIONS: Options = Options {
    threads: 3,
    jobs_max: 1000,
    cache_bytes_max: 1 << 20,
    delivered_bytes_max: 1 << 20,
    part_bytes_max: 1 << 16,
    compaction: Compaction::SMALLEST,
};

struct Bench<S> {
    store: Arc<Watched<S>>,
    readers: Readers,
    notes: Receiver<(usize, Note)>,
}

impl<S: Store + 'static> Bench<S> {
    fn new(store: S, options: Options) -> Self {
        Self::watched(Watched::new(store), options)
    }

    fn watched(store: Watched<S>, options: Options) -> Self {
        let store = Arc::new(store);
        let (sender, notes) = mpsc::channel();
        let sender = Mutex::new(sender);
        let deliver: Deliver = Arc::new(move |core, note| lock(&sender).send((core, note)).expect("the test listens"));
        let readers = Readers::spawn(store.clone(), options, deliver, Arc::default()).expect("threads");
        Self { store, readers, notes }
    }

    /// Types one letter for each record, `sequences` of them.
    fn append(&self, document: u8, sequences: std::ops::RangeInclusive<u64>) {
        let (key, name) = (DocumentKey([document; 16]), format!("document {document}"));
        for sequence in sequences {
            let update = letter(sequence - 1);
            let record = Append { document: key, name: &name, sequence, update: &update };
            self.store.append(&[record], Durability::Synced).expect("written");
        }
    }

    fn submit(&self, core: usize, document: u8, task: Task) {
        self.readers.reader().submit(Job { core, document: DocumentId([document; 16]), task });
    }

    fn note(&self) -> (usize, Note) {
        self.notes.recv_timeout(PATIENCE).expect("every job is answered")
    }

    fn load(&self, document: u8) -> Result<Box<Loaded>, ReadFailed> {
        self.submit(0, document, Task::Load { name: format!("document {document}").into() });
        match self.note() {
            (0, Note::Loaded { document: answered, result }) if answered.0[0] == document => result,
            other => panic!("{other:?}"),
        }
    }

    fn catch_up(&self, document: u8, from: CatchUpFrom, through: u64) -> Result<CaughtUp, ReadFailed> {
        self.submit(0, document, Task::CatchUp { job: 7, from, through: Sequence(through) });
        match self.note() {
            (0, Note::CaughtUp { job: 7, result, .. }) => result,
            other => panic!("{other:?}"),
        }
    }

    fn snapshot(&self, document: u8, through: u64) -> Result<(Sequence, u64), ReadFailed> {
        self.submit(0, document, Task::Snapshot { through: Sequence(through) });
        match self.note() {
            (0, Note::SnapshotTaken { result, .. }) => result,
            other => panic!("{other:?}"),
        }
    }
}

/// Client 1 types one letter at this clock.
fn letter(clock: u64) -> Vec<u8> {
    let mut update = vec![1, 1, 1];
    put_uint(&mut update, clock);
    match clock.checked_sub(1) {
        None => update.extend([0x04, 1, 1, b't']),
        Some(origin) => {
            update.extend([0x84, 1]);
            put_uint(&mut update, origin);
        }
    }
    update.extend([1, b'a' + (clock % 26) as u8, 0]);
    update
}

/// The update of a frame that is one unmasked message, and whether it is a SyncStep2.
fn message(frame: &[u8]) -> (bool, &[u8]) {
    assert_eq!(frame[0], 0x82, "one binary frame");
    let header = match frame[1] {
        0..=125 => 2,
        126 => 4,
        _ => 10,
    };
    match sync::parse(&frame[header..]).expect("one message") {
        Message::SyncStep2 { update } => (true, update),
        Message::Update { update } => (false, update),
        other => panic!("{other:?}"),
    }
}

/// What the frames say together; the last must be a SyncStep2 where one is wanted, and nothing else may be.
fn merged(answer: &CaughtUp, step_2: bool) -> Vec<u8> {
    let messages: Vec<_> = answer.frames.iter().map(|frame| message(frame.as_ref())).collect();
    for (at, (is_step_2, _)) in messages.iter().enumerate() {
        assert_eq!(*is_step_2, step_2 && at + 1 == messages.len());
    }
    let updates: Vec<&[u8]> = messages.iter().map(|(_, update)| *update).collect();
    update::compact(&update::merge(&updates).expect("updates"), Compaction::SQUASH).expect("an update")
}

/// Letters `range`, as one update.
fn letters(clocks: std::ops::Range<u64>) -> Vec<u8> {
    let updates: Vec<Vec<u8>> = clocks.map(letter).collect();
    update::compact(&update::merge(&updates).expect("updates"), Compaction::SQUASH).expect("an update")
}

fn nothing() -> CatchUpFrom {
    CatchUpFrom::StateVector(StateVector::default())
}

fn check_reads(bench: &Bench<impl Store + 'static>) {
    bench.append(1, 1..=10);
    let loaded = bench.load(1).expect("stored");
    assert_eq!((loaded.sequence, loaded.log_records), (Sequence(10), 10));
    assert_eq!(loaded.known.clocks().clock(1), 10);

    // 11 and 12 are on disk, but only 11 is committed.
    bench.append(1, 11..=12);
    let answer = bench.catch_up(1, nothing(), 11).expect("stored");
    assert_eq!((merged(&answer, true), answer.through), (letters(0..11), Sequence(11)));
    let answer = bench.catch_up(1, CatchUpFrom::StateVector([(1, 4)].into_iter().collect()), 11).expect("stored");
    assert_eq!(merged(&answer, true), letters(4..11));
    let answer = bench.catch_up(1, CatchUpFrom::Sequence(Sequence(8)), 11).expect("stored");
    assert_eq!((merged(&answer, false), answer.through), (letters(8..11), Sequence(11)));
    let answer = bench.catch_up(1, CatchUpFrom::Sequence(Sequence(11)), 11).expect("stored");
    assert!(answer.frames.is_empty());

    let (sequence, bytes) = bench.snapshot(1, 11).expect("taken");
    assert_eq!((sequence, bytes), (Sequence(11), letters(0..11).len() as u64));
    let stored = bench.store.load(DocumentKey([1; 16])).expect("readable").expect("there");
    assert_eq!(stored.snapshot, Some(Record { sequence: 11, update: letters(0..11) }));
    assert_eq!(stored.log.len(), 1);

    // Records 9 to 11 are gone: the whole document says the same.
    let answer = bench.catch_up(1, CatchUpFrom::Sequence(Sequence(8)), 12).expect("stored");
    assert_eq!((merged(&answer, false), answer.through), (letters(0..12), Sequence(12)));
    bench.readers.reader().evict(DocumentId([1; 16]));
    assert_eq!(bench.readers.reader().cached_bytes(), 0);
    let answer = bench.catch_up(1, nothing(), 12).expect("stored");
    assert_eq!(merged(&answer, true), letters(0..12));
    let loaded = bench.load(1).expect("stored");
    assert_eq!((loaded.sequence, loaded.log_records), (Sequence(12), 1));

    let unknown = bench.load(2).expect("nothing is stored, which is fine");
    assert_eq!((unknown.sequence, unknown.bytes), (Sequence(0), 0));
    let empty = bench.catch_up(2, nothing(), 0).expect("nothing is stored");
    assert_eq!(message(empty.frames[0].as_ref()), (true, &[0, 0][..]));
}

#[test]
fn documents_are_loaded_caught_up_and_compacted_in_memory() {
    check_reads(&Bench::new(MemoryStore::new(1), OPTIONS));
}

#[test]
fn documents_are_loaded_caught_up_and_compacted_on_disk() {
    let path = env::temp_dir().join(format!("selvedge-reader-{}", process::id()));
    let bench = Bench::new(RocksStore::open(&path, RocksOptions::default()).expect("opened"), OPTIONS);
    check_reads(&bench);
    drop(bench);
    fs::remove_dir_all(path).expect("ours");
}

#[test]
fn many_who_join_at_once_share_one_read_and_one_answer() {
    let bench = Bench::new(MemoryStore::new(2), OPTIONS);
    bench.append(1, 1..=100);
    bench.store.shut();
    for core in 0..150 {
        bench.submit(core, 1, Task::CatchUp { job: core as u64, from: nothing(), through: Sequence(100) });
    }
    bench.store.open();
    let mut answers = Vec::new();
    for _ in 0..150 {
        match bench.note() {
            (core, Note::CaughtUp { job, result, .. }) if job == core as u64 => answers.push(result.expect("read")),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(bench.store.reads(), (1, 0));
    let mut distinct: Vec<_> = answers.iter().map(|answer| Arc::as_ptr(&answer.frames).cast::<u8>() as usize).collect();
    distinct.sort_unstable();
    distinct.dedup();
    assert!(distinct.len() <= 2, "those before the first read, and those that waited for it");
}

#[test]
fn beyond_the_bound_readers_are_busy() {
    let bench = Bench::new(MemoryStore::new(3), Options { threads: 1, jobs_max: 2, ..OPTIONS });
    bench.store.shut();
    bench.submit(0, 1, Task::Load { name: "document 1".into() });
    // The only thread waits at the gate with the first job.
    while bench.store.reads().0 == 0 {
        thread::yield_now();
    }
    for core in 1..=5 {
        bench.submit(core, 2, Task::Load { name: "document 2".into() });
    }
    for core in 3..=5 {
        match bench.note() {
            (answered, Note::Loaded { result: Err(ReadFailed::Busy), .. }) => assert_eq!(answered, core),
            other => panic!("{other:?}"),
        }
    }
    bench.store.open();
    for core in 0..=2 {
        assert!(matches!(bench.note(), (answered, Note::Loaded { result: Ok(_), .. }) if answered == core));
    }
}

#[test]
fn the_cache_keeps_to_its_budget_and_what_is_used() {
    let bench = Bench::new(MemoryStore::new(4), Options { cache_bytes_max: 1000, ..OPTIONS });
    for document in 1..=20 {
        bench.append(document, 1..=20);
        bench.load(document).expect("stored");
        bench.catch_up(1, nothing(), 20).expect("stored");
        let cached = bench.readers.reader().cached_bytes();
        assert!(cached > CACHED_OVERHEAD_BYTES && cached <= 1000, "{cached} bytes");
    }
    assert_eq!(bench.store.reads().0, 20, "the first was used all the time and never read again");
    bench.catch_up(2, nothing(), 20).expect("stored");
    assert_eq!(bench.store.reads().0, 21, "the second was not");
}

#[test]
fn answers_that_nobody_has_sent_yet_are_bounded() {
    let bench = Bench::new(MemoryStore::new(5), Options { delivered_bytes_max: 100, ..OPTIONS });
    bench.append(1, 1..=60);
    let since = |clock: u32| CatchUpFrom::StateVector([(1, clock)].into_iter().collect());
    let first = bench.catch_up(1, since(0), 60).expect("room");
    let second = bench.catch_up(1, since(1), 60).expect("room");
    assert_eq!(bench.catch_up(1, since(2), 60).map(|_| ()), Err(ReadFailed::Busy));
    drop((first, second));
    bench.catch_up(1, since(2), 60).expect("room again");
}

#[test]
fn a_damaged_document_fails_alone() {
    let bench = Bench::new(MemoryStore::new(6), OPTIONS);
    bench.append(1, 1..=3);
    bench.append(2, 1..=3);
    bench.store.store.faults().corrupt(DocumentKey([1; 16]), 2);
    assert!(matches!(bench.load(1), Err(ReadFailed::Corrupt(_))));
    assert!(matches!(bench.catch_up(1, nothing(), 3), Err(ReadFailed::Corrupt(_))));
    assert!(matches!(bench.snapshot(1, 3), Err(ReadFailed::Corrupt(_))));
    assert!(bench.load(2).is_ok());
    bench.store.store.faults().fail_reads(1);
    assert!(matches!(bench.load(2), Err(ReadFailed::Storage(_))));

    let (key, name) = (DocumentKey([3; 16]), "document 3");
    let garbage = Append { document: key, name, sequence: 1, update: b"\xff\xff garbage" };
    bench.store.append(&[garbage], Durability::Synced).expect("written");
    assert!(matches!(bench.load(3), Err(ReadFailed::Corrupt(_))));
    // What a record needs was lost: the state has a gap.
    let gap = letter(5);
    let gap = Append { document: DocumentKey([4; 16]), name: "document 4", sequence: 1, update: &gap };
    bench.store.append(&[gap], Durability::Synced).expect("written");
    assert!(matches!(bench.load(4), Err(ReadFailed::Corrupt(_))));
}

#[test]
fn two_names_in_one_id_are_not_served() {
    let bench = Bench::new(MemoryStore::new(7), OPTIONS);
    bench.append(1, 1..=3);
    bench.submit(0, 1, Task::Load { name: "another".into() });
    assert!(matches!(bench.note(), (0, Note::Loaded { result: Err(ReadFailed::Corrupt(_)), .. })));
}

#[test]
fn committed_records_that_are_not_there_yet_may_be_asked_for_again() {
    let bench = Bench::new(MemoryStore::new(8), OPTIONS);
    bench.append(1, 1..=3);
    assert!(matches!(bench.catch_up(1, nothing(), 4), Err(ReadFailed::Storage(_))));
    assert!(matches!(bench.catch_up(1, CatchUpFrom::Sequence(Sequence(2)), 4), Err(ReadFailed::Storage(_))));
    bench.append(1, 4..=4);
    assert_eq!(merged(&bench.catch_up(1, nothing(), 4).expect("there"), true), letters(0..4));
}

#[test]
fn a_panic_costs_one_answer_and_no_thread() {
    let mut store = Watched::new(MemoryStore::new(9));
    store.panics = true;
    let bench = Bench::watched(store, Options { threads: 1, ..OPTIONS });
    for _ in 0..3 {
        match bench.load(1) {
            Err(ReadFailed::Corrupt(why)) => assert!(why.contains("ordered panic")),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn large_documents_come_in_parts_that_together_are_the_document() {
    let bench = Bench::new(MemoryStore::new(10), Options { part_bytes_max: 1000, ..OPTIONS });
    let mut text = String::new();
    for line in 0..2000 {
        writeln!(text, "line {line}").expect("a string takes all");
    }
    let mut update = vec![1, 1, 1, 0, 0x04, 1, 1, b't'];
    put_uint(&mut update, text.len() as u64);
    update.extend(text.as_bytes());
    update.push(0);
    let record = Append { document: DocumentKey([1; 16]), name: "document 1", sequence: 1, update: &update };
    bench.store.append(&[record], Durability::Synced).expect("written");
    for (from, step_2) in [(nothing(), true), (CatchUpFrom::Sequence(Sequence(0)), false)] {
        let answer = bench.catch_up(1, from, 1).expect("stored");
        assert!(answer.frames.len() > 10 && answer.frames.iter().all(|frame| frame.len() <= 1100));
        assert_eq!(merged(&answer, step_2), update);
    }
}
