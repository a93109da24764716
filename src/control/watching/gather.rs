//! Reads from all parts of the server what a sample is made of. Decides nothing.

use std::time::Instant;

use super::super::Context;
use crate::limits::Allocator;
use crate::profiler::{CoreSample, Memory, Sample, Storage, Traffic};
use crate::reactor::Counted;

pub(super) fn sample(context: &Context) -> Sample {
    let stuck: Vec<usize> = context.health.turning().stuck(Instant::now()).collect();
    let writing = &context.writing;
    let cores: Vec<Counted> = context.board.read().collect();
    let mut sample = Sample::default();
    *sample.timings = context.timings_with(&cores);
    sample.traffic.records = writing.records();
    for (core, counted) in cores.iter().enumerate() {
        sample.cores.push(of_core(counted, !stuck.contains(&core)));
        sample.sessions_behind += counted.shard.sessions_behind;
        add(&mut sample.traffic, counted);
    }
    let allocator = Allocator::latest();
    sample.memory = Memory {
        used_bytes: context.health.memory_used_bytes() as u64,
        budget_bytes: context.live.current().effective.settings.memory_max_bytes as u64,
        allocated_bytes: allocator.allocated as u64,
        resident_bytes: allocator.resident as u64,
        by_purpose: by_purpose(context, &cores),
    };
    sample.storage = Storage {
        writable: writing.is_writable(),
        busy_seconds: writing.busy_for().as_secs_f64(),
        failures: writing.failures(),
    };
    sample
}

/// What is known to hold memory, in bytes. Frames that outboxes share count once for each.
fn by_purpose(context: &Context, cores: &[Counted]) -> Vec<(&'static str, u64)> {
    let sum = |of: fn(&Counted) -> u64| cores.iter().map(of).sum();
    let store = context.watch.store().unwrap_or_default();
    vec![
        ("state_cache", context.reader.cached_bytes() as u64),
        ("catch_ups", context.reader.delivered_bytes() as u64),
        ("storage_memtables", store.families.iter().map(|family| family.memtables_bytes).sum()),
        ("storage_block_cache", store.block_cache_bytes),
        ("storage_table_readers", store.table_readers_bytes),
        ("outboxes", sum(|it| it.shard.outbox_bytes)),
        ("uncommitted", sum(|it| it.shard.uncommitted_bytes)),
        ("unfinished", sum(|it| it.connections.unfinished_bytes)),
        ("waiting", sum(|it| it.shard.waiting_bytes)),
    ]
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
    let refused = shard.updates_refused + shard.updates_too_large + shard.updates_dropped;
    traffic.connections += counted.connections.accepted;
    traffic.messages += counted.core.messages;
    traffic.updates +=
        shard.updates_accepted + shard.updates_duplicate + shard.updates_denied + shard.updates_stalled + refused;
    traffic.updates_accepted += shard.updates_accepted;
    traffic.updates_duplicate += shard.updates_duplicate;
    traffic.updates_refused += refused;
    traffic.updates_stalled += shard.updates_stalled;
    traffic.awareness += shard.awareness_received;
    traffic.deliveries += shard.deliveries;
    traffic.bytes_received += counted.driver.received_bytes;
    traffic.bytes_sent += counted.driver.sent_bytes;
    traffic.loads += shard.loads;
    traffic.loads_failed += shard.loads_failed;
}
