//! Updates, awareness and messages: what comes, what becomes of it, and to whom it goes.

use std::fmt;

use super::Seen;
use super::page::{In, Page};

pub(super) fn put(seen: &Seen, page: &mut Page<'_>) -> fmt::Result {
    taken(seen, page)?;
    not_taken(seen, page)?;
    delivered(seen, page)?;
    beside(seen, page)
}

fn taken(seen: &Seen, page: &mut Page<'_>) -> fmt::Result {
    let family = (
        "updates_accepted",
        In::Count,
        "Updates of clients that brought something new, on the core of their document.",
    );
    page.counter_of_cores(family, seen, |core| core.shard.updates_accepted)?;
    let family = ("updates_duplicate", In::Count, "Updates of which all was known.");
    page.counter_of_cores(family, seen, |core| core.shard.updates_duplicate)?;
    let family = ("updates_waited", In::Count, "Updates that had to wait for what they refer to.");
    page.counter(family, seen.sum(|core| core.shard.updates_waited))?;
    let family = (
        "updates_divided",
        In::Count,
        "Updates of which a part was taken, and counts as accepted, while the rest had to wait.",
    );
    page.counter(family, seen.sum(|core| core.shard.updates_divided))?;
    let family = ("records", In::Count, "Records made of what was accepted; updates that come together share one.");
    page.counter_of_cores(family, seen, |core| core.shard.records)?;
    page.counter(("records", In::Bytes, "Bytes of those records."), seen.sum(|core| core.shard.record_bytes))?;
    let family = ("acknowledgements", In::Count, "Acknowledgements sent to sessions that count them (Hocuspocus).");
    page.counter(family, seen.sum(|core| core.shard.acknowledgements))
}

fn not_taken(seen: &Seen, page: &mut Page<'_>) -> fmt::Result {
    let family = (
        "updates_refused",
        In::Count,
        "Updates not taken, by reason: malformed ends the session; too_large would have made its document larger than document_bytes_max; \
         denied came without the right to write; stalled while nothing could be written; \
         dropped waited in vain for what they refer to, or found no room to.",
    );
    let reasons = [
        ("malformed", seen.sum(|core| core.shard.updates_refused)),
        ("too_large", seen.sum(|core| core.shard.updates_too_large)),
        ("denied", seen.sum(|core| core.shard.updates_denied)),
        ("stalled", seen.sum(|core| core.shard.updates_stalled)),
        ("dropped", seen.sum(|core| core.shard.updates_dropped)),
    ];
    page.counter_by(family, "reason", reasons)
}

fn delivered(seen: &Seen, page: &mut Page<'_>) -> fmt::Result {
    let family = ("fan_outs", In::Count, "Times that a document with several sessions sent what it had gathered.");
    page.counter_of_cores(family, seen, |core| core.shard.fan_outs)?;
    let family = ("fan_outs_delayed", In::Count, "Fan-outs that had waited for the end of a window.");
    page.counter(family, seen.sum(|core| core.shard.fan_outs_delayed))?;
    let family = ("fan_out_window", In::Seconds, "The window in force at the last fan-out.");
    page.gauge_of_cores(family, seen, |core| core.shard.fan_out_window_last_ms as f64 / 1_000.0)?;
    let family = (
        "deliveries",
        In::Count,
        "Frames with updates given to sessions, one for each frame and session. Those of catch-ups do not count.",
    );
    page.counter_of_cores(family, seen, |core| core.shard.deliveries)?;
    let family = (
        "updates_delivered",
        In::Count,
        "Updates in those frames, one for each update and session: its own to its author, too, once it is durable.",
    );
    page.counter_of_cores(family, seen, |core| core.shard.updates_delivered)
}

fn beside(seen: &Seen, page: &mut Page<'_>) -> fmt::Result {
    let family = ("awareness_received", In::Count, "Awareness messages of clients.");
    page.counter(family, seen.sum(|core| core.shard.awareness_received))?;
    let family = ("awareness_ignored", In::Count, "States announced for which there was no room.");
    page.counter(family, seen.sum(|core| core.shard.awareness_ignored))?;
    let family = ("awareness_published", In::Count, "Awareness frames made for all sessions of a document.");
    page.counter(family, seen.sum(|core| core.shard.awareness_published))?;
    let family = ("stateless_messages", In::Count, "Stateless messages (Hocuspocus), by what became of them.");
    let counts = [
        ("received", seen.sum(|core| core.shard.stateless_received)),
        ("sent", seen.sum(|core| core.shard.stateless_sent)),
        ("dropped", seen.sum(|core| core.shard.stateless_dropped)),
    ];
    page.counter_by(family, "event", counts)
}
