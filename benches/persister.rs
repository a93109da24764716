//! The step "persister" of the data path: group commit to RocksDB, every batch synced; how many updates a second, and how long an author waits for
//! its acknowledgement, with 1, 16 and 256 authors who each write again when they are acknowledged.
//!
//! Not a criterion bench: a closed loop decides by itself how large its batches are, and the waits are the point.
//! `SELVEDGE_BENCH_DIRECTORY` says where to write; a memory disk proves nothing.

use std::path::PathBuf;
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use std::{env, fs, process};

use selvedge::inbox::{Deliver, Note};
use selvedge::persister::{Append, Fsync, Persister};
use selvedge_shards::{DocumentId, Sequence};
use selvedge_storage::{RocksOptions, RocksStore};

// As the server has it.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

const AUTHORS: [u64; 3] = [1, 16, 256];
const UPDATE_BYTES: usize = 64;

/// How long each number of authors writes.
#[derive(Clone, Copy)]
struct Times {
    warm_up: Duration,
    measured: Duration,
}

fn main() {
    let given: Vec<String> = env::args().collect();
    let has = |flag: &str| given.iter().any(|argument| argument == flag);
    // Cargo says so where it is a bench; without, it is a test, which only proves that all of this works.
    let times = match (has("--bench"), has("--quick")) {
        (true, false) => Times { warm_up: Duration::from_millis(500), measured: Duration::from_secs(4) },
        (true, true) => Times { warm_up: Duration::from_millis(100), measured: Duration::from_millis(500) },
        (false, _) => Times { warm_up: Duration::from_millis(10), measured: Duration::from_millis(50) },
    };
    println!("| authors | updates/s | per batch | wait p50 | wait p99 |\n|---|---|---|---|---|");
    for authors in AUTHORS {
        measure(authors, times);
    }
}

struct Author {
    document: DocumentId,
    name: Arc<str>,
    sequence: Sequence,
    sent: Instant,
}

impl Author {
    fn new(number: u64) -> Self {
        let name: Arc<str> = format!("document {number}").into();
        Self { document: DocumentId::of(&name), name, sequence: Sequence(0), sent: Instant::now() }
    }

    fn next(&mut self) -> Append {
        self.sequence = self.sequence.next();
        self.sent = Instant::now();
        let (document, name, sequence) = (self.document, Arc::clone(&self.name), self.sequence);
        Append { core: 0, document, name, sequence, update: vec![0x5e; UPDATE_BYTES], more: Vec::new() }
    }
}

fn measure(count: u64, times: Times) {
    let parent = env::var_os("SELVEDGE_BENCH_DIRECTORY").map_or_else(env::temp_dir, PathBuf::from);
    let directory = parent.join(format!("selvedge-commit-{}-{count}", process::id()));
    let store = RocksStore::open(&directory, RocksOptions::default()).expect("the directory can be made");
    let (sender, notes) = mpsc::channel();
    let sender = Mutex::new(sender);
    let deliver: Deliver = Arc::new(move |_, note| {
        // At the end nobody listens any more.
        drop(sender.lock().expect("sending does not panic").send(note));
    });
    let persister = Persister::spawn(Arc::new(store), Fsync::Always, deliver).expect("a thread");
    let appender = persister.appender();

    let mut authors: std::collections::HashMap<DocumentId, Author> =
        (0..count).map(Author::new).map(|author| (author.document, author)).collect();
    let mut waits = Vec::new();
    authors.values_mut().for_each(|author| appender.append(author.next()));
    let start = Instant::now();
    let (mut measuring, mut batches) = (false, 0);
    while start.elapsed() < times.warm_up + times.measured {
        if !measuring && start.elapsed() >= times.warm_up {
            measuring = true;
            waits.clear();
            batches = persister.health().batches();
        }
        match notes.recv().expect("the persister lives") {
            Note::Committed(commits) => {
                for (document, _) in commits {
                    let author = authors.get_mut(&document).expect("one of ours");
                    waits.push(author.sent.elapsed());
                    appender.append(author.next());
                }
            }
            other => panic!("{other:?}"),
        }
    }
    batches = persister.health().batches() - batches;
    persister.drain(Duration::from_secs(10)).expect("the disk works");
    fs::remove_dir_all(&directory).expect("ours");

    waits.sort_unstable();
    let at = |percent: usize| format!("{:.2?}", waits[(waits.len() - 1) * percent / 100]);
    let rate = waits.len() as f64 / times.measured.as_secs_f64();
    let per_batch = waits.len() as f64 / batches.max(1) as f64;
    println!("| {count} | {rate:.0} | {per_batch:.1} | {} | {} |", at(50), at(99));
}
