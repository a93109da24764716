//! Every setting: name, kind, default, bounds, meaning. The one place where a setting is added or changed. It does not know
//! where values come from, nor who reads them.
//!
//! From a name here come the key in a file (`heartbeat_ms`), the variable (`SELVEDGE_HEARTBEAT_MS`) and the flag (`--heartbeat-ms`).
//! The unit stands last in the name wherever it is not a plain count. The first sentence of a meaning stands alone in `-h`. Behind the bounds
//! stands `live` where a value can change while the server runs: `src/server/live.rs` hands it on, and a test there tells whether that is so.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

use super::choice::{
    AtLimit, AuthChoice, DescriptorsChoice, DriverChoice, Fsync, History, LogFormat, LogLevel, MinVersion,
};
use super::declare::{mark, relations, settings};
use super::kind::{
    Address, Budget, Bytes, Cores, Count, File, Folder, GIB, KIB, Kind, MIB, Milliseconds, Networks, OneOf, Origins,
    Switch, SyncPolicy, Text, WebAddress,
};
use super::{Mark, Relation, Setting};

settings! {
    "Server" {
        /// Where connections are accepted.
        /// An address of this machine that others reach has to be given on purpose; port 0 takes a free one.
        listen: Address { default: SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 8420)) };

        /// The folder that holds the documents.
        /// Made if it is not there. One server at a time works on it.
        data_dir: Folder { default: "./data" };

        /// Threads that own documents and connections, each pinned to a core.
        /// Without it, one for each core that the process may use.
        shards: Cores { max: 1024 };

        /// What stands between the server and the kernel.
        /// auto takes io_uring, or where it is forbidden the portable driver with a warning; uring and monoio insist.
        driver: OneOf<DriverChoice> { default: DriverChoice::Auto };

        /// Where sockets are held.
        /// process: each is a file descriptor, of which the limit of open files (ulimit -n) allows so many; direct: in tables of io_uring,
        /// where that limit does not bind, for machines on which it cannot be raised. direct needs the uring driver and Linux 6.13.
        descriptors: OneOf<DescriptorsChoice> { default: DescriptorsChoice::Process };

        /// Connections of the whole process; further ones are told to try again (503), or closed at once where there are many.
        /// With --descriptors process each takes a file descriptor: the limit of open files (ulimit -n) has to allow as many.
        connections_max: Count { default: 1_000_000, min: 1, max: 1 << 24, unit: "connections" } live;

        /// Threads that read and compact documents beside the shards.
        /// More of them shorten the wait when many documents are opened at once. As many look into large messages of clients.
        reader_threads: Count { default: 2, min: 1, max: 64, unit: "threads" };

        /// How long a stopping server lets connections take what they are owed.
        /// What is accepted is committed first. The default is below the 10 s after which containers are killed.
        drain_timeout_ms: Milliseconds { default: 8_000, min: 100, max: 600_000 } live;

        /// Also serve the echo endpoint that WebSocket conformance suites drive.
        /// For testing only: whoever reaches it makes the server send.
        conformance: Switch { default: false } live;
    }

    "Control plane" {
        /// Whether there is a control plane: metrics, health, documents over HTTP, dashboard, playground. Alerts, slow operations and webhooks are there without one.
        control: Switch { default: true };

        /// Where the control plane is served, without TLS. Port 0 takes a free one.
        /// Beyond this machine only with tokens: every request but those about health then needs one with the admin claim, or a right on the document.
        control_listen: Address { default: SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 8421)) };

        /// Connections to the control plane at once; further ones wait to be accepted.
        control_connections_max: Count { default: 256, min: 1, max: 65_536, unit: "connections" };

        /// How long a request to the control plane may take, its body included, before it is answered with 408. Streams are not bound by it.
        control_timeout_ms: Milliseconds { default: 30_000, min: 100, max: 3_600_000 };

        /// Streams of events (/v1/events) at once; further ones are refused with 503.
        control_streams_max: Count { default: 32, min: 1, max: 65_536, unit: "streams" };

        /// Largest body of a request to the control plane; larger ones are refused with 413. Imports are streams, and not bound by it.
        control_body_bytes_max: Bytes { default: 64 * MIB, min: KIB, max: GIB };
    }

    "Versions" {
        /// Whether versions of documents are kept by themselves as they change. Those that are kept by hand need no setting.
        versions: Switch { default: true };

        /// A document that changes gets a version so long after its first change since the last one.
        versions_interval_ms: Milliseconds { default: 600_000, min: 10_000, max: 604_800_000 } live;

        /// Or after so many updates, as they are stored, but not sooner than a minute after the one before.
        versions_updates: Count { default: 1_000, min: 1, max: 1 << 30, unit: "updates" } live;

        /// Versions of one document. Half of them may be automatic, of which the oldest go above; half may be kept by hand, and no further one is.
        versions_per_document_max: Count { default: 400, min: 2, max: 10_000, unit: "versions" } live;

        /// Bytes of the versions of one document, each of which is a whole state. What happens above is the same.
        versions_bytes_per_document_max: Bytes { default: 128 * MIB, min: KIB, max: 64 * GIB } live;
    }

    "View workers" {
        /// Processes that look into documents for the control plane, at once.
        /// They are started when they are needed, and may do nothing but compute.
        view_workers: Count { default: 2, min: 1, max: 64, unit: "workers" };

        /// Requests that may wait for such a process; further ones are answered with 503.
        view_waiting_max: Count { default: 64, min: 0, max: 65_536, unit: "requests" };

        /// How long a request may take, waiting included, before its process is ended and it is answered with an error.
        view_timeout_ms: Milliseconds { default: 2_000, min: 100, max: 600_000 };

        /// Address space of such a process, of which the program itself takes 35 MiB.
        /// A document may have an eighth of it as an update.
        view_memory_bytes: Bytes { default: 512 * MIB, min: 128 * MIB, max: 64 * GIB };

        /// Largest answer of such a process. As JSON values it takes several times as much memory here.
        view_answer_bytes_max: Bytes { default: 16 * MIB, min: 64 * KIB, max: GIB };

        /// Requests for which a process is kept.
        /// With more than one, a document that takes over its process could change what others get to see of theirs.
        view_requests_per_worker_max: Count { default: 1, min: 1, max: 1_000_000, unit: "requests" };
    }

    "Tokens" {
        /// What is asked of those who connect: a token (jwt), or nothing (none).
        /// auto asks for a token where any key is given below; without keys it asks for nothing if only this machine can connect, and
        /// otherwise does not start.
        auth: OneOf<AuthChoice> { default: AuthChoice::Auto };

        /// The secret that tokens are signed with (HS256): at least 32 bytes; one line end at the end of the file does not count.
        /// Read again when it changes.
        auth_secret_file: File { what: "a secret" } secret;

        /// Public keys of who issues tokens, as a JWK set (RFC 7517), or one key in PEM.
        /// Read again when it changes. Each key is used for one algorithm: RSA for RS256, P-256 for ES256, Ed25519 for EdDSA, oct for HS256.
        auth_keys_file: File { what: "a JWK set or a PEM public key" };

        /// Where the issuer publishes its keys, as a JWK set.
        /// Until they are fetched for the first time, clients are told to try again (1013).
        auth_jwks_url: WebAddress { what: "a JWK set" } secret;

        /// How often the published keys are fetched again; a token that names an unknown key has them fetched earlier.
        auth_jwks_refresh_ms: Milliseconds { default: 300_000, min: 1_000, max: 86_400_000 };

        /// Tokens of anybody else are refused (iss). Without it, every issuer is taken whose key is.
        auth_issuer: Text { what: "name of the issuer" };

        /// Tokens for anybody else are refused (aud). Without it, a token made for another service with the same keys is taken.
        auth_audience: Text { what: "name that this server has for the issuer" };

        /// How far the clocks of the issuer and of this machine may be apart: a token is taken, and a connection kept, so long after its exp.
        auth_leeway_ms: Milliseconds { default: 5_000, min: 0, max: 300_000 };

        /// Subjects (sub) that are not let in any more, one a line; their connections are closed within a second.
        /// Read again when it changes.
        auth_revoked_file: File { what: "a subject a line" };
    }

    "TLS" {
        /// The certificate, with those that lead to its issuer behind it. With it, the server speaks TLS and nothing else.
        /// It and its key are read again when their files change; connections go on.
        tls_certificate_file: File { what: "a chain of certificates in PEM" };

        /// The private key of the certificate.
        tls_key_file: File { what: "a private key in PEM" } secret;

        /// The oldest version of TLS that is spoken.
        tls_min_version: OneOf<MinVersion> { default: MinVersion::Tls12 };
    }

    "Compression" {
        /// Agree to permessage-deflate (RFC 7692) where a client offers it.
        /// Off where a proxy in front compresses already.
        compression: Switch { default: false } live;

        /// Messages to clients that are smaller are not compressed.
        /// Small ones gain little, and most edits are small.
        compression_bytes_min: Bytes { default: KIB, min: 64, max: GIB } live;
    }

    "Networks" {
        /// Only these networks may connect.
        allow_networks: Networks {} live;

        /// These networks may not connect, also where they are allowed.
        deny_networks: Networks {} live;

        /// What these say of whom they speak for is believed: `X-Forwarded-For`, or the PROXY protocol where it is on.
        trusted_proxies: Networks {} live;

        /// Connections from trusted proxies begin with a PROXY header (version 1 or 2), in front of TLS and HTTP; those from anywhere else may not.
        proxy_protocol: Switch { default: false } live;

        /// Web pages that may open connections (`Origin`); programs that send none are let in. Where none is named, all may; but where auth is
        /// auto and there are no keys, those of this machine only (localhost).
        allowed_origins: Origins {} live;
    }

    "Addresses" {
        /// Connections of one address at once; 0 for no limit. Further ones are told to try again later (429).
        /// An IPv6 network of 64 bits counts as one address. A proxy that is not one of trusted_proxies is one address for all behind it.
        connections_per_address_max: Count { default: 32_768, min: 0, max: 1 << 24, unit: "connections" } live;

        /// New connections of one address in a second, for long; 0 for no limit.
        connections_per_address_per_second_max: Count { default: 1_000, min: 0, max: 100_000, unit: "connections" } live;

        /// New connections of one address that may come at once after a quiet time.
        connections_per_address_burst: Count { default: 20_000, min: 1, max: 1 << 20, unit: "connections" } live;

        /// Failed logins of one address that lead to a ban; 0 for none.
        login_failures_max: Count { default: 300, min: 0, max: 1 << 20, unit: "failures" } live;

        /// The time within which failed logins are counted together.
        login_failures_window_ms: Milliseconds { default: 60_000, min: 100, max: 86_400_000 } live;

        /// How long a banned address gets no new connections; those that it has stay, unless another login fails on them.
        ban_ms: Milliseconds { default: 60_000, min: 100, max: 86_400_000 } live;
    }

    "Users" {
        /// Connections of one user (`sub`) at once; 0 for no limit.
        connections_per_user_max: Count { default: 10_000, min: 0, max: 1 << 24, unit: "connections" } live;

        /// Sessions of one user at once, on all connections; 0 for no limit.
        sessions_per_user_max: Count { default: 100_000, min: 0, max: 1 << 24, unit: "sessions" } live;

        /// What happens to a user who has as many as allowed.
        /// refuse-newest: a further one is told to try again later; close-oldest: the oldest one is closed for it.
        per_user_at_limit: OneOf<AtLimit> { default: AtLimit::RefuseNewest } live;
    }

    "Audit" {
        /// Where logins, refusals, bans and revocations are written, as JSON, one object a line.
        audit_file: File { what: "the audit log" };

        /// The audit log is begun anew when it has grown to this, and the old one kept under its name with a number.
        audit_file_bytes_max: Bytes { default: 64 * MIB, min: 64 * KIB, max: 1024 * GIB };

        /// Audit logs that are kept, the current one included.
        audit_files_max: Count { default: 8, min: 1, max: 1_000, unit: "files" };
    }

    "Webhooks" {
        /// Who is told what happens: targets, each with an address, a secret, kinds of events and documents.
        /// Read at the start.
        webhooks_file: File { what: "targets of webhooks in TOML" };

        /// How long a target may take to take an event.
        webhooks_timeout_ms: Milliseconds { default: 10_000, min: 100, max: 600_000 };

        /// Attempts to deliver one event to one target; then it is given up. Each waits longer than the one before, up to five minutes.
        webhooks_attempts_max: Count { default: 12, min: 1, max: 1_000, unit: "attempts" };

        /// An event is given up when it is older, or cannot be tried again within this time; also where the target was left alone all the while.
        webhooks_age_max_ms: Milliseconds { default: 3_600_000, min: 1_000, max: 604_800_000 };

        /// Events that wait for one target; further ones are given up at once. Together they have 16 MiB at most.
        webhooks_queue_max: Count { default: 10_000, min: 1, max: 1 << 20, unit: "events" };

        /// A document's changes are told of when no other has come for so long; a target may have a time of its own.
        webhooks_debounce_ms: Milliseconds { default: 2_000, min: 0, max: 3_600_000 };

        /// A document that never rests is told of so often all the same.
        webhooks_debounce_max_ms: Milliseconds { default: 10_000, min: 0, max: 3_600_000 };

        /// Where events that were given up are written, as JSON, one object a line; without it they are counted.
        webhooks_dead_letters_file: File { what: "events that were given up" };

        /// That file is begun anew when it has grown to this, and the old one kept under its name with a number.
        webhooks_dead_letters_bytes_max: Bytes { default: 16 * MIB, min: 64 * KIB, max: 1024 * GIB };

        /// Files of that kind that are kept, the current one included.
        webhooks_dead_letters_files_max: Count { default: 4, min: 1, max: 1_000, unit: "files" };
    }

    "Logging" {
        /// Who reads the log on standard error: a person (human) or a program (json, one object a line).
        log_format: OneOf<LogFormat> { default: LogFormat::Human };

        /// The least important event that is logged.
        /// info is the life of the server; debug adds that of connections and documents; trace adds every message.
        log_level: OneOf<LogLevel> { default: LogLevel::Info } live;
    }

    "Alerts" {
        /// An alert is raised where 99 % of the acknowledgements of the last minute are not done within this time; critical at twice that.
        alert_acknowledge_p99_ms: Milliseconds { default: 250, min: 1, max: 600_000 } live;

        /// The same of deliveries to others.
        alert_deliver_p99_ms: Milliseconds { default: 250, min: 1, max: 600_000 } live;

        /// Updates refused and documents that could not be read, of all in a minute, from which on there is a warning.
        alert_error_warning_percent: Count { default: 1, min: 1, max: 100, unit: "percent" } live;

        /// The same, critical.
        alert_error_critical_percent: Count { default: 5, min: 1, max: 100, unit: "percent" } live;

        /// Memory in use, of memory_max_bytes, from which on there is a warning; critical from 90 % on, where nobody new is let in.
        alert_memory_percent: Count { default: 80, min: 1, max: 100, unit: "percent" } live;

        /// A warning is raised where memory grows so that it will be used up within this time; critical at a quarter of it.
        alert_memory_full_ms: Milliseconds { default: 3_600_000, min: 60_000, max: 86_400_000 } live;

        /// Sessions that are behind, of all, from which on there is a warning; critical at four times that. Below 10 sessions there is none.
        alert_sessions_behind_percent: Count { default: 5, min: 1, max: 25, unit: "percent" } live;

        /// Writes and syncs that failed within a minute, from which on there is a warning; critical at five times that.
        alert_sync_failures: Count { default: 1, min: 1, max: 1_000_000, unit: "failures" } live;

        /// How much longer an operation takes than in the five minutes before, from which on there is a warning.
        /// Compared is the time within which 95 % of a minute's operations are done.
        alert_degradation_warning_percent: Count { default: 15, min: 1, max: 10_000, unit: "percent" } live;

        /// The same, critical.
        alert_degradation_critical_percent: Count { default: 30, min: 1, max: 10_000, unit: "percent" } live;

        /// How much longer it has to take besides, so that nobody is alarmed by what nobody feels.
        alert_degradation_floor_ms: Milliseconds { default: 5, min: 0, max: 60_000 } live;

        /// An acknowledgement that takes so long is kept among the slow operations; 0 for none.
        slow_acknowledge_ms: Milliseconds { default: 250, min: 0, max: 600_000 } live;

        /// The same of a delivery to others.
        slow_deliver_ms: Milliseconds { default: 250, min: 0, max: 600_000 } live;

        /// The same of a join, from attaching to the answer.
        slow_join_ms: Milliseconds { default: 1_000, min: 0, max: 600_000 } live;

        /// The same of loading a document, or reading what a session lacks.
        slow_load_ms: Milliseconds { default: 500, min: 0, max: 600_000 } live;

        /// The same of compacting a document into a snapshot.
        slow_snapshot_ms: Milliseconds { default: 5_000, min: 0, max: 600_000 } live;

        /// The same of one write or sync of the disk.
        slow_sync_ms: Milliseconds { default: 250, min: 0, max: 600_000 } live;

        /// The same of one turn of a core's loop, in which it serves nobody else.
        slow_turn_ms: Milliseconds { default: 100, min: 0, max: 600_000 } live;
    }

    "Durability" {
        /// When a commit is synced to disk.
        /// always: before it is acknowledged, so that nothing acknowledged is lost with the power; interval=<ms>: so long after
        /// that at most; never: when the kernel does. A crash of the server alone loses nothing acknowledged in any of them.
        fsync: SyncPolicy { default: Fsync::Always, interval_ms_min: 1, interval_ms_max: 60_000 };

        /// Updates of one shard that are accepted and not yet committed.
        /// Above, the shard stops reading from those who write until commits catch up.
        uncommitted_bytes_max: Bytes { default: 64 * MIB, min: 64 * KIB, max: 16 * GIB } live;

        /// A document is compacted into a snapshot when its log holds so many records.
        /// Fewer make joins cheaper and writing dearer.
        snapshot_records: Count { default: 1_024, min: 1, max: 1_000_000, unit: "records" } live;

        /// A document is compacted into a snapshot when its log holds so many bytes.
        /// Fewer make joins cheaper and writing dearer.
        snapshot_bytes: Bytes { default: 4 * MIB, min: 4 * KIB, max: GIB } live;

        /// What happens to deleted content when a document is compacted.
        /// keep: it stays, for clients with gc: false; smallest: deleted text may stay where that takes fewer bytes; delete:
        /// it is really gone.
        history: OneOf<History> { default: History::Smallest };
    }

    "Memory" {
        /// Memory that the process may use; 0 for no limit. Without it, 80 % of what the machine or its container has.
        /// A server that does nothing takes about 5 MiB for each shard, and 3 MiB.
        /// From 90 % of it on nobody new is let in, from 95 % on sessions that are behind catch up later, and at 100 % connections are closed
        /// (1013), those that hold most first.
        memory_max_bytes: Budget { min: 64 * MIB, max: 1 << 50 } live;

        /// Memory of the storage engine: its cache of blocks and what it has not yet written to tables.
        storage_memory_bytes: Bytes { default: 512 * MIB, min: 16 * MIB, max: 1024 * GIB };

        /// Memory for the bytes of documents that were read to be sent to those who join; 0 reads them every time.
        state_cache_bytes: Bytes { default: 256 * MIB, min: 0, max: 1024 * GIB };

        /// Messages to one shard that have not arrived whole, of all connections together.
        /// Above, those that began first are closed with 1013, to try again. Large ones that are looked into have as much room again.
        unfinished_bytes_max: Bytes { default: 256 * MIB, min: 64 * KIB, max: 1024 * GIB } live;

        /// How long a document stays in memory after its last session left.
        /// Clients that reconnect within it need no read from disk.
        document_idle_ms: Milliseconds { default: 60_000, min: 0, max: 86_400_000 } live;

        /// Documents that one shard holds in memory; who asks for a further one is told to try again.
        documents_per_shard_max: Count { default: 1 << 18, min: 1, max: 1 << 24, unit: "documents" } live;
    }

    "Documents" {
        /// A message from a client; a larger one closes its connection with 1009.
        /// A client that was offline sends all it has in one message.
        message_bytes_max: Bytes { default: 64 * MIB, min: KIB, max: GIB } live;

        /// A document, compacted; updates that would make it larger are refused.
        document_bytes_max: Bytes { default: 256 * MIB, min: 64 * KIB, max: GIB } live;

        /// Updates that one document may get in a second; above, those who write are not read from until it may get more.
        document_updates_per_second_max: Count { default: 400_000, min: 1, max: 1_000_000_000, unit: "updates" } live;

        /// Updates that one session may send in a second; one that sends more is not read from until it may again.
        /// Below what a document may get, it keeps one author from taking the turns of others.
        author_updates_per_second_max: Count { default: 200_000, min: 1, max: 1_000_000_000, unit: "updates" } live;

        /// Sessions of one document; who comes later is told to try again.
        sessions_per_document_max: Count { default: 1 << 16, min: 1, max: 1 << 24, unit: "sessions" } live;

        /// With so many sessions a document is hot: further connections to it stay on the core that accepted them, and all cores send.
        /// Fewer spread smaller documents, at the price of a hop between cores for each of their messages.
        hot_document_sessions: Count { default: 1_000, min: 1, max: 1 << 24, unit: "sessions" } live;

        /// A document that is larger is sent in parts of about this size, so that a slow client sees data arrive. Not smaller than need
        /// be: between two parts, Yjs clients tidy up formatting whose text has not come yet.
        update_chunk_bytes: Bytes { default: MIB, min: 4 * KIB, max: 16 * MIB };

        /// How long updates to one document may gather before they are sent together, where a core has much to do; 0 sends always at once.
        /// The window widens with the load of the core. What comes after a pause is sent at once, and nobody's acknowledgement waits.
        fan_out_window_max_ms: Milliseconds { default: 16, min: 0, max: 1_000 } live;

        /// Updates of one session that wait for what they refer to; what does not fit is dropped, and the session syncs again.
        waiting_bytes_per_session_max: Bytes { default: 16 * MIB, min: KIB, max: GIB } live;

        /// Updates of all sessions of a document that wait for what they refer to; what does not fit is dropped.
        waiting_bytes_per_document_max: Bytes { default: 64 * MIB, min: KIB, max: GIB } live;

        /// How long an update waits for what it refers to before it is dropped and its session syncs again.
        waiting_timeout_ms: Milliseconds { default: 30_000, min: 100, max: 600_000 } live;
    }

    "Awareness" {
        /// The awareness state of one client; an update with a larger one is refused.
        awareness_state_bytes_max: Bytes { default: 8 * KIB, min: 64, max: MIB } live;

        /// Clients with an awareness state in one document; further ones are not shown to others.
        awareness_entries_max: Count { default: 4_096, min: 1, max: 1 << 20, unit: "clients" } live;

        /// The awareness states of all clients in one document; what does not fit is not shown to others.
        awareness_bytes_max: Bytes { default: 4 * MIB, min: 64, max: GIB } live;

        /// Awareness messages that one session may send in a second; one that sends more is not read from until it may again.
        /// npm clients pass on what they hear, so that an honest session may send as many as the document publishes.
        awareness_per_second_max: Count { default: 2_000, min: 1, max: 1_000_000, unit: "messages" } live;

        /// How long awareness may gather before it is sent together; 0 sends always at once.
        /// The window widens with the sessions of the document.
        awareness_window_max_ms: Milliseconds { default: 250, min: 0, max: 10_000 } live;

        /// Clients whose awareness one session may announce.
        /// One is usual; tabs of one browser that talk to each other may announce more through one socket.
        awareness_entries_per_session_max: Count { default: 32, min: 1, max: 4_096, unit: "clients" } live;
    }

    "Connections" {
        /// The head of an upgrade request; a larger one is answered with 431.
        /// A token in the query is part of it.
        request_head_bytes_max: Bytes { default: 8 * KIB, min: KIB, max: 64 * KIB } live;

        /// How long a new connection may take until the head of its upgrade request is complete.
        upgrade_timeout_ms: Milliseconds { default: 10_000, min: 100, max: 600_000 } live;

        /// How long a message may take that was begun; beyond, its connection is closed with 1013. For each 8 KiB of it that have come, a second more.
        message_timeout_ms: Milliseconds { default: 60_000, min: 100, max: 3_600_000 } live;

        /// Messages and control frames of one connection in a second, for long; 0 for no limit. What is over is not read until its time has come.
        connection_messages_per_second_max: Count { default: 10_000, min: 0, max: 1_000_000, unit: "messages" } live;

        /// Bytes of one connection in a second, for long; 0 for no limit. What is over is not read until its time has come.
        connection_bytes_per_second_max: Bytes { default: 32 * MIB, min: 0, max: 1024 * GIB } live;

        /// What a connection has not used of its messages and bytes within this time it may use at once.
        connection_burst_ms: Milliseconds { default: 10_000, min: 0, max: 600_000 } live;

        /// A connection that does well is sent a message when none was sent for so long.
        /// y-websocket and Hocuspocus clients drop a socket on which no message arrived for 30 s.
        heartbeat_ms: Milliseconds { default: 20_000, min: 1_000, max: HEARTBEAT_MS_LIMIT - 1 } live;

        /// The same for a connection that does badly: slow, unsteady, or without answers, or not measured yet.
        /// What lies between, lies between.
        heartbeat_min_ms: Milliseconds { default: 10_000, min: 1_000, max: HEARTBEAT_MS_LIMIT - 1 } live;

        /// The same for peers that do not wait for messages: they are sent a ping.
        heartbeat_max_ms: Milliseconds { default: 60_000, min: 1_000, max: 600_000 } live;

        /// A connection that was asked and from which nothing was heard for so long is closed; it is asked twelve times.
        /// Nobody is asked who takes nothing or is not read from.
        stale_timeout_ms: Milliseconds { default: 120_000, min: 12_000, max: 3_600_000 } live;

        /// A connection whose peer acknowledges nothing for so long is closed by the kernel (TCP_USER_TIMEOUT).
        tcp_user_timeout_ms: Milliseconds { default: 30_000, min: 1_000, max: 3_600_000 };

        /// Documents that one Hocuspocus connection may have open at once; it is told of any further one that it is too many.
        documents_per_connection_max: Count { default: 256, min: 1, max: 1 << 16, unit: "documents" } live;

        /// How long a Hocuspocus connection may take until the first of its tokens is good, whatever it sends meanwhile; and how long each
        /// of its documents may wait for one.
        token_timeout_ms: Milliseconds { default: 10_000, min: 100, max: 600_000 } live;

        /// What a Hocuspocus connection may send about documents whose token has not come; more closes it, to begin again.
        token_queue_bytes_max: Bytes { default: MIB, min: KIB, max: GIB } live;

        /// The same in messages.
        token_queue_messages_max: Count { default: 1_000, min: 1, max: 1 << 20, unit: "messages" } live;

        /// So long before a token expires, a Hocuspocus client is asked for another; after half of its time, where that is later.
        token_refresh_ms: Milliseconds { default: 30_000, min: 0, max: 3_600_000 } live;

        /// How long a peer may take to answer a closing handshake before its socket is closed all the same.
        close_timeout_ms: Milliseconds { default: 5_000, min: 100, max: 60_000 } live;

        /// What waits to be sent in one session; above, the session falls behind and gets one merged update once its socket drains.
        /// An empty outbox takes one frame of any size.
        outbox_bytes_max: Bytes { default: MIB, min: 64 * KIB, max: GIB } live;

        /// A session that is behind and cannot take its catch-up within this time is closed with 1013, to try again.
        catch_up_timeout_ms: Milliseconds { default: 60_000, min: 1_000, max: 3_600_000 } live;
    }
}

relations! {
    /// no message may hold more than its document can
    message_bytes_max <= document_bytes_max;
    /// a message that cannot be uncommitted would stop its shard from reading
    message_bytes_max <= uncommitted_bytes_max;
    /// a message that arrives in pieces is held until it is whole
    message_bytes_max <= unfinished_bytes_max;
    /// what waits for tokens is held like messages that are not whole
    token_queue_bytes_max <= unfinished_bytes_max;
    /// a state arrives inside a message
    awareness_state_bytes_max <= message_bytes_max;
    /// a part of a document that does not fit an outbox would put its session behind again
    update_chunk_bytes <= outbox_bytes_max;
    /// one author cannot bring more than all of them
    author_updates_per_second_max <= document_updates_per_second_max;
    /// one state has to fit
    awareness_state_bytes_max <= awareness_bytes_max;
    /// one session cannot hold more than all of them
    waiting_bytes_per_session_max <= waiting_bytes_per_document_max;
    /// one session cannot announce more than all of them
    awareness_entries_per_session_max <= awareness_entries_max;
    /// whoever does badly is sent something at least as often
    heartbeat_min_ms <= heartbeat_ms;
    /// whoever waits for messages is sent something at least as often
    heartbeat_ms <= heartbeat_max_ms;
    /// silence between two heartbeats is no sign that nobody is there
    heartbeat_max_ms <= stale_timeout_ms;
    /// a stream is a connection
    control_streams_max <= control_connections_max;
    /// whoever waits for a pause waits no longer than for none
    webhooks_debounce_ms <= webhooks_debounce_max_ms;
    /// what is critical is worth a warning
    alert_error_warning_percent <= alert_error_critical_percent;
    /// what is critical is worth a warning
    alert_degradation_warning_percent <= alert_degradation_critical_percent;
    /// a drain waits for closing handshakes
    close_timeout_ms <= drain_timeout_ms;
}

/// Heartbeats stay below this, in milliseconds.
const HEARTBEAT_MS_LIMIT: u64 = 25_000;

/// After this long without a byte y-websocket clients give a connection up, in milliseconds (`messageReconnectTimeout`).
const CLIENT_SILENCE_MS: u64 = 30_000;

// A heartbeat may come late by a turn of the loop and by the way to the client.
const _: () = assert!(HEARTBEAT_MS_LIMIT + 5_000 <= CLIENT_SILENCE_MS);

// A snapshot is one value of RocksDB, whose length is 32 bits, in a record whose offsets are 32 bits with a sign.
const _: () = assert!(DECLARED.document_bytes_max.max < i32::MAX as usize);

/// So many times as many sessions behind as are worth a warning are critical.
pub const SESSIONS_BEHIND_CRITICAL: usize = 4;

// It can be reached: more than all of them are never behind.
const _: () = assert!(DECLARED.alert_sessions_behind_percent.max * SESSIONS_BEHIND_CRITICAL <= 100);

// Bytes and counts are `usize`, and their largest bounds need 64 bits.
const _: () = assert!(usize::BITS == 64);

/// What the setting means, without the line breaks of this file.
pub(super) fn sentence(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
