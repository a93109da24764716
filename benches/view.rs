//! What it costs to look into a document in a process of its own: a new process for each request, and one that is kept.

use std::time::Duration;

use axum::body::Bytes;
use criterion::{Criterion, criterion_group, criterion_main};
use selvedge::view::{Operation, Options, View};
use tokio::runtime::Builder;
use yrs::{Doc, ReadTxn as _, StateVector, Text as _, Transact as _};

/// Words that were typed one after another, each at the start, so that they are structs of their own.
fn document(words: u32) -> Bytes {
    let doc = Doc::new();
    let text = doc.get_or_insert_text("text");
    for _ in 0..words {
        text.insert(&mut doc.transact_mut(), 0, "sentence ");
    }
    doc.transact().encode_state_as_update_v1(&StateVector::default()).into()
}

fn view(requests_per_worker_max: u32) -> View {
    View::new(Options {
        program: env!("CARGO_BIN_EXE_selvedge").into(),
        workers_max: 1,
        // The worker of the request before may still be ending.
        waiting_max: 1,
        timeout: Duration::from_secs(60),
        memory_bytes: 512 << 20,
        answer_bytes_max: 64 << 20,
        requests_per_worker_max,
    })
}

fn bench(criterion: &mut Criterion) {
    let runtime = Builder::new_current_thread().enable_all().build().expect("threads can be had");
    let edit =
        [Operation::TextInsert { root: "text".into(), path: Vec::new(), index: 0, text: "x".into(), attributes: None }];
    let mut group = criterion.benchmark_group("view");
    group.sample_size(20);
    for (worker, requests_per_worker_max) in [("a new worker", 1), ("a kept worker", u32::MAX)] {
        let view = view(requests_per_worker_max);
        for words in [1, 1_000, 30_000] {
            let document = document(words);
            let name = format!("{worker}, {} KB", document.len().div_ceil(1_000));
            group.bench_function(format!("text, {name}"), |bencher| {
                bencher.iter(|| runtime.block_on(view.text(document.clone(), None)).expect("a document"));
            });
            group.bench_function(format!("json, {name}"), |bencher| {
                bencher.iter(|| runtime.block_on(view.json_bytes(document.clone())).expect("a document"));
            });
            group.bench_function(format!("patch, {name}"), |bencher| {
                bencher.iter(|| runtime.block_on(view.patch(document.clone(), edit.to_vec())).expect("a document"));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
