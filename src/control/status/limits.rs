//! Each limit with what is used of it and how often somebody met it.

use serde::Serialize;

use super::super::Context;
use crate::reactor::Counted;

/// One limit. Its name is that of the setting.
#[derive(Serialize)]
pub(super) struct Limit {
    name: &'static str,
    /// Where it can be said for the whole server. Of a limit for each core: the core that uses most.
    current: Option<u64>,
    /// 0 where there is none.
    max: u64,
    /// Times that somebody met it since the start.
    hits: u64,
    unit: &'static str,
}

pub(super) fn of(context: &Context) -> Vec<Limit> {
    let revision = context.live.current();
    let settings = &revision.effective.settings;
    let cores: Vec<Counted> = context.board.read().collect();
    let sum = |of: fn(&Counted) -> u64| cores.iter().map(of).sum::<u64>();
    let most = |of: fn(&Counted) -> u64| cores.iter().map(of).max();
    let limit = |name, current, max: usize, hits: u64, unit| Limit { name, current, max: max as u64, hits, unit };
    vec![
        limit(
            "connections_max",
            Some(context.health.connections() as u64),
            settings.connections_max.min(context.connections_room),
            sum(|it| it.connections.surplus + it.connections.unheard),
            "connections",
        ),
        limit(
            "connections_per_address_max",
            None,
            settings.connections_per_address_max,
            sum(|it| it.limits.addresses_full),
            "connections",
        ),
        limit(
            "connections_per_address_per_second_max",
            None,
            settings.connections_per_address_per_second_max,
            sum(|it| it.limits.addresses_fast),
            "connections",
        ),
        limit(
            "login_failures_max",
            None,
            settings.login_failures_max,
            sum(|it| it.limits.bans) + context.bans.begun(),
            "failures",
        ),
        limit(
            "connections_per_user_max",
            None,
            settings.connections_per_user_max,
            sum(|it| it.limits.users_refused + it.limits.users_displaced),
            "connections",
        ),
        limit(
            "connection_messages_per_second_max",
            None,
            settings.connection_messages_per_second_max,
            sum(|it| it.limits.rate_holds),
            "messages",
        ),
        limit(
            "author_updates_per_second_max",
            None,
            settings.author_updates_per_second_max,
            sum(|it| it.shard.authors_paused),
            "updates",
        ),
        limit(
            "document_updates_per_second_max",
            None,
            settings.document_updates_per_second_max,
            sum(|it| it.shard.document_authors_paused),
            "updates",
        ),
        limit(
            "awareness_per_second_max",
            None,
            settings.awareness_per_second_max,
            sum(|it| it.shard.awareness_paused),
            "messages",
        ),
        limit(
            "awareness_entries_max",
            None,
            settings.awareness_entries_max,
            sum(|it| it.shard.awareness_ignored),
            "clients",
        ),
        limit(
            "documents_per_shard_max",
            most(|it| it.shard.documents),
            settings.documents_per_shard_max,
            sum(|it| it.shard.documents_refused),
            "documents",
        ),
        limit(
            "sessions_per_document_max",
            None,
            settings.sessions_per_document_max,
            sum(|it| it.shard.sessions_refused),
            "sessions",
        ),
        limit("document_bytes_max", None, settings.document_bytes_max, sum(|it| it.shard.updates_too_large), "bytes"),
        limit("message_bytes_max", None, settings.message_bytes_max, sum(|it| it.limits.messages_too_big), "bytes"),
        limit(
            "unfinished_bytes_max",
            most(|it| it.connections.unfinished_bytes),
            settings.unfinished_bytes_max,
            sum(|it| it.limits.unfinished_closed),
            "bytes",
        ),
        Limit {
            name: "catch_up_timeout_ms",
            current: None,
            max: settings.catch_up_timeout_ms,
            hits: sum(|it| it.shard.sessions_too_slow),
            unit: "milliseconds",
        },
        limit(
            "uncommitted_bytes_max",
            most(|it| it.shard.uncommitted_bytes),
            settings.uncommitted_bytes_max,
            sum(|it| it.shard.writers_paused),
            "bytes",
        ),
        limit("outbox_bytes_max", None, settings.outbox_bytes_max, sum(|it| it.shard.sessions_fallen_behind), "bytes"),
        limit(
            "waiting_bytes_per_document_max",
            None,
            settings.waiting_bytes_per_document_max,
            sum(|it| it.shard.updates_dropped),
            "bytes",
        ),
        limit(
            "memory_max_bytes",
            Some(context.health.memory_used_bytes() as u64),
            settings.memory_max_bytes,
            sum(|it| it.limits.memory_joins_refused + it.limits.memory_catch_ups_postponed + it.limits.memory_closed),
            "bytes",
        ),
    ]
}
