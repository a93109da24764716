//! The step "reader" beside the data path: a document from RocksDB to what a shard keeps of it, and to the frames for somebody who joins.
//! Small is a recorded session with a snapshot and a log behind it; large is 20 MB of rich text by 200 authors.
//!
//! What is read is in the kernel's cache: this measures the work and not the disk.

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use std::{env, fs, process};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use selvedge::inbox::{Deliver, Note};
use selvedge::reader::stored::key;
use selvedge::reader::{Job, Options, Readers, Task};
use selvedge_protocol::lib0::{put_buf, put_uint};
use selvedge_protocol::update::{Compaction, StateVector, compact, merge};
use selvedge_shards::reading::CatchUpFrom;
use selvedge_shards::{DocumentId, Sequence};
use selvedge_storage::{Append, Durability, RocksOptions, RocksStore, Store};

// As the server has it.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

const OPTIONS: Options = Options {
    threads: 1,
    jobs_max: 1,
    cache_bytes_max: 256 << 20,
    delivered_bytes_max: 1 << 30,
    part_bytes_max: 64 << 10,
    compaction: Compaction::SMALLEST,
};
/// Records behind the snapshot: as many as there may be before the next one.
const LOG_RECORDS: usize = 500;
const AUTHORS: u64 = 200;
/// Formatted sentences of each author. Together 20 MB.
const SENTENCES: u64 = 1_070;
const SENTENCE: &str = "Of all that is woven, the edge is what keeps the rest from coming apart.";

/// The updates of the recorded session, in order.
fn trace() -> Vec<Vec<u8>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/traces/friendsforever.yup.jsonl.gz");
    let unpacked = Command::new("gzip").arg("-dc").arg(path).output().expect("gzip is installed");
    assert!(unpacked.status.success(), "the trace is in the tree");
    let text = String::from_utf8(unpacked.stdout).expect("JSON is UTF-8");
    // Each line but the first ends with the update: `"base64"]`.
    text.lines().skip(1).map(|line| decode_base64(line.rsplit('"').nth(1).expect("a string"))).collect()
}

/// Standard base64 (RFC 4648, section 4), of which the tree's traces are correct examples.
fn decode_base64(text: &str) -> Vec<u8> {
    let digit = |byte: u8| match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        other => panic!("{other} is no digit"),
    };
    let (mut bits, mut count, mut bytes) = (0_u32, 0, Vec::new());
    for byte in text.trim_end_matches('=').bytes() {
        bits = bits << 6 | u32::from(digit(byte));
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    bytes
}

/// Sentences and a mark behind each, which keeps them from growing together: as an update of `AUTHORS` clients.
fn rich_text() -> Vec<u8> {
    let mut out = Vec::new();
    put_uint(&mut out, AUTHORS);
    for author in (1..=AUTHORS).rev() {
        put_uint(&mut out, SENTENCES * 2);
        put_uint(&mut out, author);
        put_uint(&mut out, 0);
        let mut clock = 0;
        for _ in 0..SENTENCES {
            put_item(&mut out, 4, author, clock);
            put_buf(&mut out, SENTENCE.as_bytes());
            clock += SENTENCE.len() as u64;
            put_item(&mut out, 6, author, clock);
            put_buf(&mut out, b"bold");
            put_buf(&mut out, b"true");
            clock += 1;
        }
    }
    put_uint(&mut out, 0);
    out
}

/// The head of an item of this content kind, behind the author's last, or the first one in the author's text.
fn put_item(out: &mut Vec<u8>, kind: u8, author: u64, clock: u64) {
    match clock.checked_sub(1) {
        None => {
            out.extend([kind, 1]);
            put_buf(out, format!("text of {author}").as_bytes());
        }
        Some(last) => {
            out.push(0x80 | kind);
            put_uint(out, author);
            put_uint(out, last);
        }
    }
}

/// A store with one document, and a thread that reads it.
struct Bench {
    document: DocumentId,
    name: Arc<str>,
    sequence: Sequence,
    bytes: u64,
    readers: Option<Readers>,
    notes: Receiver<Note>,
    path: PathBuf,
}

impl Bench {
    /// A document with a snapshot, and a log behind it.
    fn new(name: &str, snapshot: &[u8], log: &[Vec<u8>]) -> Self {
        let parent = env::var_os("SELVEDGE_BENCH_DIRECTORY").map_or_else(env::temp_dir, PathBuf::from);
        let path = parent.join(format!("selvedge-reader-{}-{name}", process::id()));
        let store = RocksStore::open(&path, RocksOptions::default()).expect("the directory can be made");
        let document = DocumentId::of(name);
        let append = |sequence, update: &[u8]| {
            let record = Append { document: key(document), name, sequence, update };
            store.append(&[record], Durability::Written).expect("the disk is well");
        };
        append(1, snapshot);
        store.snapshot(key(document), 1, snapshot).expect("the disk is well");
        for (sequence, update) in (2..).zip(log) {
            append(sequence, update);
        }
        let (sender, notes) = mpsc::channel();
        let sender = Mutex::new(sender);
        let deliver: Deliver = Arc::new(move |_, note| {
            // At the end nobody listens any more.
            drop(sender.lock().expect("sending does not panic").send(note));
        });
        let readers = Readers::spawn(Arc::new(store), OPTIONS, deliver, Arc::default()).expect("a thread");
        Self {
            document,
            name: name.into(),
            sequence: Sequence(1 + log.len() as u64),
            bytes: (snapshot.len() + log.iter().map(Vec::len).sum::<usize>()) as u64,
            readers: Some(readers),
            notes,
            path,
        }
    }

    fn answer(&self, task: Task) -> Note {
        let reader = self.readers.as_ref().expect("there until the end").reader();
        reader.submit(Job { core: 0, document: self.document, task });
        self.notes.recv().expect("every job has an answer")
    }

    /// From the disk's side: nothing of it is kept in between.
    fn load(&self) {
        match self.answer(Task::Load { name: Arc::clone(&self.name) }) {
            Note::Loaded { result, .. } => assert_eq!(black_box(result).expect("readable").sequence, self.sequence),
            other => panic!("{other:?}"),
        }
    }

    /// For somebody who has nothing, from what the last load has kept.
    fn join(&self) {
        let from = CatchUpFrom::StateVector(StateVector::default());
        match self.answer(Task::CatchUp { job: 0, from, through: self.sequence }) {
            Note::CaughtUp { result, .. } => assert_eq!(black_box(result).expect("readable").through, self.sequence),
            other => panic!("{other:?}"),
        }
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        // The threads have the store open.
        self.readers = None;
        fs::remove_dir_all(&self.path).expect("the directory is ours");
    }
}

fn reader(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("reader");
    group.sample_size(20).measurement_time(Duration::from_secs(4));
    let updates = trace();
    let (earlier, log) = updates.split_at(updates.len() - LOG_RECORDS);
    let merged = merge(earlier).expect("a trace is legal");
    let snapshot = compact(&merged, Compaction::SMALLEST).expect("a trace is legal");
    let large = rich_text();
    for (size, bench) in [("small", Bench::new("small", &snapshot, log)), ("20 MB", Bench::new("large", &large, &[]))] {
        group.throughput(Throughput::Bytes(bench.bytes));
        group.bench_function(format!("load {size}"), |bencher| bencher.iter(|| bench.load()));
        bench.load();
        group.bench_function(format!("join {size}, loaded"), |bencher| bencher.iter(|| bench.join()));
    }
    group.finish();
}

criterion_group!(benches, reader);
criterion_main!(benches);
