//! The step "commit" of the data path: one record of each of a number of documents, in one batch. `synced` is on disk when it returns,
//! `written` only in the kernel.

#[path = "disk/bench.rs"]
mod bench;

use bench::{Bench, noise};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use selvedge_storage::{Append, DocumentKey, Durability, Store};

const UPDATE_BYTES: usize = 64;
const GROUPS: [u64; 7] = [1, 4, 16, 64, 256, 1024, 4096];

fn commit(criterion: &mut Criterion) {
    let update = noise(UPDATE_BYTES);
    let mut group = criterion.benchmark_group("commit");
    group.sample_size(20);
    for (durability, name) in [(Durability::Synced, "synced"), (Durability::Written, "written")] {
        for count in GROUPS {
            let bench = Bench::new("commit");
            let documents: Vec<DocumentKey> =
                (0..count).map(|number| DocumentKey((u128::from(number) << 64).to_be_bytes())).collect();
            let mut sequence = 0;
            group.throughput(Throughput::Elements(count));
            group.bench_function(BenchmarkId::new(name, count), |bencher| {
                bencher.iter(|| {
                    sequence += 1;
                    let record = |&document| Append { document, name: "bench", sequence, update: &update };
                    let records: Vec<Append<'_>> = documents.iter().map(record).collect();
                    bench.store().append(&records, durability).expect("the disk is well");
                });
            });
        }
    }
    group.finish();
}

criterion_group!(benches, commit);
criterion_main!(benches);
