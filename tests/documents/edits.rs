//! Updates and operations: who sees them, what they survive, and what is refused.

use serde_json::json;

use super::archives::large;
use super::client::Client;
use super::*;

fn upgrade(fixture: &Fixture, document: &str) -> Client {
    let mut client = Client::upgrade(fixture.server.address, &format!("/yjs/{document}"));
    client.send_binary(&[0, 0, 1, 0]);
    client.wait_for(|message| message.starts_with(&[0, 1]));
    client
}

fn has(message: &[u8], part: &[u8]) -> bool {
    message.windows(part.len()).any(|window| window == part)
}

#[test]
fn live_clients_see_what_comes_over_http_and_the_other_way() {
    // More cores than documents: each is owned by another one.
    let fixture = &Fixture::start(&["--shards", "3"]);
    for document in ["a", "b", "c", "d"] {
        let mut client = upgrade(fixture, document);
        fixture.plane.update(document, &letter(7, b'h')).expect(200);
        client.wait_for(|message| has(message, &letter(7, b'h')[2..10]));

        let operations = json!([{"op": "text_insert", "root": "t", "index": 1, "text": "ello"}]);
        let path = format!("PATCH /v1/documents/{document}/content");
        assert_eq!(fixture.plane.tell(&path, &operations).expect(200).json()["changed"], true);
        client.wait_for(|message| has(message, b"ello"));

        let theirs = letter(9, b'x');
        client.send_binary(&[&[0, 2, theirs.len() as u8], &theirs[..]].concat());
        client.wait_for(|message| has(message, &theirs[2..10]));
        let text =
            fixture.plane.ask(&format!("GET /v1/documents/{document}/content"), &[("accept", "text/plain")], &[]);
        let text = text.expect(200).text();
        assert!(text.contains("hello") && text.contains('x'), "{text}");
    }
}

#[test]
fn large_changes_join_what_others_write_meanwhile_and_join_once() {
    let Fixture { plane, .. } = &Fixture::start(&["--shards", "2"]);
    let (mine, yours) = (large(10, 100_000), large(20, 100_000));
    for document in ["a", "b", "c", "d", "e"] {
        let changed = std::thread::scope(|scope| {
            let put =
                |update| scope.spawn(move || plane.update(document, update).expect(200).json()["changed"] == true);
            let large = [&mine, &yours, &mine].map(|update| put(update));
            for client in 30..40 {
                plane.update(document, &letter(client, b'y')).expect(200);
            }
            large.map(|large| large.join().expect("no panic"))
        });
        assert!(changed[1] && changed[0] != changed[2], "{changed:?}");
        let path = format!("GET /v1/documents/{document}/content");
        let text = plane.ask(&path, &[("accept", "text/plain")], &[]).expect(200);
        assert_eq!(text.body.len(), 200_010);
    }
}

#[test]
fn what_was_answered_survives_a_kill() {
    let mut fixture = Fixture::start(&[]);
    fixture.plane.update("a", &letter(7, b'h')).expect(200);
    fixture.plane.ask("PUT /v1/documents/b", &[], &[]).expect(201);
    fixture.plane.tell("POST /v1/documents/a/copy", &json!({"to": "c"})).expect(201);
    fixture.plane.update("d", &letter(7, b'h')).expect(200);
    fixture.plane.ask("DELETE /v1/documents/d", &[], &[]).expect(204);
    fixture.server.kill();
    let Fixture { folder, server, .. } = fixture;
    drop(server);
    let Fixture { plane, .. } = &Fixture::start_in(folder, &[]);
    assert_eq!(plane.get("/v1/documents/a/content").expect(200).body, letter(7, b'h'));
    assert_eq!(plane.get("/v1/documents/b/content").expect(200).body, [0, 0]);
    assert_eq!(plane.get("/v1/documents/c/content").expect(200).body, letter(7, b'h'));
    plane.get("/v1/documents/d").expect(404);
}

#[test]
fn operations_are_done_all_or_none() {
    let Fixture { plane, .. } = &Fixture::start(&[]);
    let patch = |operations: serde_json::Value| plane.tell("PATCH /v1/documents/a/content", &operations);
    patch(json!([])).expect(404);
    plane.ask("PUT /v1/documents/a", &[], &[]).expect(201);
    assert_eq!(patch(json!([])).expect(200).json(), json!({"sequence": 1, "changed": false}));
    patch(json!([
        {"op": "map_set", "root": "meta", "key": "title", "value": "Notes"},
        {"op": "array_insert", "root": "todo", "index": 0, "values": [{"$map": {"done": false}}]},
    ]))
    .expect(200);
    let half = json!([
        {"op": "map_set", "root": "meta", "key": "title", "value": "Other"},
        {"op": "array_delete", "root": "todo", "index": 7, "length": 1},
    ]);
    let refused = patch(half).expect(422);
    assert!(refused.text().contains("operation 1"), "{}", refused.text());
    for wrong in
        [json!({}), json!([{"op": "explode", "root": "a"}]), json!([{"op": "map_set", "root": "a"}]), json!([1])]
    {
        patch(wrong).expect(422);
    }
    let content = plane.ask("GET /v1/documents/a/content", &[("accept", "application/json")], &[]).expect(200).json();
    assert_eq!(content["roots"]["meta"]["value"], json!({"title": "Notes"}));
    assert_eq!(content["roots"]["todo"]["value"], json!([{"done": false}]));

    let list = plane.ask("GET /v1/documents/a/content?root=todo", &[("accept", "text/plain")], &[]).expect(404).text();
    assert!(list.contains("no text and no XML of that name"), "it has a list of that name: {list}");
}

#[test]
fn bodies_that_no_path_takes_are_refused_with_the_reason() {
    let arguments = ["--control-body-bytes-max", "64KiB", "--message-bytes-max", "32KiB"];
    let Fixture { plane, server, .. } = &Fixture::start(&arguments);
    let send = |headers: &[(&str, &str)], body: &[u8]| plane.ask("POST /v1/documents/a/updates", headers, body);
    let octets = ("content-type", "application/octet-stream");
    let refused = [
        (422, send(&[octets], b"no update")),
        (422, send(&[octets], &[1, 1, 7, 0, 4])),
        (422, send(&[octets], &[0xff; 20])),
        // Refers to what is not there.
        (422, send(&[octets], &[1, 1, 7, 5, 0x84, 7, 4, 1, b'x', 0])),
        (415, send(&[], b"update")),
        (415, send(&[("content-type", "application/json")], b"{}")),
        (415, send(&[octets, ("content-encoding", "gzip")], &letter(7, b'h'))),
        (413, send(&[octets], &[0; 32 * 1024 + 1])),
        (415, plane.ask("PATCH /v1/documents/a/content", &[octets], b"[]")),
        (400, plane.ask("PATCH /v1/documents/a/content", &[("content-type", "application/json")], b"[{")),
        (415, plane.ask("PATCH /v1/settings", &[("content-encoding", "gzip")], &[0x1f, 0x8b])),
        (413, plane.ask("PATCH /v1/settings", &[], &[b' '; 64 * 1024 + 1])),
        (415, plane.ask("POST /v1/import", &[("content-type", "application/zip")], b"PK")),
        (405, plane.ask("PATCH /v1/documents/a", &[], &[])),
        (404, plane.get("/v1/nothing")),
    ];
    for (status, answer) in refused {
        assert!(answer.expect(status).json()["detail"].as_str().is_some_and(|detail| detail.len() > 10));
    }
    plane.get("/v1/documents/a").expect(404);
    // What is announced too large is not waited for.
    let head = "POST /v1/documents/a/updates HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/octet-stream\r\nContent-Length: 99999999\r\n\r\n";
    let answer = super::client::http(server.control, head.as_bytes());
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    let deep = "[".repeat(2 << 20);
    plane.ask("PATCH /v1/documents/b/content", &[("content-type", "application/json")], deep.as_bytes()).expect(413);
    plane
        .ask("PATCH /v1/documents/b/content", &[("content-type", "application/json")], &deep.as_bytes()[..10_000])
        .expect(422);
    plane.get("/v1/documents").expect(200);
}
