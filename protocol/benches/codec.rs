//! The step "codec" of the data path: updates of recorded editing sessions, one-character updates as they come, and the whole states they make.

use std::hint::black_box;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use criterion::measurement::WallTime;
use criterion::{BatchSize, BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use selvedge_protocol::update::{
    Compaction, Known, Limits, StateVector, Verdict, accept, compact, diff, merge, split, state_vector,
};

const TRACES: [&str; 2] = ["friendsforever", "rustcode"];
/// As many updates as a busy document has in one turn.
const TURN: usize = 64;
const PART_BYTES: usize = 64 << 10;

/// The updates of a session, in order.
fn trace(name: &str) -> Vec<Vec<u8>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../tests/traces/{name}.yup.jsonl.gz"));
    let unpacked = Command::new("gzip").arg("-dc").arg(path).output().expect("gzip is installed");
    assert!(unpacked.status.success(), "the trace is in the tree");
    let text = String::from_utf8(unpacked.stdout).expect("JSON is UTF-8");
    // Each line but the first ends with the update: `"base64"]`.
    let update = |line: &str| {
        let encoded = line.rsplit('"').nth(1).expect("a string");
        let mut bytes = vec![0; encoded.len()];
        let len = STANDARD.decode_slice(encoded, &mut bytes).expect("base64");
        bytes.truncate(len);
        bytes
    };
    text.lines().skip(1).map(update).collect()
}

fn known_after(updates: &[Vec<u8>]) -> Known {
    let mut known = Known::default();
    for update in updates {
        take(&mut known, update);
    }
    known
}

fn take(known: &mut Known, update: &[u8]) {
    match accept(known, update, &Limits::default()) {
        Verdict::Accepted(accepted) => known.apply(&accepted),
        other => panic!("a trace is complete: {other:?}"),
    }
}

fn bytes(updates: &[Vec<u8>]) -> Throughput {
    Throughput::Bytes(updates.iter().map(|update| update.len() as u64).sum())
}

/// Accepts the last thousand updates of a session, one by one: the time is that of a thousand.
fn accepting(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, updates: &[Vec<u8>]) {
    let (earlier, last) = updates.split_at(updates.len() - 1000);
    let known = known_after(earlier);
    group.throughput(Throughput::Elements(last.len() as u64));
    group.bench_function(BenchmarkId::new("accept_and_apply", name), |b| {
        let all = |mut known: Known| {
            last.iter().for_each(|update| take(&mut known, update));
            known
        };
        b.iter_batched(|| known.clone(), all, BatchSize::LargeInput);
    });
    let whole = known_after(updates);
    group.bench_function(BenchmarkId::new("accept_known", name), |b| {
        b.iter(|| {
            for update in last {
                assert!(matches!(accept(&whole, update, &Limits::default()), Verdict::Duplicate));
            }
        });
    });
}

fn merging(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, updates: &[Vec<u8>]) {
    group.throughput(bytes(updates));
    group.bench_function(BenchmarkId::new("merge_all", name), |b| b.iter(|| merge(black_box(updates))));
    group.throughput(Throughput::Elements(updates.len() as u64));
    group.bench_function(BenchmarkId::new("merge_turns", name), |b| {
        b.iter(|| updates.chunks(TURN).map(|turn| merge(turn).map_or(0, |merged| merged.len())).sum::<usize>());
    });
    group.bench_function(BenchmarkId::new("merge_and_squash_turns", name), |b| {
        let squash = |turn| merge(turn).and_then(|merged| compact(&merged, Compaction::SQUASH)).map_or(0, |u| u.len());
        b.iter(|| updates.chunks(TURN).map(squash).sum::<usize>());
    });
}

/// What is done to whole states.
fn whole(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, state: &[u8]) {
    group.throughput(Throughput::Bytes(state.len() as u64));
    let vector = state_vector(state).expect("legal");
    let part_known: StateVector = vector.iter().map(|(client, clock)| (client, clock / 3)).collect();
    // Both halves overlap in the middle third.
    let later = diff(state, &part_known).expect("legal");
    group.bench_function(BenchmarkId::new("state_vector", name), |b| b.iter(|| state_vector(black_box(state))));
    group.bench_function(BenchmarkId::new("known_of", name), |b| b.iter(|| Known::of(black_box(state))));
    group.bench_function(BenchmarkId::new("diff", name), |b| b.iter(|| diff(black_box(state), &part_known)));
    group.bench_function(BenchmarkId::new("merge_one", name), |b| b.iter(|| merge(&[black_box(state)])));
    for (what, how) in
        [("squash", Compaction::SQUASH), ("smallest", Compaction::SMALLEST), ("collect", Compaction::COLLECT)]
    {
        group.bench_function(BenchmarkId::new(what, name), |b| b.iter(|| compact(black_box(state), how)));
    }
    group.bench_function(BenchmarkId::new("split", name), |b| b.iter(|| split(black_box(state), PART_BYTES)));
    group.throughput(Throughput::Bytes((state.len() + later.len()) as u64));
    group.bench_function(BenchmarkId::new("merge_overlapping", name), |b| b.iter(|| merge(&[state, &later])));
}

fn codec(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("codec");
    group.measurement_time(Duration::from_secs(2)).warm_up_time(Duration::from_millis(500)).sample_size(20);
    for name in TRACES {
        let updates = trace(name);
        accepting(&mut group, name, &updates);
        merging(&mut group, name, &updates);
        let merged = merge(&updates).expect("legal");
        whole(&mut group, &format!("{name}/merged"), &merged);
        let collected = compact(&merged, Compaction::COLLECT).expect("legal");
        whole(&mut group, &format!("{name}/collected"), &collected);
    }
    group.finish();
}

criterion_group!(benches, codec);
criterion_main!(benches);
