//! Reads from all parts of the server what a sample is made of. Decides nothing.

use std::time::Instant;

use super::super::Context;
use crate::limits::allocator;
use crate::profiler::{CoreSample, Memory, Sample, Storage, Traffic};
use crate::reactor::Counted;

pub(super) fn sample(context: &Context) -> Sample {
    let stuck: Vec<usize> = context.health.turning().stuck(Instant::now()).collect();
    let (reader, writing) = (&context.reader, &context.writing);
    let mut sample = Sample::default();
    let mut held = Held::default();
    *sample.timings = context.timings();
    sample.traffic.records = writing.records();
    for (core, counted) in context.board.read().enumerate() {
        sample.cores.push(of_core(&counted, !stuck.contains(&core)));
        sample.sessions_behind += counted.shard.sessions_behind;
        add(&mut sample.traffic, &counted);
        held.uncommitted_bytes += counted.shard.uncommitted_bytes;
        held.outbox_bytes += counted.shard.outbox_bytes;
        held.waiting_bytes += counted.shard.waiting_bytes;
    }
    let allocated = allocator();
    sample.memory = Memory {
        used_bytes: context.pressure.used_bytes() as u64,
        budget_bytes: context.settings().memory_max_bytes as u64,
        allocated_bytes: allocated.allocated_bytes as u64,
        resident_bytes: allocated.resident_bytes as u64,
        by_purpose: vec![
            ("state_cache", reader.cached_bytes() as u64),
            ("outboxes", held.outbox_bytes),
            ("uncommitted", held.uncommitted_bytes),
            ("waiting", held.waiting_bytes),
        ],
    };
    sample.storage = Storage {
        writable: writing.is_writable(),
        busy_seconds: writing.busy_for().as_secs_f64(),
        failures: writing.failures(),
    };
    sample
}

/// What cores hold, in bytes. Shared frames count once for each outbox.
#[derive(Default)]
struct Held {
    uncommitted_bytes: u64,
    outbox_bytes: u64,
    waiting_bytes: u64,
}

fn of_core(counted: &Counted, turns_lately: bool) -> CoreSample {
    CoreSample {
        turns_lately,
        turns: counted.core.turns,
        cpu_us: counted.core.cpu_us,
        load_permille: counted.shard.load_permille,
        connections: counted.connections.open,
        sessions: counted.shard.sessions,
        documents: counted.shard.documents,
    }
}

fn add(traffic: &mut Traffic<u64>, counted: &Counted) {
    let shard = &counted.shard;
    let refused = shard.updates_refused + shard.updates_stalled + shard.updates_dropped;
    traffic.connections += counted.connections.accepted;
    traffic.messages += counted.core.messages;
    traffic.updates += shard.updates_accepted + shard.updates_duplicate + shard.updates_denied + refused;
    traffic.updates_accepted += shard.updates_accepted;
    traffic.updates_duplicate += shard.updates_duplicate;
    traffic.updates_refused += refused;
    traffic.awareness += shard.awareness_received;
    traffic.deliveries += shard.deliveries;
    traffic.bytes_received += counted.driver.received_bytes;
    traffic.bytes_sent += counted.driver.sent_bytes;
    traffic.loads += shard.loads;
    traffic.loads_failed += shard.loads_failed;
}
