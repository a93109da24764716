//! View workers: what was asked of them, and what became of it.

use std::fmt;

use super::Seen;
use super::page::{In, Page};

pub(super) fn put(seen: &Seen, page: &mut Page<'_>) -> fmt::Result {
    let counters = seen.context.view.counters();
    let results = [
        ("answered", counters.answered),
        ("busy", counters.busy),
        ("timed_out", counters.timed_out),
        ("too_large", counters.too_large),
        ("died", counters.died),
        ("malformed", counters.malformed),
        ("refused", counters.refused),
        ("unavailable", counters.unavailable),
        ("abandoned", counters.abandoned),
    ];
    let family = ("view_requests", In::Count, "Requests to view workers that have ended, by result.");
    page.counter_by(family, "result", results)?;
    let family = ("view_workers_started", In::Count, "View workers started.");
    page.counter(family, counters.workers_started)?;
    let family =
        ("view_workers_lost", In::Count, "View workers killed by the kernel, by the watchdog, or for what they said.");
    page.counter(family, counters.workers_lost)?;
    let family = ("view_workers", In::Count, "View workers now, by what they do.");
    page.gauge_by(family, "state", [("busy", counters.workers_busy), ("idle", counters.workers_idle)])?;
    let family = ("view_requests_waiting", In::Count, "Requests now that wait for a view worker.");
    page.gauge(family, counters.waiting)
}
