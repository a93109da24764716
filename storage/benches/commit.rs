//! Step (8) of the data path: commits of groups, and what a join and a snapshot cost.

use std::{env, fs, hint::black_box, path::PathBuf, process};

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use selvedge_storage::{Append, DocumentKey, Durability, RocksOptions, RocksStore, Store};

const DOCUMENT: DocumentKey = DocumentKey([7; 16]);
const UPDATE: [u8; 64] = [0xa5; 64];

/// A store in SELVEDGE_BENCH_DIRECTORY, or where temporary files are kept.
struct Bench {
    /// Dropped before its directory is removed.
    store: Option<RocksStore>,
    path: PathBuf,
}

impl Bench {
    fn new(name: &str) -> Bench {
        let directory = env::var_os("SELVEDGE_BENCH_DIRECTORY").map_or_else(env::temp_dir, PathBuf::from);
        let path = directory.join(format!("selvedge-bench-{}-{name}", process::id()));
        let store = RocksStore::open(&path, RocksOptions::default()).expect("a new directory");
        Bench { store: Some(store), path }
    }

    fn store(&self) -> &RocksStore {
        self.store.as_ref().expect("there until the end")
    }

    fn append(&self, first: u64, count: u64, durability: Durability) {
        let record = |sequence| Append { document: DOCUMENT, name: "bench", sequence, update: &UPDATE };
        let records: Vec<Append<'_>> = (first..first + count).map(record).collect();
        self.store().append(&records, durability).expect("the disk is well");
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.store = None;
        fs::remove_dir_all(&self.path).expect("the directory is ours");
    }
}

fn commit(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("commit");
    group.sample_size(20);
    for (durability, name) in [(Durability::Synced, "synced"), (Durability::Written, "written")] {
        for count in [1, 16, 256, 4096] {
            let bench = Bench::new("commit");
            let mut next = 1;
            group.throughput(Throughput::Elements(count));
            group.bench_function(BenchmarkId::new(name, count), |bencher| {
                bencher.iter(|| {
                    bench.append(next, count, durability);
                    next += count;
                });
            });
        }
    }
    group.finish();
}

fn load(criterion: &mut Criterion) {
    let bench = Bench::new("load");
    bench.append(1, 10_000, Durability::Synced);
    criterion.bench_function("load/10000 records", |bencher| {
        bencher.iter(|| black_box(bench.store().load(DOCUMENT)).expect("readable"));
    });
    criterion.bench_function("tail/last 10 of 10000 records", |bencher| {
        bencher.iter(|| black_box(bench.store().tail(DOCUMENT, 9_990)).expect("readable"));
    });
}

fn snapshot(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("snapshot");
    group.sample_size(20);
    let bench = Bench::new("snapshot");
    // Half noise, half text, as documents are.
    let update: Vec<u8> = (0..1_u32 << 20)
        .map(|index| if index % 2 == 0 { b'e' } else { (index.wrapping_mul(2_654_435_761) >> 24) as u8 })
        .collect();
    let mut next = 1;
    group.throughput(Throughput::Bytes(update.len() as u64));
    group.bench_function("1 MiB after 500 records", |bencher| {
        let append = || {
            bench.append(next, 500, Durability::Written);
            next += 500;
            next - 1
        };
        bencher.iter_batched(
            append,
            |sequence| bench.store().snapshot(DOCUMENT, sequence, &update).expect("the disk is well"),
            BatchSize::PerIteration,
        );
    });
    group.bench_function("load 1 MiB", |bencher| {
        bencher.iter(|| black_box(bench.store().load(DOCUMENT)).expect("readable"));
    });
    group.finish();
}

criterion_group!(benches, commit, load, snapshot);
criterion_main!(benches);
