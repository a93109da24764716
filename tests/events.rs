//! What happens, told outside by the built binary, on both drivers: as a stream, and to targets of webhooks that are well and that are not.

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
#[path = "events/target.rs"]
mod target;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use client::Client;
use guest::{Answer, upgrade};
use plane::{Stream, request};
use process::{Folder, Server};
use serde_json::Value;
use target::{Manner, Target};

const DRIVERS: [&str; 3] = ["uring", "uring --descriptors direct", "monoio"];

/// `h` written at the start of the text `t` by client 7, as Yjs writes it.
const UPDATE: &[u8] = b"\x01\x01\x07\x00\x04\x01\x01t\x01h\x00";

/// Writes the update, and waits until it is committed.
fn write(client: &mut Client) {
    client.send_binary(&[&[0, 2, UPDATE.len() as u8], UPDATE].concat());
    client.wait_for(|message| message.ends_with(UPDATE));
}

fn control(server: &Server) -> std::net::SocketAddr {
    server.control
}

#[test]
fn a_stream_tells_of_sessions_documents_and_refusals_as_they_happen() {
    for driver in DRIVERS {
        let server = Server::start(driver, &Folder::new(), &["--connections-per-address-max", "2"]);
        let mut stream = Stream::open(control(&server), "/v1/events", "");
        let status = stream.wait_for("status");
        assert_eq!(status.data["ready"], true, "{status:?}");
        let mut client = Client::upgrade(server.address, "/yjs/notes%2F1");
        let opened = stream.wait_for("opened");
        assert_eq!((&opened.data["document"], &opened.data["dialect"]), (&"notes/1".into(), &"y-websocket".into()));
        assert_eq!(opened.data["address"], "127.0.0.1");
        write(&mut client);
        assert_eq!(stream.wait_for("created").data["document"], "notes/1");
        let changed = stream.wait_for("changed");
        assert_eq!((&changed.data["sequence"], &changed.data["updates"]), (&1.into(), &1.into()));
        let _second = upgrade(&server, 1, "/yjs/a");
        assert_eq!(upgrade(&server, 1, "/yjs/a").1, Answer::Status(429));
        let refused = stream.wait_for("refused");
        assert_eq!(
            (&refused.data["reason"], &refused.data["address"]),
            (&"address-connections".into(), &"127.0.0.1".into())
        );
        drop(client);
        let closed = stream.wait_for("closed");
        assert_eq!((&closed.data["session"], &closed.data["document"]), (&opened.data["session"], &"notes/1".into()));
        assert!(closed.data["duration_ms"].is_u64() && closed.data["reason"].is_string(), "{closed:?}");

        // Who comes back finds what happened since, and only what it asked for.
        let path = "/v1/events?types=closed,refused";
        let mut again = Stream::open(control(&server), path, &format!("Last-Event-ID: {}\r\n", opened.id));
        assert_eq!((again.wait_for("refused").id, again.wait_for("closed").id), (refused.id, closed.id));

        // The end of the server is the end of the streams.
        server.terminate();
        while stream.next().is_some() {}
        while again.next().is_some() {}
    }
}

#[test]
fn streams_are_bounded_and_given_back() {
    let server = Server::start("monoio", &Folder::new(), &["--control-streams-max", "1"]);
    let first = Stream::open(control(&server), "/v1/events", "");
    assert_eq!(request(control(&server), "GET", "/v1/events", "", "").status, 503);
    assert_eq!(request(control(&server), "GET", "/v1/events?types=everything", "", "").status, 400);
    drop(first);
    loop {
        let head = format!("GET /v1/events HTTP/1.1\r\nHost: {}\r\n\r\n", control(&server));
        let mut client = Client::connect(control(&server));
        client.send_raw(head.as_bytes());
        if client.head().starts_with("HTTP/1.1 200 ") {
            return;
        }
    }
}

#[test]
fn who_reads_too_slowly_is_skipped_ahead_and_told_so() {
    let server = Server::start("monoio", &Folder::new(), &["--connection-bytes-per-second-max", "0"]);
    let mut slow = Stream::open(control(&server), "/v1/events?types=stateless,opened", "");
    let mut watch = Stream::open(control(&server), "/v1/events?types=lost,status", "");
    let mut client = Client::upgrade(server.address, "/hocuspocus");
    // The document `a`: a token that nobody asks for, then messages of the longest length that is told.
    let of_document = |kind: &[u8]| [&[1, b'a'], kind].concat();
    client.send_binary(&of_document(&[2, 0, 0]));
    assert_eq!(slow.wait_for("opened").data["dialect"], "hocuspocus");
    let message = of_document(&[&[5, 0x80, 0x80, 1], "x".repeat(1 << 14).as_bytes()].concat());
    let (mut lost, mut told) = (false, false);
    while !(lost && told) {
        // Far more than is read, kept, or held by sockets.
        for _ in 0..100 {
            client.send_binary(&message);
        }
        let news = if lost { &mut slow } else { &mut watch }.next().expect("the stream goes on");
        lost = lost || news.kind == "lost" && news.data["count"].as_u64() > Some(0);
        told = told || news.kind == "missed" && news.data["missed"].as_u64() > Some(0);
    }
    let metrics = plane::text(control(&server), "/metrics");
    let count = metrics.lines().find_map(|line| line.strip_prefix("selvedge_events_lost_total "));
    assert!(count.is_some_and(|count| count.parse::<u64>().expect("a number") > 0), "{metrics}");
}

/// A server with these targets of webhooks.
fn server_with(
    driver: &str,
    folder: &Folder,
    targets: &[(&str, &Target, &str)],
    arguments: &[&str],
) -> (Server, PathBuf) {
    let [file, dead, secret] = ["hooks.toml", "dead.jsonl", "secret"].map(|name| folder.path().join(name));
    std::fs::write(secret, format!("{SECRET}\n")).expect("it can be written");
    let entry = |(name, target, more): &(&str, &Target, &str)| {
        let address = target.address;
        format!(
            "[[target]]\nname = \"{name}\"\nurl = \"http://{address}/hook?key=value\"\nsecret_file = \"secret\"\n{more}\n"
        )
    };
    std::fs::write(&file, targets.iter().map(entry).collect::<String>()).expect("it can be written");
    let (file, dead_path) = (file.display().to_string(), dead.display().to_string());
    let files = ["--webhooks-file", &file, "--webhooks-dead-letters-file", &dead_path];
    (Server::start(driver, folder, &[&files, arguments].concat()), dead)
}

#[test]
fn a_target_is_sent_what_it_wants_signed_and_in_order() {
    for driver in DRIVERS {
        let target = Target::start(Manner::Takes);
        let more =
            "documents = [\"notes/*\"]\nevents = [\"opened\", \"created\", \"changed\", \"closed\"]\ndebounce_ms = 50";
        let folder = Folder::new();
        let (server, dead) = server_with(driver, &folder, &[("good", &target, more)], &[]);
        drop(upgrade(&server, 1, "/yjs/other"));
        let mut client = Client::upgrade(server.address, "/yjs/notes%2F1");
        write(&mut client);
        let mut requests = vec![target.next(), target.next(), target.next()];
        drop(client);
        requests.push(target.next());
        let events: Vec<Value> = requests.iter().map(target::Request::event).collect();
        let words: Vec<&str> = events.iter().map(|event| event["event"].as_str().expect("a word")).collect();
        assert_eq!(words, ["opened", "created", "changed", "closed"]);
        assert!(events.iter().all(|event| event["document"] == "notes/1"), "{events:?}");
        for (request, event) in requests.iter().zip(&events) {
            assert!(request.head.starts_with("POST /hook?key=value HTTP/1.1\r\n"), "{}", request.head);
            assert_eq!(request.header("content-type"), "application/json");
            assert_eq!(event["id"], request.header("webhook-id"));
            let text =
                format!("{}.{}.{}", request.header("webhook-id"), request.header("webhook-timestamp"), request.body);
            assert_eq!(request.header("webhook-signature"), signature(&text));
        }
        let states = request(control(&server), "GET", "/v1/webhooks", "", "").body;
        assert_eq!(states["targets"][0]["breaker"], "closed", "{states}");
        assert!(!states.to_string().contains("value"), "{states}");
        assert_eq!(std::fs::read_to_string(dead).expect("it is there"), "");
    }
}

#[test]
fn while_a_secret_is_exchanged_everything_is_signed_with_both() {
    const FORMER: &str = "what it was signed with until now";
    let target = Target::start(Manner::Takes);
    let folder = Folder::new();
    std::fs::write(folder.path().join("former"), format!("{FORMER}\n")).expect("it can be written");
    let more = "events = [\"created\"]\nformer_secret_file = \"former\"";
    let (server, _) = server_with("uring", &folder, &[("good", &target, more)], &[]);
    write(&mut Client::upgrade(server.address, "/yjs/a"));
    let request = target.next();
    let [id, timestamp] = ["webhook-id", "webhook-timestamp"].map(|name| request.header(name));
    let text = format!("{id}.{timestamp}.{}", request.body);
    let former: String = FORMER.bytes().map(|byte| format!("{byte:02x}")).collect();
    let both = format!("{} {}", signature(&text), signature_with(&former, &text));
    assert_eq!(request.header("webhook-signature"), both);
}

#[test]
fn alerts_are_told_without_a_control_plane() {
    for driver in DRIVERS {
        let target = Target::start(Manner::Takes);
        let folder = Folder::new();
        let flags = ["--control=false", "--memory-max-bytes", "256MiB", "--alert-memory-percent", "1"];
        let (mut server, _) = server_with(driver, &folder, &[("good", &target, "events = [\"alert\"]")], &flags);
        let alert = target.next().event();
        assert_eq!((&alert["event"], &alert["alert"]), (&"alert".into(), &"memory_use".into()), "{alert}");
        server.wait_for_log("alert raised");
        server.terminate();
        assert_eq!(server.exit_code(), Some(0));
    }
}

/// The secret of all targets, as others write it, and its bytes.
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const SECRET_HEX: &str = "31f290f6bf06298aab4f08d43c3f082cf648a362da2da4b0";

/// Made by another program: the server's own code must not judge itself.
fn signature(text: &str) -> String {
    signature_with(SECRET_HEX, text)
}

fn signature_with(secret: &str, text: &str) -> String {
    let key = format!("hexkey:{secret}");
    let mac = openssl(&["dgst", "-sha256", "-mac", "HMAC", "-macopt", &key, "-binary"], text.as_bytes());
    let base64 = openssl(&["base64", "-A"], &mac);
    format!("v1,{}", String::from_utf8(base64).expect("text").trim())
}

fn openssl(arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let mut child = Command::new("openssl")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("openssl, as for the tests of TLS");
    child.stdin.take().expect("it is piped").write_all(input).expect("it reads");
    child.wait_with_output().expect("it ends").stdout
}

#[test]
fn hostile_targets_keep_nobody_else_and_what_they_do_not_take_is_written_down() {
    let manners = [
        Manner::NeverAnswers,
        Manner::Drips,
        Manner::Fails,
        Manner::RedirectsToItself,
        Manner::FloodsHead,
        Manner::Closes,
    ];
    for driver in ["uring", "monoio"] {
        let good = Target::start(Manner::Takes);
        let floods = Target::start(Manner::Floods);
        let hostile: Vec<(String, Target)> =
            manners.into_iter().map(|manner| (format!("{manner:?}"), Target::start(manner))).collect();
        let more = "events = [\"created\"]";
        let mut targets: Vec<(&str, &Target, &str)> =
            hostile.iter().map(|(name, target)| (name.as_str(), target, more)).collect();
        targets.extend([("good", &good, more), ("Floods", &floods, more)]);
        // Long enough for those that answer, on any machine: each of them has two attempts.
        let arguments = ["--webhooks-timeout-ms", "3000", "--webhooks-attempts-max", "2"];
        let folder = Folder::new();
        let (mut server, dead) = server_with(driver, &folder, &targets, &arguments);
        for number in 0..6 {
            let mut client = Client::upgrade(server.address, &format!("/yjs/document-{number}"));
            write(&mut client);
        }
        for _ in 0..6 {
            assert_eq!(good.next().event()["event"], "created");
        }
        let states = || {
            let answer = request(control(&server), "GET", "/v1/webhooks", "", "").body;
            let list = answer["targets"].as_array().expect("a list").clone();
            list.into_iter()
                .map(|state| (state["name"].as_str().expect("a name").to_owned(), state))
                .collect::<BTreeMap<_, _>>()
        };
        // Five failures in a row open a breaker; what waits behind it is given up when the server stops.
        let has_opened = |state: &Value| state["opened"].as_u64() > Some(0) && state["breaker"] != "closed";
        loop {
            let states = states();
            // One that was late to answer on a slow machine was asked again.
            if states["good"]["delivered"] == 6 && hostile.iter().all(|(name, _)| has_opened(&states[name])) {
                assert_eq!((&states["good"]["dead"], &states["good"]["breaker"]), (&0.into(), &"closed".into()));
                let page = plane::text(control(&server), "/metrics");
                for (name, is_closed) in hostile.iter().map(|(name, _)| (name.as_str(), 0)).chain([("good", 1)]) {
                    let line = format!("selvedge_webhook_breaker{{target=\"{name}\",state=\"closed\"}} {is_closed}\n");
                    assert!(page.contains(&line), "{line} is not in {page}");
                }
                break;
            }
            std::thread::yield_now();
        }
        while states()["Floods"]["delivered"] != 6 {}
        let metrics = plane::text(control(&server), "/metrics");
        assert!(metrics.contains("selvedge_webhook_deliveries_total{target=\"good\"} 6\n"), "{metrics}");
        assert!(metrics.contains("selvedge_webhook_lost_total{target=\"good\"} 0\n"), "{metrics}");
        // The cores have noticed nothing.
        let mut client = Client::upgrade(server.address, "/yjs/after");
        write(&mut client);
        good.next();
        server.terminate();
        assert_eq!(server.exit_code(), Some(0));
        let mut given_up: BTreeMap<String, usize> = BTreeMap::new();
        for line in std::fs::read_to_string(&dead).expect("it is there").lines() {
            let letter: Value = serde_json::from_str(line).expect("an object");
            assert_eq!(letter["event"]["event"], "created", "{letter}");
            *given_up.entry(letter["target"].as_str().expect("a name").to_owned()).or_default() += 1;
        }
        let expected = hostile.iter().map(|(name, _)| (name.clone(), 7)).collect();
        assert_eq!(given_up, expected, "each of them has seven events to answer for");
    }
}

#[test]
fn what_is_on_its_way_when_the_server_stops_is_written_down() {
    let hangs = Target::start(Manner::NeverAnswers);
    let folder = Folder::new();
    let more = "events = [\"created\"]";
    let (mut server, dead) = server_with(
        "monoio",
        &folder,
        &[("hangs", &hangs, more)],
        &["--drain-timeout-ms", "2000", "--close-timeout-ms", "1000"],
    );
    for number in 0..7 {
        let mut client = Client::upgrade(server.address, &format!("/yjs/document-{number}"));
        write(&mut client);
    }
    while request(control(&server), "GET", "/v1/webhooks", "", "").body["targets"][0]["waiting"] != 7 {}
    // As many as go at once are on their way.
    for _ in 0..4 {
        hangs.next();
    }
    server.terminate();
    assert_eq!(server.exit_code(), Some(0));
    let letters = std::fs::read_to_string(&dead).expect("it is there");
    let mut documents: Vec<String> = letters
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("an object"))
        .map(|letter| {
            assert_eq!(letter["why"], "the server stopped", "{letter}");
            letter["event"]["document"].as_str().expect("a name").to_owned()
        })
        .collect();
    documents.sort();
    assert_eq!(documents, (0..7).map(|number| format!("document-{number}")).collect::<Vec<_>>());
}

#[test]
fn a_document_that_is_deleted_is_told_of_and_created_anew() {
    for driver in DRIVERS {
        let target = Target::start(Manner::Takes);
        let folder = Folder::new();
        // Changes are held back for longer than the test takes.
        let more = "events = [\"created\", \"changed\", \"deleted\"]\ndebounce_ms = 3600000";
        let (server, _) = server_with(driver, &folder, &[("index", &target, more)], &[]);
        let mut stream = Stream::open(control(&server), "/v1/events?types=created,changed,deleted", "");
        let answer = request(control(&server), "DELETE", "/v1/documents/notes%2F1", "", "");
        assert_eq!(answer.status, 404, "what is not there is not told of: {answer:?}");
        for _ in 0..2 {
            let mut client = Client::upgrade(server.address, "/yjs/notes%2F1");
            write(&mut client);
            assert_eq!(request(control(&server), "DELETE", "/v1/documents/notes%2F1", "", "").status, 204);
            for kind in ["created", "changed", "deleted"] {
                let told = stream.next().expect("the stream goes on");
                assert_eq!((told.kind.as_str(), &told.data["document"]), (kind, &"notes/1".into()));
                let event = target.next().event();
                assert_eq!((&event["event"], &event["id"]), (&kind.into(), &told.id.as_str().into()));
            }
        }
    }
}
