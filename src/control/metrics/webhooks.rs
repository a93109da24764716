//! What is told outside: events that found no room, and of webhooks what is sent to each target, and what becomes of it. Targets have the names
//! that the operator gave them.

use std::fmt;

use super::Seen;
use super::page::{In, Page};
use crate::webhooks::{Phase, TargetState};

pub(super) fn put(seen: &Seen, page: &mut Page<'_>) -> fmt::Result {
    let family = (
        "events_lost",
        In::Count,
        "Events that neither streams nor webhooks were told of, because they found no room.",
    );
    page.counter(family, seen.context.events.lost())?;
    let targets = seen.context.webhooks.states();
    let each = |of: fn(&TargetState) -> u64| targets.iter().map(move |target| (&*target.name, of(target)));
    let family = ("webhook_deliveries", In::Count, "Events that a webhook target took.");
    page.counter_by(family, "target", each(|target| target.delivered))?;
    let family = ("webhook_failures", In::Count, "Attempts that failed; each is tried again, or given up.");
    page.counter_by(family, "target", each(|target| target.failed))?;
    let family =
        ("webhook_dead", In::Count, "Events given up, which are in the file of dead letters as far as it took them.");
    page.counter_by(family, "target", each(|target| target.dead))?;
    let family = ("webhook_lost", In::Count, "Events given up that were too many at once to be written down.");
    page.counter_by(family, "target", each(|target| target.lost))?;
    let family = ("webhook_breaker_opened", In::Count, "Times that a target was given a rest because it kept failing.");
    page.counter_by(family, "target", each(|target| target.opened))?;
    let family = ("webhook_waiting", In::Count, "Events now that wait for a target.");
    page.gauge_by(family, "target", each(|target| target.waiting as u64))?;
    breakers(&targets, page)
}

fn breakers(targets: &[TargetState], page: &mut Page<'_>) -> fmt::Result {
    let family = (
        "webhook_breaker",
        In::Count,
        "1 at what a target's breaker is now, 0 at the others: open sends nothing, half-open one event, which decides.",
    );
    let states = targets.iter().flat_map(|target| Phase::ALL.map(|phase| (target, phase)));
    let series: Vec<([(&str, &str); 2], u64)> = states
        .map(|(target, phase)| {
            ([("target", &*target.name), ("state", phase.word())], u64::from(target.breaker == phase))
        })
        .collect();
    page.gauges(family, series.iter().map(|(labels, value)| (&labels[..], *value)))
}
