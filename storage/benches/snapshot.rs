//! The step "snapshot" beside the data path: what compacting and reading cost the disk's side, without what is made of the bytes.

#[path = "disk/bench.rs"]
mod bench;

use std::hint::black_box;

use bench::{Bench, noise};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use selvedge_storage::{Append, DocumentKey, Durability, Store};

const DOCUMENT: DocumentKey = DocumentKey([7; 16]);
const UPDATE_BYTES: usize = 64;
const SNAPSHOT_BYTES: usize = 1 << 20;
/// As many records as a snapshot replaces.
const RECORDS: u64 = 500;
const LOG_RECORDS: u64 = 10_000;

fn append(bench: &Bench, first: u64, count: u64) {
    let update = noise(UPDATE_BYTES);
    let record = |sequence| Append { document: DOCUMENT, name: "bench", sequence, update: &update };
    let records: Vec<Append<'_>> = (first..first + count).map(record).collect();
    bench.store().append(&records, Durability::Written).expect("the disk is well");
}

fn snapshot(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("snapshot");
    group.sample_size(20);
    let bench = Bench::new("snapshot");
    // Half noise, half text, as documents are.
    let mut update = noise(SNAPSHOT_BYTES);
    update.iter_mut().step_by(2).for_each(|byte| *byte = b'e');
    let mut next = 1;
    group.throughput(Throughput::Bytes(update.len() as u64));
    group.bench_function("1 MiB after 500 records", |bencher| {
        let append = || {
            append(&bench, next, RECORDS);
            next += RECORDS;
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

    let bench = Bench::new("log");
    append(&bench, 1, LOG_RECORDS);
    group.throughput(Throughput::Elements(LOG_RECORDS));
    group.bench_function("load 10000 records", |bencher| {
        bencher.iter(|| black_box(bench.store().load(DOCUMENT)).expect("readable"));
    });
    group.throughput(Throughput::Elements(10));
    group.bench_function("tail of 10 among 10000 records", |bencher| {
        bencher.iter(|| black_box(bench.store().tail(DOCUMENT, LOG_RECORDS - 10)).expect("readable"));
    });
    group.finish();
}

criterion_group!(benches, snapshot);
criterion_main!(benches);
