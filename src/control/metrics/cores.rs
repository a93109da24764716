//! The cores' loops, their drivers, and what crosses between them.

use std::fmt;

use super::Seen;
use super::page::{In, Page};
use super::times::SECONDS_PER_MICROSECOND;

pub(super) fn put(seen: &Seen, page: &mut Page<'_>) -> fmt::Result {
    loops(seen, page)?;
    drivers(seen, page)?;
    mesh(seen, page)
}

fn loops(seen: &Seen, page: &mut Page<'_>) -> fmt::Result {
    let family = (
        "core_turns",
        In::Count,
        "Turns of a core's loop. Four a second at least: one that does not turn serves nobody.",
    );
    page.counter_of_cores(family, seen, |core| core.core.turns)?;
    let family = ("core_waits", In::Count, "Turns that could sleep.");
    page.counter_of_cores(family, seen, |core| core.core.waits)?;
    let family = ("core_cpu", In::Seconds, "Processor time of a core's thread, in the kernel too.");
    page.counter_of_cores(family, seen, |core| core.core.cpu_us as f64 * SECONDS_PER_MICROSECOND)?;
    let family = ("core_load", In::Ratio, "The share of time in which a core's loop did not wait, of late.");
    page.gauge_of_cores(family, seen, |core| core.shard.load_permille as f64 / 1_000.0)?;
    let family = ("core_notes", In::Count, "Notes of the persister and the readers taken.");
    page.counter_of_cores(family, seen, |core| core.core.notes)
}

fn drivers(seen: &Seen, page: &mut Page<'_>) -> fmt::Result {
    let family = ("received", In::Bytes, "Bytes received from clients, those of HTTP and TLS included.");
    page.counter_of_cores(family, seen, |core| core.driver.received_bytes)?;
    let family = ("sent", In::Bytes, "Bytes sent to clients that the kernel has taken.");
    page.counter_of_cores(family, seen, |core| core.driver.sent_bytes)?;
    let family = ("receives", In::Count, "Receives that brought data.");
    page.counter_of_cores(family, seen, |core| core.driver.receives)?;
    let family = ("sends", In::Count, "Frames, or several in one, whose sending has ended.");
    page.counter_of_cores(family, seen, |core| core.driver.sends)?;
    let family = ("short_sends", In::Count, "Times that the kernel took only a part of a frame.");
    page.counter(family, seen.sum(|core| core.driver.short_sends))?;
    let family = (
        "receives_put_off",
        In::Count,
        "Receives put off to the next turn, because all buffers of the core were taken.",
    );
    page.counter(family, seen.sum(|core| core.driver.receives_put_off))?;
    let family = (
        "driver_enters",
        In::Count,
        "Times that the kernel was entered to start, wait and collect; of the portable driver, turns.",
    );
    page.counter_of_cores(family, seen, |core| core.driver.enters)
}

fn mesh(seen: &Seen, page: &mut Page<'_>) -> fmt::Result {
    let family = ("mesh_received", In::Count, "Sockets and envelopes of other cores taken.");
    page.counter_of_cores(family, seen, |core| core.core.parcels)?;
    let family = ("mesh_depth", In::Count, "Sockets and envelopes now on their way to a core, at its last tick.");
    page.gauge_of_cores(family, seen, |core| core.connections.mesh_incoming)?;
    let family = (
        "mesh_spilled",
        In::Count,
        "Sockets and envelopes now that found the ring to another core full; what a core reads waits for them.",
    );
    page.gauge_of_cores(family, seen, |core| core.connections.mesh_spilled)?;
    let family = ("mesh_wakes", In::Count, "Signals sent to other cores.");
    page.counter_of_cores(family, seen, |core| core.driver.wakes_sent)?;
    let family = ("wakes_received", In::Count, "Signals of other threads taken.");
    page.counter_of_cores(family, seen, |core| core.driver.wakes_received)
}
