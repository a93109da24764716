//! Alerts that are raised, and how many operations were slow.

use std::fmt;

use super::Seen;
use super::page::{In, Labels, Page};
use crate::alerts::{Kind, Severity};

pub(super) fn put(seen: &Seen, page: &mut Page<'_>) -> fmt::Result {
    let watch = &seen.context.watch;
    let raised = watch.latest().map(|findings| findings.alerts.clone()).unwrap_or_default();
    let every = Kind::all().flat_map(|kind| Severity::ALL.map(|severity| (kind, severity)));
    let series: Vec<([(&str, &str); 2], u64)> = every
        .map(|(kind, severity)| {
            let is_raised = raised.iter().any(|alert| (alert.kind, alert.severity) == (kind, severity));
            ([("name", kind.name()), ("severity", severity.name())], u64::from(is_raised))
        })
        .collect();
    let family = ("alert", In::Count, "1 where the server has raised this alert with this severity, 0 elsewhere.");
    page.gauges(family, series.iter().map(|(labels, value)| (labels as Labels<'_>, *value)))?;
    let family = ("slow_operations", In::Count, "Operations that took longer than their threshold (slow_..._ms).");
    page.counter(family, watch.slow().total())
}
