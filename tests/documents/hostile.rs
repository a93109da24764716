//! Documents that were made to do harm, through every call that takes or reads one.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::json;

use super::corpus::{CRASHERS, well_formed};
use super::plane::Answer;
use super::*;

/// What the control plane may answer: that it was done, or whose fault it is that it was not.
const ALLOWED: [u16; 6] = [200, 201, 404, 413, 422, 504];

#[test]
fn a_body_that_does_not_come_is_answered_with_a_problem() {
    let Fixture { server, .. } = &Fixture::start(&["--control-timeout-ms", "200"]);
    let head = "POST /v1/documents/a/updates HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/octet-stream\r\ncontent-length: 10\r\n\r\n";
    let answer = loop {
        let mut stream = TcpStream::connect(server.control).expect("it listens");
        let mut answer = String::new();
        let said = stream.write_all(head.as_bytes()).and_then(|()| stream.read_to_string(&mut answer));
        // Where a machine stood still, the head did not come in time either: of that nothing is said.
        if said.is_ok() && !answer.is_empty() {
            break answer;
        }
    };
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(answer.contains("content-type: application/problem+json\r\n"), "{answer}");
    assert!(answer.contains("control_timeout_ms"), "{answer}");
}

/// All that is answered to these bytes, after which nothing more is sent.
fn told(address: std::net::SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.write_all(request.as_bytes()).expect("it is taken");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer, and then the end");
    answer
}

#[test]
fn heads_are_short_and_name_one_host() {
    let Fixture { server, .. } = &Fixture::start(&[]);
    let told = |request: &str| told(server.control, request);
    let head = |bytes: usize| {
        let head = "GET /v1/documents HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\nx: ".to_owned();
        let more = "x".repeat(bytes - head.len());
        head + &more
    };
    let short = told(&(head(31 << 10) + "\r\n\r\n"));
    assert!(short.starts_with("HTTP/1.1 200 "), "{short}");
    // It has not ended, but nothing more of it is waited for.
    let long = told(&head(32 << 10));
    assert!(long.starts_with("HTTP/1.1 431 "), "{long}");
    for path in ["/v1/documents", "/healthz", "/"] {
        let two = format!("GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        let two = told(&two);
        assert!(two.starts_with("HTTP/1.1 400 ") && two.contains("(RFC"), "{two}");
    }
}

#[test]
fn who_waits_to_be_told_to_send_too_much_is_told_that_it_is() {
    let Fixture { server, .. } = &Fixture::start(&["--message-bytes-max", "32KiB"]);
    let head = |length: usize| {
        format!(
            "POST /v1/documents/a/updates HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\nexpect: 100-continue\r\n\
             content-type: application/octet-stream\r\ncontent-length: {length}\r\n\r\n"
        )
    };
    let refused = told(server.control, &head(1 << 20));
    assert!(refused.starts_with("HTTP/1.1 413 "), "{refused}");
    assert!(refused.contains("connection: close\r\n"), "{refused}");
    let taken = told(server.control, &(head(2) + "\0\0"));
    assert!(taken.starts_with("HTTP/1.1 100 ") && taken.contains("HTTP/1.1 200 "), "{taken}");
}

#[test]
fn each_ends_and_nothing_else_does() {
    // A slow machine takes minutes for some of the calls, of which a bystander hears nothing.
    let arguments = ["--view-timeout-ms", "2000", "--stale-timeout-ms", "3600000"];
    let Fixture { plane, server, .. } = &Fixture::start(&arguments);
    plane.update("bystander", &letter(7, b'h')).expect(200);
    let mut bystander = client::Client::upgrade(server.address, "/yjs/bystander");
    let decode = |hex: &str| -> Vec<u8> {
        let pairs = hex.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).expect("digits are ASCII"));
        pairs.map(|pair| u8::from_str_radix(pair, 16).expect("it is hexadecimal")).collect()
    };
    let crashers = CRASHERS.iter().map(|hex| (*hex, decode(hex)));
    let documents: Vec<(&str, Vec<u8>)> =
        crashers.chain(well_formed().into_iter().map(|(name, update)| (name, update.to_vec()))).collect();
    let mut slowest = Duration::ZERO;
    let mut check = |what: &str, call: &str, ask: &dyn Fn() -> Answer| {
        // Others are answered in between.
        bystander.send_binary(&[0, 0, 1, 0]);
        bystander.wait_for(|message| message.starts_with(&[0, 1]));
        let began = Instant::now();
        let mut answer = ask();
        // Others were in the way for too long: whoever is told so comes again.
        for _ in 0..10 {
            if answer.status == 503 {
                answer = ask();
            }
        }
        slowest = slowest.max(began.elapsed());
        println!("{what}: {call}: {} in {:?}", answer.status, began.elapsed());
        assert!(ALLOWED.contains(&answer.status), "{what}: {call}: {} {}", answer.status, answer.text());
        answer.status
    };
    let mut stored = 0;
    for (number, (what, update)) in documents.iter().enumerate() {
        let path = format!("/v1/documents/hostile-{number}");
        let put_in = check(what, "update", &|| plane.update(&format!("hostile-{number}"), update));
        stored += usize::from(put_in == 200);
        for accept in ["application/octet-stream", "application/json", "text/plain"] {
            check(what, accept, &|| plane.ask(&format!("GET {path}/content"), &[("accept", accept)], &[]));
        }
        let operations = json!([{"op": "text_insert", "root": "a", "index": 0, "text": "x"}]);
        check(what, "patch", &|| plane.tell(&format!("PATCH {path}/content"), &operations));
        check(what, "copy", &|| plane.tell(&format!("POST {path}/copy"), &json!({"to": format!("copy-{number}")})));
        check(what, "describe", &|| plane.get(&path));
        check(what, "sessions", &|| plane.get(&format!("{path}/sessions")));
        check(what, "export", &|| plane.get(&format!("{path}/export")));
    }
    assert!(stored > 0, "some pass every check, and do harm only when they are looked at");
    check("all", "list", &|| plane.get("/v1/documents"));
    let archive = plane.get("/v1/export").expect(200).body;
    let import = |query: &str| {
        let path = format!("POST /v1/import?on_conflict={query}");
        plane.ask(&path, &[("content-type", "application/x-tar")], &archive)
    };
    assert_eq!(import("merge").expect(200).lines().last().map(|line| line["complete"].clone()), Some(true.into()));
    println!("the slowest took {slowest:?}");

    bystander.send_binary(&[0, 0, 1, 0]);
    bystander.wait_for(|message| message.starts_with(&[0, 1]));
    let text = loop {
        let text = plane.ask("GET /v1/documents/bystander/content", &[("accept", "text/plain")], &[]);
        // A good document is late only because the machine has much to do.
        if ![503, 504].contains(&text.status) {
            break text.expect(200);
        }
    };
    assert_eq!(text.body, b"h");
}
