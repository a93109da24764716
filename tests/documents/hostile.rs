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
    let mut stream = TcpStream::connect(server.control).expect("it listens");
    let head = "POST /v1/documents/a/updates HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/octet-stream\r\ncontent-length: 10\r\n\r\n";
    stream.write_all(head.as_bytes()).expect("it is taken");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer, and then the end");
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(answer.contains("content-type: application/problem+json\r\n"), "{answer}");
    assert!(answer.contains("control_timeout_ms"), "{answer}");
}

#[test]
fn each_ends_and_nothing_else_does() {
    let Fixture { plane, server, .. } = &Fixture::start(&[]);
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
        let began = Instant::now();
        let answer = ask();
        slowest = slowest.max(began.elapsed());
        println!("{what}: {call}: {} in {:?}", answer.status, began.elapsed());
        assert!(ALLOWED.contains(&answer.status), "{what}: {call}: {} {}", answer.status, answer.text());
        answer.status
    };
    let mut stored = 0;
    for (number, (what, update)) in documents.iter().enumerate() {
        // Others are answered in between.
        bystander.send_binary(&[0, 0, 1, 0]);
        bystander.wait_for(|message| message.starts_with(&[0, 1]));
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
    let text = plane.ask("GET /v1/documents/bystander/content", &[("accept", "text/plain")], &[]).expect(200);
    assert_eq!(text.body, b"h");
}
