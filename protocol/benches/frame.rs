//! The step "frame" of the data path, bytes to message and back: reading, unmasking and writing of WebSocket frames, and the
//! upgrade request before the first of them.

// The macro `criterion_group!` makes a public function without documentation.
#![allow(missing_docs)]

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use selvedge_protocol::http::{self, parse_request};
use selvedge_protocol::sync;
use selvedge_protocol::websocket::{Limits, OpCode, Reader, Role, apply_mask, put_frame, put_masked_frame};

const LIMITS: Limits = Limits { message_bytes_max: 1 << 20, fragments_max: 64 };
const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
const SMALL_BYTES: usize = 20;
const LARGE_BYTES: usize = 16 * 1024;
/// What one receive buffer holds.
const READ_BYTES: usize = 4096;

fn frames(opcode: OpCode, payload_bytes: usize, count: usize) -> Vec<u8> {
    let mut stream = Vec::new();
    for _ in 0..count {
        put_masked_frame(&mut stream, opcode, &vec![b'a'; payload_bytes], KEY);
    }
    stream
}

/// Reads `data` to its end; says how many bytes of payload came out.
fn read(reader: &mut Reader, data: &mut [u8]) -> usize {
    let (mut consumed, mut events) = (0, 0);
    while let Some(event) = reader.next(data, &mut consumed, &LIMITS).expect("the stream is valid") {
        black_box(event);
        events += 1;
    }
    events
}

fn reading(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("frame read");

    // Unmasking twice gives the masked bytes again, so binary streams can be read over and over.
    let count = READ_BYTES / (SMALL_BYTES + 6);
    let mut small = frames(OpCode::Binary, SMALL_BYTES, count);
    group.throughput(Throughput::Elements(count as u64));
    group.bench_function("20 B frames, whole", |bencher| {
        let mut reader = Reader::new(Role::Server);
        bencher.iter(|| read(&mut reader, &mut small));
    });
    let mut one = frames(OpCode::Binary, SMALL_BYTES, 1);
    group.throughput(Throughput::Elements(1));
    group.bench_function("20 B frame, cut in two reads", |bencher| {
        let mut reader = Reader::new(Role::Server);
        let (head, tail) = one.split_at_mut(10);
        bencher.iter(|| read(&mut reader, head) + read(&mut reader, tail));
    });

    group.throughput(Throughput::Bytes(LARGE_BYTES as u64));
    let mut large = frames(OpCode::Binary, LARGE_BYTES, 1);
    group.bench_function("16 KiB frame, whole", |bencher| {
        let mut reader = Reader::new(Role::Server);
        bencher.iter(|| read(&mut reader, &mut large));
    });
    group.bench_function("16 KiB frame, in reads of 4 KiB", |bencher| {
        let mut reader = Reader::new(Role::Server);
        bencher.iter(|| large.chunks_mut(READ_BYTES).map(|piece| read(&mut reader, piece)).sum::<usize>());
    });
    let text = frames(OpCode::Text, LARGE_BYTES, 1);
    group.bench_function("16 KiB text frame, whole", |bencher| {
        let mut reader = Reader::new(Role::Server);
        bencher.iter_batched_ref(|| text.clone(), |data| read(&mut reader, data), BatchSize::SmallInput);
    });
    group.finish();
}

fn masking(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("frame unmask");
    for payload_bytes in [SMALL_BYTES, LARGE_BYTES] {
        let mut payload = vec![0; payload_bytes];
        group.throughput(Throughput::Bytes(payload_bytes as u64));
        group.bench_function(format!("{payload_bytes} B"), |bencher| {
            bencher.iter(|| apply_mask(black_box(&mut payload), black_box(KEY), 0));
        });
    }
    group.finish();
}

fn writing(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("frame write");
    for payload_bytes in [SMALL_BYTES, LARGE_BYTES] {
        let payload = vec![0; payload_bytes];
        let mut out = Vec::with_capacity(payload_bytes + 14);
        group.throughput(Throughput::Bytes(payload_bytes as u64));
        group.bench_function(format!("frame of {payload_bytes} B"), |bencher| {
            bencher.iter(|| {
                out.clear();
                put_frame(&mut out, OpCode::Binary, black_box(&payload));
                black_box(&out);
            });
        });
        group.bench_function(format!("Update of {payload_bytes} B"), |bencher| {
            bencher.iter(|| {
                out.clear();
                sync::put_update(&mut out, black_box(&payload));
                black_box(&out);
            });
        });
    }
    group.finish();
}

fn upgrade(criterion: &mut Criterion) {
    let request = b"GET /notes/a?token=b HTTP/1.1\r\nHost: localhost:8080\r\nConnection: keep-alive, Upgrade\r\n\
        Pragma: no-cache\r\nCache-Control: no-cache\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 \
        Firefox/140.0\r\nUpgrade: websocket\r\nOrigin: http://localhost:3000\r\nSec-WebSocket-Version: 13\r\n\
        Accept-Encoding: gzip, deflate, br, zstd\r\nAccept-Language: en-US,en;q=0.5\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n";
    let limits = http::Limits { head_bytes_max: 8192 };
    let mut out = Vec::with_capacity(256);
    criterion.bench_function("frame upgrade request of a browser, read and answered", |bencher| {
        bencher.iter(|| {
            let (request, _) = parse_request(black_box(request), &limits).expect("valid").expect("complete");
            let http::RequestKind::Upgrade { key } = request.kind else { panic!("an upgrade") };
            out.clear();
            http::write_upgrade(&mut out, &key, None, None);
            black_box(&out);
        });
    });
}

criterion_group!(benches, reading, masking, writing, upgrade);
criterion_main!(benches);
