//! The step "fan_out" of the data path: what a shard spends on handing one turn's update to all sessions of a document: the effects are made
//! and taken, nothing is sent.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use selvedge_protocol::sync::Message;
use selvedge_protocol::update::Known;
use selvedge_protocol::{awareness, update};
use selvedge_shards::reading::Loaded;
use selvedge_shards::{Access, Config, Dialect, Effect, Input, Load, Now, Sequence, SessionId, Shard, ShardId};

const AUTHOR: SessionId = SessionId { index: 0, generation: 0 };

fn config() -> Config {
    Config {
        shard: ShardId(0),
        shards: 1,
        update: update::Limits::default(),
        large_update_bytes: 64 << 10,
        preparing_bytes_max: 1 << 30,
        awareness: awareness::Limits {
            update_bytes_max: 1 << 20,
            entries_max: 1_000,
            state_bytes_max: 1 << 16,
            json_depth_max: 64,
        },
        outbox_bytes_max: 1 << 20,
        sessions_per_document_max: 200_000,
        hot_document_sessions: 200_000,
        documents_max: 10,
        document_bytes_max: 1 << 40,
        waiting_bytes_per_session_max: 1 << 20,
        waiting_bytes_per_document_max: 1 << 20,
        waiting_timeout_ms: 30_000,
        fan_out_window_max_ms: 16,
        awareness_window_max_ms: 250,
        awareness_window_per_session_us: 125,
        awareness_entries_max: 1_000,
        awareness_entries_per_session_max: 10,
        awareness_bytes_max: 4 << 20,
        document_updates_per_second_max: 1_000_000_000,
        author_updates_per_second_max: 1_000_000_000,
        session_awareness_per_second_max: 1_000_000,
        uncommitted_bytes_max: 1 << 30,
        catch_up_timeout_ms: 60_000,
        document_idle_ms: 60_000,
        snapshot_records: u64::MAX,
        snapshot_bytes: u64::MAX,
    }
}

/// A shard and what it is owed: every send is answered, every record committed, before the next turn.
struct Bench {
    shard: Shard,
    drained: Vec<SessionId>,
    commits: Vec<(selvedge_shards::DocumentId, Sequence)>,
    clock: u32,
}

impl Bench {
    fn new(sessions: u32) -> Self {
        let mut bench = Self { shard: Shard::new(config()), drained: Vec::new(), commits: Vec::new(), clock: 0 };
        let name: Arc<str> = Arc::from("document");
        for index in 0..sessions {
            let session = SessionId { index, generation: 0 };
            bench.handle(Input::Attached {
                session,
                name: Arc::clone(&name),
                access: Access::ReadWrite,
                dialect: Dialect::YWebsocket,
            });
        }
        bench.settle();
        bench
    }

    fn handle(&mut self, input: Input<'_>) {
        self.shard.handle(Now(0), input);
        while let Some(effect) = self.shard.poll_effect() {
            match black_box(effect) {
                Effect::Send { session, .. } => self.drained.push(session),
                Effect::Append { document, sequence, .. } => self.commits.push((document, sequence)),
                Effect::Load { document, .. } => {
                    let known = Known::default();
                    let loaded = Loaded { sequence: Sequence(0), known, log_records: 0, log_bytes: 0, bytes: 0 };
                    self.handle(Input::Loaded { document, result: Ok(Box::new(loaded)) });
                }
                Effect::Close { .. }
                | Effect::Pause { .. }
                | Effect::Resume { .. }
                | Effect::Probe { .. }
                | Effect::Stateless { .. }
                | Effect::Prepare { .. }
                | Effect::CatchUp { .. }
                | Effect::Snapshot { .. }
                | Effect::Delete { .. }
                | Effect::Answer { .. }
                | Effect::Evicted { .. }
                | Effect::Envelope { .. } => {}
            }
        }
    }

    /// What the sockets and the disk owe.
    fn settle(&mut self) {
        while let Some((document, sequence)) = self.commits.pop() {
            self.handle(Input::Committed { document, sequence });
        }
        while let Some(session) = self.drained.pop() {
            self.handle(Input::Drained { session });
        }
    }

    /// A whole round: one letter by the author, the turn's end, the update to all, the commit, the author's echo, and all sockets
    /// drained.
    fn round(&mut self) {
        let update = letter(self.clock);
        self.clock += 1;
        self.handle(Input::Message { session: AUTHOR, message: Message::Update { update: &update } });
        self.handle(Input::TurnEnded { load: Load::NONE });
        self.settle();
    }
}

/// Client 1 types one letter behind its last.
fn letter(clock: u32) -> Vec<u8> {
    use selvedge_protocol::lib0::put_uint;
    let mut out = vec![1, 1, 1];
    put_uint(&mut out, u64::from(clock));
    match clock.checked_sub(1) {
        None => out.extend([4, 1, 1, b't']),
        Some(last) => {
            out.extend([0x84, 1]);
            put_uint(&mut out, u64::from(last));
        }
    }
    out.extend([1, b'x', 0]);
    out
}

fn fan_out(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("fan_out");
    for sessions in [10_u32, 1_000, 100_000] {
        group.throughput(Throughput::Elements(u64::from(sessions)));
        group.bench_function(BenchmarkId::new("update", sessions), |bencher| {
            let mut bench = Bench::new(sessions);
            bencher.iter(|| bench.round());
        });
    }
    group.finish();
}

criterion_group!(benches, fan_out);
criterion_main!(benches);
