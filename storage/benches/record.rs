//! The step "record" of the data path: an update to the bytes of a record and back, checked. Nothing is stored.
//!
//! Compiles the crate's own file once more: what it offers is nobody else's business.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
// The file finds them at the root, as it does in its crate.
use selvedge_storage::{Corruption, DocumentKey, Version};

#[expect(dead_code, reason = "what is written seldom is not measured")]
#[path = "../src/record.rs"]
mod record;

const DOCUMENT: DocumentKey = DocumentKey([0x5e; 16]);
/// A letter, a turn of a busy document, and a paste.
const UPDATES_BYTES: [usize; 3] = [24, 256, 16 << 10];
/// As the store cuts snapshots.
const PART_BYTES: usize = 256 << 10;

/// Bytes without a pattern.
fn bytes(length: usize) -> Vec<u8> {
    (0..length as u32).map(|index| (index.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

fn record(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("record");
    for length in UPDATES_BYTES {
        let update = bytes(length);
        let mut value = Vec::new();
        group.throughput(Throughput::Elements(1));
        group.bench_function(BenchmarkId::new("encode", format!("{length} B")), |bencher| {
            bencher.iter(|| {
                let logged = record::Logged { update: black_box(&update), written_ms: 5 };
                record::encode_log(DOCUMENT, 7, logged, &mut value);
                black_box(&value);
            });
        });
        group.bench_function(BenchmarkId::new("validate", format!("{length} B")), |bencher| {
            let parse = || record::parse_log(DOCUMENT, 7, black_box(&value));
            bencher.iter(|| parse().map(|logged| logged.update.len()).expect("written above"));
        });
    }
    let part = bytes(PART_BYTES);
    let mut value = Vec::new();
    group.throughput(Throughput::Bytes(PART_BYTES as u64));
    group.bench_function("encode part of a snapshot", |bencher| {
        bencher.iter(|| {
            record::encode_snapshot_part(DOCUMENT, 7, 0, black_box(&part), &mut value);
            black_box(&value);
        });
    });
    group.bench_function("validate part of a snapshot", |bencher| {
        let parse = || record::parse_snapshot_part(DOCUMENT, 7, 0, black_box(&value));
        bencher.iter(|| parse().map(<[u8]>::len).expect("written above"));
    });
    group.finish();
}

criterion_group!(benches, record);
criterion_main!(benches);
