//! How targets of webhooks do. A server without any says nothing of them.

use std::fmt;

use super::Seen;
use super::page::{In, Page};
use crate::webhooks::{Phase, TargetState};

pub(super) fn put(seen: &Seen, page: &mut Page<'_>) -> fmt::Result {
    let states = seen.context.webhooks.states();
    if states.is_empty() {
        return Ok(());
    }
    let of = |count: fn(&TargetState) -> u64| states.iter().map(move |state| (&*state.name, count(state)));
    let family = ("webhook_delivered", In::Count, "Events that a target of webhooks has taken.");
    page.counter_by(family, "target", of(|state| state.delivered))?;
    let family = ("webhook_failures", In::Count, "Attempts to deliver an event that failed.");
    page.counter_by(family, "target", of(|state| state.failed))?;
    let family = ("webhook_given_up", In::Count, "Events that were given up.");
    page.counter_by(family, "target", of(|state| state.dead))?;
    let family = ("webhook_waiting", In::Count, "Events that wait for a target, or are on their way to it.");
    page.gauge_by(family, "target", of(|state| state.waiting as u64))?;
    let family = ("webhook_breaker_open", In::Count, "1 where a target is left alone for a while, 0 elsewhere.");
    page.gauge_by(family, "target", of(|state| u64::from(state.breaker != Phase::Closed)))
}
