//! What the control plane says of a running server: health, status, alerts and slow operations, over HTTP and with both drivers.

#[path = "server/client.rs"]
#[allow(dead_code, reason = "shared with tests that need more of it")]
mod client;
#[path = "server/process.rs"]
#[allow(dead_code, reason = "shared with tests that need more of it")]
mod process;

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use client::{Client, http};
use process::{Folder, Server};
use serde_json::Value;

const DRIVERS: [&str; 2] = ["uring", "monoio"];

/// What a dashboard is built on.
const EXAMPLE: &str = include_str!("../src/control/status/example.json");

/// A SyncStep1 of a client that has nothing.
const SYNC_STEP_1: &[u8] = &[0, 0, 1, 0];

/// What does not come within this does not come. A bound for tests that hang, not a measure.
const PATIENCE: Duration = Duration::from_secs(60);

fn control(server: &Server) -> SocketAddr {
    server.control
}

/// The status and the body.
fn get(address: SocketAddr, path: &str, headers: &str) -> (u16, String) {
    let answer = http(
        address,
        format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n{headers}\r\n").as_bytes(),
    );
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    (status, body.to_owned())
}

fn json(address: SocketAddr, path: &str) -> Option<Value> {
    let (status, body) = get(address, path, "");
    (status == 200).then(|| serde_json::from_str(&body).expect("it is JSON"))
}

/// Asks until it is as wanted: figures are taken once a second.
fn status_with(server: &Server, wanted: impl Fn(&Value) -> bool) -> Value {
    let begun = Instant::now();
    let mut last = None;
    while begun.elapsed() < PATIENCE {
        last = json(control(server), "/status");
        if let Some(status) = last.as_ref().filter(|status| wanted(status)) {
            return status.clone();
        }
        thread::sleep(Duration::from_millis(50));
    }
    panic!("it never was as wanted: {last:#?}");
}

fn until_answers(address: SocketAddr, path: &str, wanted: u16) -> String {
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        let (status, body) = get(address, path, "");
        if status == wanted {
            return body;
        }
        thread::sleep(Duration::from_millis(20));
    }
    panic!("{path} never was {wanted}");
}

/// One letter, written by this client after so many others of its own.
fn letter(client: u8, clock: u8) -> Vec<u8> {
    let mut update = vec![1, 1, client, clock];
    if clock == 0 {
        update.extend([4, 1, 1, b't', 1, b'x']);
    } else {
        // Behind the one before.
        update.extend([0x84, client, clock - 1, 1, b'x']);
    }
    update.push(0);
    update
}

fn update_message(update: &[u8]) -> Vec<u8> {
    [&[0, 2, update.len() as u8], update].concat()
}

fn carries(message: &[u8], update: &[u8]) -> bool {
    message.len() >= 3 && message[0] == 0 && (message[1] == 1 || message[1] == 2) && message.ends_with(update)
}

#[test]
fn figures_are_those_that_clients_have_counted() {
    const DOCUMENTS: u64 = 4;
    const LETTERS: u8 = 25;
    for driver in DRIVERS {
        let server = Server::start(driver, &Folder::new(), &["--shards", "3"]);
        let mut clients: Vec<(Client, Client)> = (0..DOCUMENTS)
            .map(|document| {
                let path = format!("/yjs/counted-{document}");
                (Client::upgrade(server.address, &path), Client::upgrade(server.address, &path))
            })
            .collect();
        status_with(&server, |status| status["sessions"] == 2 * DOCUMENTS);
        for (reader, writer) in &mut clients {
            reader.send_binary(SYNC_STEP_1);
            reader.wait_for(|message| message.starts_with(&[0, 1]));
            for clock in 0..LETTERS {
                let update = letter(7, clock);
                writer.send_binary(&update_message(&update));
                reader.wait_for(|message| carries(message, &update));
                writer.wait_for(|message| carries(message, &update));
            }
            // A letter that is known.
            writer.send_binary(&update_message(&letter(7, 0)));
        }
        let updates = DOCUMENTS * u64::from(LETTERS);
        let status = status_with(&server, |status| {
            let cores = status["per_core"].as_array().expect("a list");
            status["totals"]["updates_accepted"] == updates
                && status["totals"]["updates_duplicate"] == DOCUMENTS
                && cores.iter().all(|core| core["turning"] == true)
        });
        let totals = &status["totals"];
        assert_eq!(status["connections"], 2 * DOCUMENTS, "{driver}");
        assert_eq!(status["documents"], DOCUMENTS);
        assert_eq!(totals["updates"], updates + DOCUMENTS);
        assert_eq!(totals["updates_refused"], 0);
        assert_eq!(totals["messages"], updates + 2 * DOCUMENTS);
        assert_eq!(totals["records"], updates, "each letter waited for the one before");
        assert_eq!(totals["connections"], 2 * DOCUMENTS);
        assert_eq!(totals["deliveries"], 2 * updates, "to the reader, and to the writer after the commit");
        assert_eq!(status["latency_ms"]["acknowledge"]["count"], updates);
        assert_eq!(status["latency_ms"]["deliver"]["count"], updates);
        let cores = status["per_core"].as_array().expect("a list");
        let sum = |field: &str| cores.iter().map(|core| core[field].as_u64().expect("a number")).sum::<u64>();
        assert_eq!((cores.len(), sum("connections"), sum("sessions")), (3, 2 * DOCUMENTS, 2 * DOCUMENTS));
        let quantiles = ["p50", "p95", "p99", "max"].map(|part| status["latency_ms"]["acknowledge"][part].as_f64());
        assert!(quantiles.is_sorted() && quantiles[0] > Some(0.0), "{quantiles:?}");
        let summary = json(control(&server), "/api/performance").expect("it is there");
        assert_eq!(summary["sessions"], 2 * DOCUMENTS);
        assert_eq!(summary["acknowledge_ms"]["count"], updates);
        drop(clients);
        status_with(&server, |status| status["connections"] == 0 && status["sessions"] == 0);
    }
}

#[test]
fn what_is_slow_and_what_is_wrong_has_the_shape_of_the_example() {
    for driver in DRIVERS {
        let never = "--slow-acknowledge-ms 0 --slow-deliver-ms 0 --slow-load-ms 0 --slow-sync-ms 0 --slow-turn-ms 0";
        let mut flags = vec!["--slow-join-ms", "1", "--memory-max-bytes", "256MiB", "--alert-memory-percent", "1"];
        flags.extend(never.split(' '));
        let mut server = Server::start(driver, &Folder::new(), &flags);
        let events = thread::spawn({
            let address = control(&server);
            move || events_until(address, "event: alert")
        });
        let mut writer = Client::upgrade(server.address, "/yjs/slowly%20joined");
        writer.send_binary(&update_message(&letter(7, 0)));
        writer.wait_for(|message| carries(message, &letter(7, 0)));
        // Whoever asks late has joined late; the look at the clock is the server's.
        let sessions = status_with(&server, |status| status["sessions"] == 1);
        status_with(&server, |status| status["measured_at"] != sessions["measured_at"]);
        writer.send_binary(SYNC_STEP_1);
        writer.wait_for(|message| message.starts_with(&[0, 1]));
        let raised = |status: &Value| memory_use(status).is_some();
        let status = status_with(&server, |status| status["slow_operations_total"] != 0 && raised(status));
        let slow = &status["slow_operations"][0];
        assert_eq!((&slow["operation"], &slow["document"]), (&Value::from("join"), &Value::from("slowly joined")));
        let alert = memory_use(&status).expect("it was waited for");
        assert_eq!(alert["threshold"], 1.0);
        assert!(alert["recommendation"].as_str().is_some_and(|text| text.contains("memory_max_bytes")), "{alert}");
        let metrics = get(control(&server), "/metrics", "").1;
        for line in [
            "selvedge_alert{name=\"memory_use\",severity=\"warning\"} 1",
            "selvedge_alert{name=\"memory_use\",severity=\"critical\"} 0",
            "selvedge_slow_operations_total 1",
        ] {
            assert!(metrics.lines().any(|it| it == line), "{line} is not in {metrics}");
        }
        same_shape("", &serde_json::from_str(EXAMPLE).expect("it is JSON"), &status);
        let told = events.join().expect("it comes");
        assert!(told.contains("event: status") && told.contains("memory_use"), "{told}");
        server.terminate();
        let (_, log) = server.end();
        assert!(log.contains("slow operation") && log.contains("alert raised"), "{log}");
    }
}

/// The alert that a test can bring about. On a slow machine there may be others beside it, in any order.
fn memory_use(status: &Value) -> Option<&Value> {
    status["alerts"].as_array()?.iter().find(|alert| alert["name"] == "memory_use")
}

/// An update that inserts so many letters, of this client.
fn paste(client: u8, letters: usize) -> Vec<u8> {
    let mut update = vec![1, 1, client, 0, 4, 1, 1, b't'];
    let mut length = letters;
    while length > 0x7f {
        update.push(0x80 | (length & 0x7f) as u8);
        length >>= 7;
    }
    update.push(length as u8);
    update.extend(vec![b'x'; letters]);
    update.push(0);
    update
}

/// Of the families that are counters.
fn counted(server: &Server, series: &str) -> Option<u64> {
    let metrics = get(control(server), "/metrics", "").1;
    metrics.lines().find_map(|line| line.strip_prefix(series)?.trim().parse().ok())
}

#[test]
fn who_meets_a_limit_is_counted_in_the_metrics_and_in_the_status() {
    const KIB: usize = 1_024;
    for driver in DRIVERS {
        let limits = "--shards 1 --document-bytes-max 64KiB --message-bytes-max 40KiB --uncommitted-bytes-max 1MiB --unfinished-bytes-max 64KiB --token-queue-bytes-max 64KiB \
                      --awareness-state-bytes-max 1KiB --sessions-per-document-max 2 --documents-per-shard-max 2";
        let server = Server::start(driver, &Folder::new(), &limits.split_whitespace().collect::<Vec<_>>());
        let open = |path: &str| Client::upgrade(server.address, path);
        let sync = |update: &[u8]| {
            let mut message = vec![0, 2];
            let length = update.len();
            message.extend([0x80 | (length & 0x7f) as u8, 0x80 | ((length >> 7) & 0x7f) as u8, (length >> 14) as u8]);
            [&message, update].concat()
        };
        let (mut first, mut second) = (open("/yjs/full"), open("/yjs/full"));
        first.send_binary(&sync(&paste(7, 39 * KIB)));
        first.wait_for(|message| message.len() > 39 * KIB);
        assert_eq!(open("/yjs/full").close_code(), Some(1013), "{driver}: two sessions are the limit");
        let kept = open("/yjs/kept");
        assert_eq!(open("/yjs/third").close_code(), Some(1013), "{driver}: two documents are the limit");
        second.send_binary(&sync(&paste(8, 39 * KIB)));
        assert_eq!(second.close_code(), Some(4413), "{driver}: 78 KiB are more than 64");
        let body = paste(9, 39 * KIB);
        let head = format!(
            "POST /v1/documents/full/updates HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\
             Content-Type: application/octet-stream\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let answer = http(control(&server), &[head.as_bytes(), &body].concat());
        assert!(answer.starts_with("HTTP/1.1 422 "), "{driver}: {answer}");
        first.send_binary(&[0; 41 * KIB]);
        assert_eq!(first.close_code(), Some(1009), "{driver}: 40 KiB are a message");
        drop(kept);
        let mut unfinished = [open("/yjs/full"), open("/yjs/full")];
        let whole = client::frame(0x82, &[0; 39 * KIB]);
        // Who began first goes.
        unfinished[0].send_raw(&whole[..38 * KIB]);
        status_with(&server, |status| status["memory"]["by_purpose_bytes"]["unfinished"].as_u64() > Some(16 << 10));
        unfinished[1].send_raw(&whole[..38 * KIB]);
        assert_eq!(unfinished[0].close_code(), Some(1013), "{driver}: 76 KiB are more than 64");

        let limits = [
            ("document_bytes", 2),
            ("document_sessions", 1),
            ("core_documents", 1),
            ("message_bytes", 1),
            ("unfinished_bytes", 1),
        ];
        status_with(&server, |status| {
            let hits = |name: &str| {
                status["limits"].as_array().expect("a list").iter().find(|it| it["name"] == name)?["hits"].as_u64()
            };
            let names = [
                "document_bytes_max",
                "sessions_per_document_max",
                "documents_per_shard_max",
                "message_bytes_max",
                "unfinished_bytes_max",
            ];
            names.into_iter().zip(limits).all(|(name, (_, times))| hits(name) == Some(times))
                && status["totals"]["updates_refused"] == 2
        });
        for (limit, times) in limits {
            assert_eq!(
                counted(&server, &format!("selvedge_limits_met_total{{limit=\"{limit}\"}}")),
                Some(times),
                "{driver}: {limit}"
            );
        }
        assert_eq!(counted(&server, "selvedge_updates_refused_total{reason=\"too_large\"}"), Some(2), "{driver}");
        assert_eq!(counted(&server, "selvedge_updates_refused_total{reason=\"malformed\"}"), Some(0), "{driver}");
    }
}

#[test]
fn the_start_is_noted_once_and_not_reckoned_from_the_clock_of_each_scrape() {
    let since_1970 = || SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock that is set").as_secs_f64();
    for driver in DRIVERS {
        let before = since_1970();
        let server = Server::start(driver, &Folder::new(), &[]);
        let after = since_1970();
        let started = || -> f64 {
            let metrics = get(control(&server), "/metrics", "").1;
            let line = metrics.lines().find_map(|line| line.strip_prefix("process_start_time_seconds "));
            line.and_then(|value| value.parse().ok()).expect("a number")
        };
        let first = started();
        // To less than a second, which two clocks that are subtracted cannot say.
        assert!((before..=after).contains(&first), "{driver}: {before} {first} {after}");
        assert_eq!(started(), first, "{driver}");
    }
}

/// So many threads of the server have this name.
fn threads(server: &Server, name: &str) -> usize {
    let tasks = std::fs::read_dir(format!("/proc/{}/task", server.pid())).expect("the server runs");
    let names = tasks.flatten().filter_map(|task| std::fs::read_to_string(task.path().join("comm")).ok());
    names.filter(|it| it.trim_end() == name).count()
}

#[test]
fn metrics_wait_for_no_disk() {
    for driver in DRIVERS {
        let server = Server::start(driver, &Folder::new(), &[]);
        for path in ["/metrics", "/status", "/metrics"] {
            status_with(&server, |_| true);
            let (status, body) = get(control(&server), path, "");
            assert!(status == 200 && body.contains("selvedge_storage_write_ahead_log_bytes ") == (path == "/metrics"));
        }
        // Threads that wait for the disk begin with the first request that needs one: a disk that hangs would take all of them.
        assert_eq!(threads(&server, "control"), 1, "{driver}");
        assert_eq!(get(control(&server), "/v1/documents", "").0, 200);
        assert_eq!(threads(&server, "control"), 2, "{driver}: and are seen by this test");
    }
}

/// What listeners are told up to this, to the end of its event.
fn events_until(address: SocketAddr, wanted: &str) -> String {
    let mut stream = client::socket(address);
    stream.write_all(b"GET /v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").expect("the server listens");
    let (mut told, mut piece) = (String::new(), [0; 4_096]);
    while !told.split_once(wanted).is_some_and(|(_, rest)| rest.contains("\n\n")) {
        let count = stream.read(&mut piece).expect("something is told every second");
        assert!(count > 0 && told.len() < 1 << 20, "{told}");
        told.push_str(&String::from_utf8_lossy(&piece[..count]));
    }
    told
}

/// The same fields with the same kinds of values. What is nothing in one of them may be anything in the other, and what is only sometimes there is
/// so in lists.
fn same_shape(path: &str, example: &Value, real: &Value) {
    match (example, real) {
        (Value::Object(example), Value::Object(real)) => {
            let fields = |object: &serde_json::Map<String, Value>| object.keys().cloned().collect::<Vec<_>>();
            if !path.ends_with("slow_operations[]") {
                assert_eq!(fields(example), fields(real), "fields of {path}");
            }
            for (field, value) in real {
                if let Some(example) = example.get(field) {
                    same_shape(&format!("{path}.{field}"), example, value);
                }
            }
        }
        (Value::Array(example), Value::Array(real)) => {
            if let (Some(example), Some(real)) = (example.first(), real.first()) {
                same_shape(&format!("{path}[]"), example, real);
            }
        }
        (Value::Null, _) | (_, Value::Null) => {}
        (example, real) => {
            let kind = |value: &Value| (value.is_string(), value.is_number(), value.is_boolean());
            assert_eq!(kind(example), kind(real), "{path}: {example} and {real}");
        }
    }
}

#[test]
fn health_is_told_to_anybody_and_figures_to_those_who_may() {
    let folder = Folder::new();
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "a secret that nobody else knows at all").expect("a file");
    let secret = secret.to_str().expect("a path");
    let server = Server::start("monoio", &folder, &["--auth-secret-file", secret]);
    let token = |flags: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_selvedge"));
        let made = command.args(["token", "--sub", "me", "--auth-secret-file", secret]).args(flags).output();
        let made = String::from_utf8(made.expect("it runs").stdout).expect("text");
        format!("Authorization: Bearer {}\r\n", made.trim())
    };
    status_is_there(&server, &token(&["--admin"]));
    for path in ["/status", "/api/performance"] {
        assert_eq!(get(control(&server), path, "").0, 401, "{path}");
        assert_eq!(get(control(&server), path, &token(&["--document", "*=write"])).0, 403, "{path}");
        assert_eq!(get(control(&server), path, &token(&["--admin"])).0, 200, "{path}");
    }
    for path in ["/healthz", "/readyz"] {
        assert_eq!(get(control(&server), path, "").0, 200, "{path}");
    }
}

fn status_is_there(server: &Server, headers: &str) {
    let begun = Instant::now();
    while get(control(server), "/status", headers).0 != 200 {
        assert!(begun.elapsed() < PATIENCE, "it never comes");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn both_ports_say_the_same_of_health_and_a_drain_is_no_readiness() {
    for driver in DRIVERS {
        let flags = ["--close-timeout-ms", "20000", "--drain-timeout-ms", "60000"];
        let mut server = Server::start(driver, &Folder::new(), &flags);
        for address in [server.address, control(&server)] {
            assert_eq!(get(address, "/healthz", ""), (200, "{\"status\":\"ok\"}\n".to_owned()), "{driver}");
            let (status, body) = get(address, "/readyz", "");
            assert!(status == 200 && body.contains("\"status\":\"ready\""), "{driver}: {body}");
        }
        // It does not answer the goodbye, and so keeps the server.
        let mut client = Client::upgrade(server.address, "/yjs/kept");
        client.send_binary(SYNC_STEP_1);
        client.wait_for(|message| message.starts_with(&[0, 1]));
        server.terminate();
        let body = until_answers(control(&server), "/readyz", 503);
        assert!(body.contains("\"reason\":\"draining\""), "{driver}: {body}");
        assert_eq!(get(control(&server), "/healthz", "").0, 200, "who drains is alive");
        // Not asked for before now: the first figures may not have been taken yet.
        status_with(&server, |status| status["draining"] == true);
        drop(client);
        assert_eq!(server.exit_code(), Some(0));
    }
}

#[test]
fn thresholds_change_while_the_server_runs() {
    let server = Server::start("monoio", &Folder::new(), &["--memory-max-bytes", "256MiB"]);
    let set = |percent: u8| {
        let body = format!("{{\"alert_memory_percent\":{percent}}}");
        let length = body.len();
        let head =
            format!("PATCH /v1/settings HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Length: {length}");
        let answer = http(control(&server), format!("{head}\r\n\r\n{body}").as_bytes());
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    };
    assert_eq!(memory_use(&status_with(&server, |_| true)), None);
    set(1);
    status_with(&server, |status| memory_use(status).is_some());
    set(99);
    status_with(&server, |status| memory_use(status).is_none());
}

#[test]
fn who_takes_nothing_does_not_keep_the_server_from_ending() {
    let folder = Folder::new();
    let mut server = Server::start("uring", &folder, &["--control-connections-max", "1", "--control-streams-max", "1"]);
    let mut deaf = TcpStream::connect(control(&server)).expect("the control plane listens");
    // So many that their answers fill what the kernel holds for it, and then the requests what it holds for the server.
    deaf.set_write_timeout(Some(Duration::from_secs(1))).expect("a socket");
    let requests = "GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(1_000);
    let refused = loop {
        if let Err(error) = deaf.write_all(requests.as_bytes()) {
            break error;
        }
    };
    assert_eq!(refused.kind(), ErrorKind::WouldBlock);
    server.terminate();
    assert_eq!(server.exit_code(), Some(0));
}
