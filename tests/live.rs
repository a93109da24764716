//! Settings that change while the built binary runs, on both drivers: through the control plane and by SIGHUP.

#[path = "server/client.rs"]
#[allow(dead_code, reason = "shared with the other tests of the binary")]
mod client;
#[path = "limits/guest.rs"]
#[allow(dead_code, reason = "shared with the other tests of the binary")]
mod guest;
#[path = "live/plane.rs"]
#[allow(dead_code, reason = "shared with the other tests of the binary")]
mod plane;
#[path = "server/process.rs"]
#[allow(dead_code, reason = "shared with the other tests of the binary")]
mod process;

use std::path::{Path, PathBuf};
use std::process::Command;

use guest::{Answer, assert_alive, upgrade, wait_for_count};
use plane::request;
use process::{Folder, Server};
use rustix::process::Signal;
use serde_json::{Value, json};

const DRIVERS: [&str; 3] = ["uring", "uring --descriptors direct", "monoio"];

fn patch(server: &Server, headers: &str, body: &Value) -> plane::Answer {
    request(server.control, "PATCH", "/v1/settings", headers, &body.to_string())
}

fn roll_back(server: &Server, headers: &str) -> plane::Answer {
    request(server.control, "POST", "/v1/settings/rollback", headers, "")
}

fn read(server: &Server) -> plane::Answer {
    request(server.control, "GET", "/v1/settings", "", "")
}

fn setting(answer: &plane::Answer, name: &str) -> Value {
    let all = answer.body["settings"].as_array().expect("a list");
    all.iter().find(|setting| setting["name"] == name).expect("it is there").clone()
}

/// Tries until the answer is this one: each core takes new rules at its next turn.
fn wait_for_answer(server: &Server, last: u8, expected: &Answer) {
    while upgrade(server, last, "/yjs/a").1 != *expected {}
}

#[test]
fn limits_are_lowered_and_come_back() {
    for driver in DRIVERS {
        let mut server = Server::start(driver, &Folder::new(), &[]);
        let mut first = upgrade(&server, 2, "/yjs/a").0;
        let answer = patch(&server, "", &json!({"connections_per_address_max": 1}));
        assert_eq!(answer.status, 200, "{answer:?}");
        assert!(answer.head.to_lowercase().contains("etag: \"2\"\r\n"), "{}", answer.head);
        let changed = json!([{"name": "connections_per_address_max", "old": 32768, "new": 1}]);
        assert_eq!((&answer.body["persisted"], &answer.body["changed"]), (&false.into(), &changed));
        assert_eq!(upgrade(&server, 2, "/yjs/a").1, Answer::Status(429), "it takes effect at once");
        assert_alive(&mut first);
        assert_eq!(roll_back(&server, "").body["changed"][0]["new"], 32768);
        assert_eq!(upgrade(&server, 2, "/yjs/a").1, Answer::Open);

        // Of the cores, and of the process.
        patch(&server, "", &json!({"connections_max": 1}));
        wait_for_answer(&server, 3, &Answer::Status(503));
        roll_back(&server, "");
        wait_for_answer(&server, 3, &Answer::Open);
        assert_alive(&mut first);
        wait_for_count(&mut server, "addresses_full", 1);
    }
}

#[test]
fn the_metrics_say_what_is_in_force() {
    // Fewer than any limit of open files leaves room for.
    let server = Server::start("monoio", &Folder::new(), &["--connections-max", "200"]);
    let says = |lines: &[&str]| {
        let page = plane::text(server.control, "/metrics");
        lines.iter().all(|line| page.lines().any(|it| it == *line))
    };
    assert!(says(&["selvedge_limit_connections 200", "selvedge_limit_outbox_bytes 1048576"]));
    let changed = json!({"connections_max": 100, "outbox_bytes_max": "2MiB", "compression": true});
    assert_eq!(patch(&server, "", &changed).status, 200);
    assert!(says(&["selvedge_limit_connections 100", "selvedge_limit_outbox_bytes 2097152"]));
    assert!(plane::text(server.control, "/metrics").contains("compression=\"true\""));
    assert_eq!(roll_back(&server, "").status, 200);
    assert!(says(&["selvedge_limit_connections 200", "selvedge_limit_outbox_bytes 1048576"]));
}

#[test]
fn a_rate_takes_effect_on_connections_that_are_open() {
    for driver in DRIVERS {
        let mut server = Server::start(driver, &Folder::new(), &[]);
        let mut client = client::Client::upgrade(server.address, "/yjs/a");
        assert_alive(&mut client);
        patch(&server, "", &json!({"connection_messages_per_second_max": 1, "connection_burst_ms": 0}));
        loop {
            client.send_binary(&[0, 0, 1, 0]);
            client.send_binary(&[0, 0, 1, 0]);
            if guest::count(&mut server, "rate_holds") > 0 {
                break;
            }
        }
        roll_back(&server, "");
        assert_alive(&mut client);
    }
}

#[test]
fn a_bad_patch_changes_nothing_and_says_what_is_wrong() {
    let server = Server::start("monoio", &Folder::new(), &[]);
    let before = read(&server);
    for (body, status, said) in [
        ("{\"connections_max\": 5, \"ban_ms\": 0}", 422, "ban_ms = 0: out of range; allowed: 100"),
        ("{\"connections_max\": 5, \"reader_threads\": 3}", 422, "reader_threads = 3: needs a restart"),
        ("{\"connections_max\": 5, \"listen\": \"127.0.0.1:1\"}", 422, "listen"),
        ("{\"connections_max\": 5, \"nonsense\": 1}", 422, "there is no such setting"),
        ("{\"document_bytes_max\": \"1MiB\"}", 422, "message_bytes_max"),
        // Four times that is critical, and more than all sessions are never behind.
        ("{\"alert_sessions_behind_percent\": 26}", 422, "allowed: 1 to 25"),
        ("{\"connections_max\": {}}", 422, "not a text"),
        ("[]", 400, "object"),
        ("{\"connections_max\": 5", 400, "object"),
        ("", 400, "object"),
    ] {
        let control = server.control;
        let answer = request(control, "PATCH", "/v1/settings", "", body);
        assert_eq!(answer.status, status, "{body}: {answer:?}");
        assert!(answer.body["detail"].as_str().expect("a detail").contains(said), "{body}: {answer:?}");
    }
    let members = |count: usize| (0..count).map(|number| format!("\"name{number}\": 1")).collect::<Vec<_>>().join(",");
    for (count, status) in [(2_000, 422), (8_000, 413)] {
        let answer = request(server.control, "PATCH", "/v1/settings", "", &format!("{{{}}}", members(count)));
        assert_eq!(answer.status, status, "{count} members");
        let detail = answer.body["detail"].as_str().expect("a detail");
        assert!(detail.len() < 200, "{detail}");
    }
    assert_eq!(read(&server).body, before.body);
    assert_eq!(roll_back(&server, "").status, 409);
}

#[test]
fn settings_are_shown_with_what_may_be_done_to_them_and_without_secrets() {
    let folder = Folder::new();
    let secret = folder.path().join("secret");
    std::fs::write(&secret, [b'k'; 32]).expect("it can be written");
    let path = secret.display().to_string();
    let server = Server::start("monoio", &folder, &["--auth-secret-file", &path]);
    let control = server.control;
    let bearer = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_selvedge"))
            .args(["token", "--auth-secret-file", &path, "--sub", "ada"])
            .args(arguments)
            .output()
            .expect("the binary starts");
        let token = String::from_utf8(output.stdout).expect("a token");
        format!("Authorization: Bearer {}\r\n", token.trim())
    };
    for (method, path) in [("GET", "/v1/settings"), ("PATCH", "/v1/settings"), ("POST", "/v1/settings/rollback")] {
        assert_eq!(request(control, method, path, "", "{}").status, 401, "{method} {path}");
        let guest = bearer(&["--document", "*=write"]);
        assert_eq!(request(control, method, path, &guest, "{}").status, 403, "{method} {path}");
    }
    let answer = request(control, "GET", "/v1/settings", &bearer(&["--admin"]), "");
    let (hidden, live, fixed) =
        (setting(&answer, "auth_secret_file"), setting(&answer, "ban_ms"), setting(&answer, "fsync"));
    assert_eq!((&hidden["value"], &hidden["origin"]), (&"(secret)".into(), &"command line".into()));
    assert_eq!((&live["live"], &live["value"], &live["unit"]), (&true.into(), &60_000.into(), &"ms".into()));
    assert_eq!((&fixed["live"], &fixed["allowed"]), (&false.into(), &"always, interval=<1 to 60000 ms>, never".into()));
    assert!(!answer.body.to_string().contains(&path), "{answer:?}");
}

#[test]
fn only_the_revision_that_was_seen_is_changed() {
    let server = Server::start("monoio", &Folder::new(), &[]);
    let five = json!({"connections_max": 5});
    assert_eq!(patch(&server, "If-Match: \"1\"\r\n", &five).status, 200);
    assert_eq!(patch(&server, "If-Match: \"1\"\r\n", &five).status, 412);
    assert_eq!(roll_back(&server, "If-Match: \"1\"\r\n").status, 412);
    assert_eq!(patch(&server, "If-Match: abc\r\n", &five).status, 400);
    assert_eq!(roll_back(&server, "If-Match: *\r\n").status, 200);
    assert_eq!(read(&server).body["revision"], 3);
}

#[test]
fn the_level_of_the_log_follows() {
    let mut server = Server::start("monoio", &Folder::new(), &[]);
    patch(&server, "", &json!({"log_level": "debug"}));
    let mut client = upgrade(&server, 2, "/yjs/a").0;
    client.send_frame(0x88, &1000_u16.to_be_bytes());
    server.wait_for_log("the peer says goodbye");
    roll_back(&server, "");
    assert_eq!(setting(&read(&server), "log_level")["value"], "info");
}

/// The audit log, once it says this.
fn wait_for_line(file: &Path, wanted: impl Fn(&Value) -> bool) -> Value {
    loop {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        if let Some(line) = lines.into_iter().find(&wanted) {
            return line;
        }
        std::thread::yield_now();
    }
}

#[test]
fn a_hangup_reads_the_file_again_as_a_whole_and_each_change_is_written_down() {
    for driver in DRIVERS {
        let folder = Folder::new();
        let [config, audit]: [PathBuf; 2] = ["settings.toml", "audit.log"].map(|name| folder.path().join(name));
        let write = |text: &str| std::fs::write(&config, text).expect("it can be written");
        write("connections_per_address_max = 2\n");
        let (config_path, audit_path) = (config.display().to_string(), audit.display().to_string());
        let mut server = Server::start(driver, &folder, &["--config", &config_path, "--audit-file", &audit_path]);
        let _first = upgrade(&server, 2, "/yjs/a").0;

        write("connections_per_address_max = 1\nreader_threads = 5\n");
        server.signal(Signal::HUP);
        server.wait_for_log("the settings file has another value; it needs a restart");
        // The log says it before everybody concerned is told; what is in force is shown after that.
        let answer = loop {
            let answer = read(&server);
            if answer.body["revision"] == 2 {
                break answer;
            }
        };
        assert_eq!(upgrade(&server, 2, "/yjs/a").1, Answer::Status(429));
        assert_eq!(setting(&answer, "connections_per_address_max")["origin"], "file");
        assert_eq!(
            (&answer.body["pending"][0]["name"], &answer.body["pending"][0]["new"]),
            (&"reader_threads".into(), &5.into())
        );

        write("connections_per_address_max = 2\nnonsense = 1\n");
        server.signal(Signal::HUP);
        let said = server.wait_for_log("the settings stay as they are");
        assert!(said.contains("nonsense"), "{said}");
        assert_eq!(upgrade(&server, 2, "/yjs/a").1, Answer::Status(429));

        roll_back(&server, "");
        assert_eq!(upgrade(&server, 2, "/yjs/a").1, Answer::Open);
        let pending = read(&server).body["pending"].clone();
        let both = ["connections_per_address_max", "reader_threads"];
        let names: Vec<&str> =
            pending.as_array().expect("a list").iter().filter_map(|one| one["name"].as_str()).collect();
        assert!(names.len() == 2 && both.iter().all(|name| names.contains(name)), "{pending}");
        let line = wait_for_line(&audit, |line| line["how"] == "reloaded");
        assert_eq!(
            (&line["event"], &line["setting"]),
            (&"setting-changed".into(), &"connections_per_address_max".into())
        );
        assert_eq!((&line["old"], &line["new"]), (&"2".into(), &"1".into()));
        wait_for_line(&audit, |line| line["how"] == "rolled-back");
    }
}
