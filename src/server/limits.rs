//! From settings to what each part is told. Every number here is a setting, or a named constant with its reason.

use selvedge_protocol::update::{self, Compaction};
use selvedge_protocol::{awareness, lib0, websocket};
use selvedge_shards::{Config, ShardId};
use selvedge_storage::{RocksOptions, UPDATE_BYTES_MAX};
use std::time::Duration;

use super::cores::Wanted;
use super::descriptors::Share;
use crate::audit;
use crate::auth;
use crate::connection::pulse::Pace;
use crate::documents::Patience;
use crate::driver::{Descriptors, Kind, listener};
use crate::hocuspocus;
use crate::limits::{AddressRules, LimitRules, Networks, Rate, UnlistedPages, UpgradeRules, UserRules};
use crate::reactor::Rules;
use crate::reader;
use crate::settings::{DescriptorsChoice, DriverChoice, History, Settings};
use crate::versions;

/// Frames of one message. Browsers do not fragment; proxies that do cut at some kilobytes.
const FRAGMENTS_MAX: u32 = 1 << 14;

/// Conformance suites echo messages of 16 MiB in frames of 64 bytes.
const ECHO_LIMITS: websocket::Limits = websocket::Limits { message_bytes_max: 64 << 20, fragments_max: 1 << 20 };

/// Jobs that wait for the readers: as many documents may be opened in one moment.
const READER_JOBS_MAX: usize = 1 << 16;

/// Catch-ups that are made and not yet sent, where little memory is given for the cache of states.
const DELIVERED_BYTES_MIN: usize = 64 << 20;

/// A client's update of more bytes is held against its document beside the core. One of so many takes a core a millisecond or two at most, at
/// some 20 ns for each byte of single characters.
const LARGE_UPDATE_BYTES: usize = 64 << 10;

/// Bytes around the states of an awareness update: ids, clocks, lengths.
const AWARENESS_ENTRY_OVERHEAD_BYTES: usize = 32;

/// 250 ms with 2,000 sessions: four sends a second to each are then about 3 % of a core, and people do not see it yet.
const AWARENESS_WINDOW_PER_SESSION_US: u64 = 125;

pub(super) fn storage(settings: &Settings, share: Share) -> RocksOptions {
    // Writes and reads get the same share.
    let half = settings.storage_memory_bytes / 2;
    RocksOptions { memtables_bytes: half, block_cache_bytes: half, open_files: share.tables, ..RocksOptions::default() }
}

pub(super) fn listening(settings: &Settings) -> listener::Options {
    listener::Options {
        user_timeout: Duration::from_millis(settings.tcp_user_timeout_ms),
        ..listener::Options::default()
    }
}

pub(super) fn driver(settings: &Settings) -> Wanted {
    let kind = match settings.driver {
        DriverChoice::Auto => Kind::Auto,
        DriverChoice::Uring => Kind::Uring,
        DriverChoice::Monoio => Kind::Monoio,
        #[cfg(feature = "glommio")]
        DriverChoice::Glommio => Kind::Glommio,
    };
    let descriptors = match settings.descriptors {
        DescriptorsChoice::Process => Descriptors::Process,
        DescriptorsChoice::Direct => Descriptors::DIRECT,
    };
    Wanted { kind, descriptors }
}

/// What the versions of one document may take.
pub(super) fn versions_room(settings: &Settings) -> versions::Room {
    versions::Room {
        versions_max: settings.versions_per_document_max,
        bytes_max: settings.versions_bytes_per_document_max as u64,
    }
}

/// When a changing document gets a version.
pub(super) fn versions_pace(settings: &Settings) -> versions::Pace {
    versions::Pace {
        interval: Duration::from_millis(settings.versions_interval_ms),
        updates: settings.versions_updates as u64,
    }
}

/// How long the control plane waits for cores: it is to say what has become of a request before the request is given up. A quarter of its time is left for
/// its body, and for what a large edit takes to be prepared.
pub(super) fn patience(settings: &Settings) -> Patience {
    let whole = Duration::from_millis(settings.control_timeout_ms);
    Patience { room: whole / 4, answer: whole / 2 }
}

pub(super) fn reading(settings: &Settings) -> reader::Options {
    reader::Options {
        threads: settings.reader_threads,
        jobs_max: READER_JOBS_MAX,
        cache_bytes_max: settings.state_cache_bytes,
        delivered_bytes_max: settings.state_cache_bytes.max(DELIVERED_BYTES_MIN),
        part_bytes_max: settings.update_chunk_bytes,
        compaction: match settings.history {
            History::Keep => Compaction::SQUASH,
            History::Smallest => Compaction::SMALLEST,
            History::Delete => Compaction::COLLECT,
        },
    }
}

pub(super) fn rules(settings: &Settings, share: Share) -> Rules {
    Rules {
        session: websocket::Limits { message_bytes_max: settings.message_bytes_max, fragments_max: FRAGMENTS_MAX },
        unproven: websocket::Limits {
            message_bytes_max: settings.token_queue_bytes_max.min(settings.message_bytes_max),
            fragments_max: FRAGMENTS_MAX,
        },
        hocuspocus: hocuspocus::Limits {
            documents_max: settings.documents_per_connection_max,
            queued_bytes_max: settings.token_queue_bytes_max,
            queued_messages_max: settings.token_queue_messages_max,
            token_timeout_ms: settings.token_timeout_ms,
            token_refresh_ms: settings.token_refresh_ms,
        },
        echo: ECHO_LIMITS,
        unfinished_bytes_max: settings.unfinished_bytes_max,
        head_bytes_max: settings.request_head_bytes_max,
        upgrade_timeout_ms: settings.upgrade_timeout_ms,
        close_timeout_ms: settings.close_timeout_ms,
        pace: Pace::new(
            settings.heartbeat_min_ms,
            settings.heartbeat_ms,
            settings.heartbeat_max_ms,
            settings.stale_timeout_ms,
        ),
        connections_max: settings.connections_max.min(share.connections),
        conformance: settings.conformance,
        proxy_protocol: settings.proxy_protocol,
        rate: Rate::new(
            settings.connection_messages_per_second_max as u64,
            settings.connection_bytes_per_second_max as u64,
            settings.connection_burst_ms,
        ),
        message_timeout_ms: settings.message_timeout_ms,
        compression: settings.compression,
        compression_bytes_min: settings.compression_bytes_min,
    }
}

/// What those who come are held to, on all cores together.
pub(super) fn shared(settings: &Settings) -> LimitRules {
    LimitRules {
        networks: Networks {
            allow: settings.allow_networks.clone(),
            deny: settings.deny_networks.clone(),
            trusted: settings.trusted_proxies.clone(),
        },
        addresses: AddressRules {
            connections_max: settings.connections_per_address_max,
            arrivals_per_second_max: settings.connections_per_address_per_second_max as u64,
            arrivals_burst: settings.connections_per_address_burst as u64,
            failures_max: clamped(settings.login_failures_max),
            failures_window_ms: settings.login_failures_window_ms,
            ban_ms: settings.ban_ms,
        },
        users: UserRules {
            connections_max: settings.connections_per_user_max,
            sessions_max: settings.sessions_per_user_max,
            at_limit: settings.per_user_at_limit,
        },
        upgrades: UpgradeRules { allowed_origins: settings.allowed_origins.clone() },
    }
}

/// Which web pages may open connections where the settings list none.
pub(super) fn unlisted(settings: &Settings) -> UnlistedPages {
    match auth::is_for_this_machine_only(settings) {
        true => UnlistedPages::Local,
        false => UnlistedPages::All,
    }
}

/// How long a drain may take.
pub(super) fn drain_timeout(settings: &Settings) -> Duration {
    Duration::from_millis(settings.drain_timeout_ms)
}

/// Where the audit log is, if there is one.
pub(super) fn audit(settings: &Settings) -> Option<audit::Options> {
    settings.audit_file.clone().map(|file| audit::Options {
        file,
        file_bytes_max: settings.audit_file_bytes_max as u64,
        files_max: settings.audit_files_max,
    })
}

pub(super) fn shard(settings: &Settings, shard: ShardId, shards: u16) -> Config {
    let entry_bytes_max = settings.awareness_state_bytes_max + AWARENESS_ENTRY_OVERHEAD_BYTES;
    Config {
        shard,
        shards,
        update: update(settings),
        large_update_bytes: LARGE_UPDATE_BYTES,
        // They have arrived, and nothing has become of them.
        preparing_bytes_max: settings.unfinished_bytes_max,
        awareness: awareness::Limits {
            // A client that was asked for all sends what every client of the document has said.
            update_bytes_max: settings
                .message_bytes_max
                .min(entry_bytes_max.saturating_mul(settings.awareness_entries_max)),
            entries_max: settings.awareness_entries_max,
            state_bytes_max: settings.awareness_state_bytes_max,
            json_depth_max: lib0::DEPTH_MAX,
        },
        outbox_bytes_max: settings.outbox_bytes_max,
        sessions_per_document_max: clamped(settings.sessions_per_document_max),
        hot_document_sessions: clamped(settings.hot_document_sessions),
        documents_max: clamped(settings.documents_per_shard_max),
        document_bytes_max: settings.document_bytes_max as u64,
        waiting_bytes_per_session_max: settings.waiting_bytes_per_session_max,
        waiting_bytes_per_document_max: settings.waiting_bytes_per_document_max,
        waiting_timeout_ms: settings.waiting_timeout_ms,
        fan_out_window_max_ms: settings.fan_out_window_max_ms,
        awareness_window_max_ms: settings.awareness_window_max_ms,
        awareness_window_per_session_us: AWARENESS_WINDOW_PER_SESSION_US,
        awareness_entries_max: settings.awareness_entries_max,
        awareness_entries_per_session_max: settings.awareness_entries_per_session_max,
        awareness_bytes_max: settings.awareness_bytes_max,
        document_updates_per_second_max: clamped(settings.document_updates_per_second_max),
        author_updates_per_second_max: clamped(settings.author_updates_per_second_max),
        session_awareness_per_second_max: clamped(settings.awareness_per_second_max),
        uncommitted_bytes_max: settings.uncommitted_bytes_max,
        catch_up_timeout_ms: settings.catch_up_timeout_ms,
        document_idle_ms: settings.document_idle_ms,
        snapshot_records: settings.snapshot_records as u64,
        snapshot_bytes: settings.snapshot_bytes as u64,
    }
}

/// What an update is held to, whoever brings it.
pub(super) fn update(settings: &Settings) -> update::Limits {
    update::Limits { update_bytes_max: settings.message_bytes_max.min(UPDATE_BYTES_MAX), ..update::Limits::default() }
}

fn clamped(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
