//! What compressing and inflating of one message costs, by size, on editing traffic: updates that a text of English words makes, in the
//! encoding of Yjs. How much smaller each gets is in the name.

// The macro `criterion_group!` makes a public function without documentation.
#![allow(missing_docs)]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use selvedge_protocol::websocket::{Compressor, Inflater, MessageKind, WindowBits};
use yrs::{Doc, GetString, ReadTxn, StateVector, Text, Transact};

const SIZES: [usize; 3] = [1 << 10, 16 << 10, 1 << 20];

const WORDS: &[&str] = &[
    "the",
    "of",
    "and",
    "document",
    "to",
    "a",
    "in",
    "that",
    "is",
    "was",
    "for",
    "on",
    "with",
    "as",
    "by",
    "at",
    "paragraph",
    "from",
    "which",
    "sentence",
    "this",
    "editing",
    "has",
    "together",
    "been",
    "their",
    "would",
    "somebody",
    "writes",
    "into",
];

/// A document into which sentences were written at many places, as one update of about so many bytes.
fn editing_traffic(bytes: usize) -> Vec<u8> {
    let doc = Doc::with_client_id(4_711);
    let text = doc.get_or_insert_text("text");
    let mut state = 12_345_u32;
    let mut below = |limit: u32| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) % limit
    };
    loop {
        {
            let mut transaction = doc.transact_mut();
            for _ in 0..64 {
                let at = below(text.len(&transaction) + 1);
                let count = 1 + below(12);
                let sentence: Vec<&str> = (0..count).map(|_| WORDS[below(WORDS.len() as u32) as usize]).collect();
                text.insert(&mut transaction, at, &(sentence.join(" ") + ". "));
            }
        }
        let transaction = doc.transact();
        let update = transaction.encode_state_as_update_v1(&StateVector::default());
        if update.len() >= bytes {
            assert!(!text.get_string(&transaction).is_empty(), "something was written");
            // A message of this size, whatever it says: compressing does not look at it.
            return update[..bytes].to_vec();
        }
    }
}

fn deflate(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("deflate");
    for bytes in SIZES {
        let message = editing_traffic(bytes);
        let mut compressor = Compressor::default();
        let compressed = compressor.compress(&message, WindowBits::MAX).expect("text gets smaller").to_vec();
        let name = format!("{bytes} B, {:.2} times smaller", bytes as f64 / compressed.len() as f64);
        group.throughput(Throughput::Bytes(bytes as u64));
        group.bench_function(format!("compress {name}"), |bencher| {
            bencher.iter(|| black_box(compressor.compress(black_box(&message), WindowBits::MAX)).is_some());
        });
        let mut inflater = Inflater::default();
        group.bench_function(format!("inflate {name}"), |bencher| {
            bencher.iter(|| black_box(inflater.inflate(MessageKind::Binary, black_box(&compressed), bytes)).is_ok());
        });
    }
    group.finish();

    let mut group = criterion.benchmark_group("deflate hostile");
    let limit = 64 << 20;
    let bomb = Compressor::default().compress(&vec![0; limit], WindowBits::MAX).expect("zeros get smaller").to_vec();
    let ended = [3, 0].repeat(500_000);
    for (name, bytes) in [("bomb up to a limit of 16 MiB", bomb), ("1 MB of empty streams", ended)] {
        group.sample_size(10).throughput(Throughput::Bytes(bytes.len() as u64));
        group.bench_function(name, |bencher| {
            let mut inflater = Inflater::default();
            bencher.iter(|| black_box(inflater.inflate(MessageKind::Binary, black_box(&bytes), 16 << 20)).is_ok());
        });
    }
    group.finish();
}

criterion_group!(benches, deflate);
criterion_main!(benches);
