//! Connections: who comes, who is not let in, how they end, and how well they do.

use std::fmt;

use super::Seen;
use super::page::{In, Page};
use crate::auth::Denied;

pub(super) fn put(seen: &Seen, page: &mut Page<'_>) -> fmt::Result {
    come(seen, page)?;
    end(seen, page)?;
    pulse(seen, page)?;
    encrypted(seen, page)
}

fn come(seen: &Seen, page: &mut Page<'_>) -> fmt::Result {
    let family = ("connections", In::Count, "Connections now, in whatever phase.");
    page.gauge_of_cores(family, seen, |core| core.connections.open)?;
    let family = ("connections_accepted", In::Count, "Sockets accepted, those included that were refused.");
    page.counter_of_cores(family, seen, |core| core.connections.accepted)?;
    let family = ("connections_handed_over", In::Count, "Sockets given to the core that owns their document.");
    page.counter_of_cores(family, seen, |core| core.connections.handed_over)?;
    let family = ("accept_failures", In::Count, "Times that the system had no socket to give.");
    page.counter(family, seen.sum(|core| core.connections.accept_failures))?;
    let routes = [
        ("document", seen.sum(|core| core.connections.opened_document)),
        ("hocuspocus", seen.sum(|core| core.connections.opened_hocuspocus)),
        ("echo", seen.sum(|core| core.connections.opened_echo)),
    ];
    let family = ("upgrades", In::Count, "Upgrades granted, by route.");
    page.counter_by(family, "route", routes)?;
    let family = (
        "requests_answered",
        In::Count,
        "Requests on the port of clients answered without an upgrade: health checks, and refusals with a status.",
    );
    page.counter(family, seen.sum(|core| core.connections.answered))?;
    refused(seen, page)?;
    let places = Denied::REASONS.into_iter().enumerate();
    let counts = places.map(|(place, reason)| (reason, seen.sum(|core| core.connections.denied[place])));
    let family = (
        "tokens_refused",
        In::Count,
        "Tokens that were no reason to let somebody in, by reason; of upgrades, and of documents on open connections.",
    );
    page.counter_by(family, "reason", counts)
}

fn refused(seen: &Seen, page: &mut Page<'_>) -> fmt::Result {
    let reasons = [
        ("connections_max", seen.sum(|core| core.connections.surplus + core.connections.unheard)),
        ("address_connections", seen.sum(|core| core.limits.addresses_full)),
        ("address_arrivals", seen.sum(|core| core.limits.addresses_fast)),
        ("address_banned", seen.sum(|core| core.limits.addresses_banned)),
        ("network", seen.sum(|core| core.limits.networks_denied)),
        ("origin", seen.sum(|core| core.limits.origins_refused)),
        ("forwarded", seen.sum(|core| core.limits.forwarded_malformed)),
        ("proxy_header", seen.sum(|core| core.limits.proxy_headers_refused)),
        ("user", seen.sum(|core| core.limits.users_refused)),
        ("memory", seen.sum(|core| core.limits.memory_joins_refused)),
    ];
    let family = ("connections_refused", In::Count, "Connections not let in whatever token they have, by reason.");
    page.counter_by(family, "reason", reasons)
}

fn end(seen: &Seen, page: &mut Page<'_>) -> fmt::Result {
    let mut ends: Vec<([String; 2], u64)> = Vec::new();
    for core in &seen.cores {
        let closed = &core.connections.closed;
        let server = closed.server_codes().map(|(code, count)| ("server", code, count));
        let peer = closed.peer_codes().map(|(code, count)| ("peer", code, count));
        for (by, code, count) in server.chain(peer).chain([("nobody", Some(1006), closed.lost)]) {
            let labels = [by.to_owned(), code.map_or_else(|| "other".to_owned(), |code| code.to_string())];
            match ends.iter_mut().find(|(other, _)| *other == labels) {
                Some((_, sum)) => *sum += count,
                None => ends.push((labels, count)),
            }
        }
    }
    let ends: Vec<_> = ends.iter().map(|([by, code], count)| ([("by", &**by), ("code", &**code)], *count)).collect();
    let family = (
        "connections_closed",
        In::Count,
        "Open WebSockets that ended, by who said goodbye first and the close code (RFC 6455, section 7.4).",
    );
    page.counters(family, ends.iter().map(|(labels, count)| (&labels[..], *count)))
}

fn pulse(seen: &Seen, page: &mut Page<'_>) -> fmt::Result {
    let family = ("heartbeats", In::Count, "Messages that say nothing, sent to keep a connection.");
    page.counter(family, seen.sum(|core| core.pulses.heartbeats))?;
    page.counter(("pings", In::Count, "Pings sent to measure round trips."), seen.sum(|core| core.pulses.pings))?;
    page.counter(("round_trips", In::Count, "Round trips measured."), seen.sum(|core| core.pulses.round_trips))?;
    let family = ("round_trip", In::Seconds, "How long the measured round trips took, together.");
    page.counter(family, seen.sum(|core| core.pulses.round_trips_ms) as f64 / 1_000.0)?;
    let family = ("connections_stale", In::Count, "Connections given up because nothing was heard from them.");
    page.counter(family, seen.sum(|core| core.pulses.stale))?;
    let qualities = [
        ("excellent", seen.sum(|core| core.pulses.qualities.excellent)),
        ("good", seen.sum(|core| core.pulses.qualities.good)),
        ("poor", seen.sum(|core| core.pulses.qualities.poor)),
        ("unknown", seen.sum(|core| core.pulses.qualities.unknown)),
    ];
    let family = ("connections_quality", In::Count, "Open connections now, by how well they do.");
    page.gauge_by(family, "quality", qualities)
}

fn encrypted(seen: &Seen, page: &mut Page<'_>) -> fmt::Result {
    let resumed = seen.sum(|core| core.tls.resumed);
    let kinds = [("full", seen.sum(|core| core.tls.handshakes) - resumed), ("resumed", resumed)];
    let family =
        ("tls_handshakes", In::Count, "TLS handshakes completed, by whether they went on with an earlier session.");
    page.counter_by(family, "kind", kinds)?;
    let family = ("tls_handshakes_put_off", In::Count, "Times that a handshake waited for a core's next turn.");
    page.counter(family, seen.sum(|core| core.tls.put_off))?;
    let plain = seen.sum(|core| core.tls.plain_http);
    let kinds = [("plain_http", plain), ("other", seen.sum(|core| core.tls.failures) - plain)];
    let family = ("tls_failures", In::Count, "TLS sessions that came to nothing, or broke later.");
    page.counter_by(family, "kind", kinds)
}
