//! Who has a document open, and how they are sent away.

use serde_json::json;

use super::client::{Client, with_headers};
use super::rights::{admin, user, with_tokens};
use super::*;

fn open(fixture: &Fixture, document: &str, subject: &str) -> Client {
    let mut client = Client::connect(fixture.server.address);
    client.send_raw(&with_headers(&format!("/yjs/{document}?token={}", user(subject, "write")), ""));
    client.expect_upgrade();
    client.send_binary(&[0, 0, 1, 0]);
    client.wait_for(|message| message.starts_with(&[0, 1]));
    client
}

/// Waits until so many sessions are shown, each with an awareness state.
fn shown(plane: &Plane, document: &str, count: usize) -> serde_json::Value {
    loop {
        let page = plane.get(&format!("/v1/documents/{document}/sessions")).expect(200).json();
        let sessions = page["sessions"].as_array().expect("a list");
        if sessions.len() == count && sessions.iter().all(|session| session["awareness"] != json!([])) {
            return page;
        }
    }
}

#[test]
fn sessions_are_shown_with_what_they_say_and_closed_one_by_one() {
    let fixture = with_tokens();
    let plane = fixture.plane.with_token(&admin());
    let mut clients = ["ada", "bob"].map(|subject| open(&fixture, "a", subject));
    for (client, id) in clients.iter_mut().zip([5, 6]) {
        // The awareness of client `id` at clock 1.
        client.send_binary(&[&[1, 14, 1, id, 1], &[10][..], b"{\"name\":1}"].concat());
    }
    let page = shown(&plane, "a", 2);
    assert_eq!(page["count"], 2);
    let of = |subject: &str| {
        let sessions = page["sessions"].as_array().expect("a list").iter();
        sessions.clone().find(|session| session["subject"] == subject).expect("it is shown").clone()
    };
    assert_eq!(of("ada")["awareness"], json!([{"client": 5, "state": {"name": 1}}]));
    assert_eq!(
        (&of("bob")["access"], &of("bob")["dialect"], &of("bob")["address"]),
        (&"write".into(), &"y-websocket".into(), &"127.0.0.1".into())
    );
    // Others see what everybody in the document sees, and not who it is.
    let seen = shown(&fixture.plane.with_token(&user("eve", "read")), "a", 2);
    assert!(seen["sessions"][0].get("subject").is_none() && seen["sessions"][0].get("address").is_none());

    let id = of("ada")["id"].as_str().expect("a name").to_owned();
    for (wrong, status) in [("0-9999-1", 404), ("70000-1-1", 404), ("x", 404)] {
        plane.ask(&format!("DELETE /v1/documents/a/sessions/{wrong}"), &[], &[]).expect(status);
    }
    plane.ask(&format!("DELETE /v1/documents/b/sessions/{id}"), &[], &[]).expect(404);
    plane.ask(&format!("DELETE /v1/documents/a/sessions/{id}"), &[], &[]).expect(204);
    assert_eq!(clients[0].close_code(), Some(1013));
    plane.ask(&format!("DELETE /v1/documents/a/sessions/{id}"), &[], &[]).expect(404);
    shown(&plane, "a", 1);

    assert_eq!(plane.ask("DELETE /v1/users/bob/sessions", &[], &[]).expect(200).json(), json!({"sessions": 1}));
    assert_eq!(clients[1].close_code(), Some(1013));
    assert_eq!(plane.ask("DELETE /v1/users/nobody/sessions", &[], &[]).expect(200).json(), json!({"sessions": 0}));

    let mut bob = open(&fixture, "a", "bob");
    plane.ask("POST /v1/users/bob/revoke", &[], &[]).expect(204);
    assert!(bob.close_code().is_some_and(|code| code != 1013), "a client that is let in no more must not come again");
    fixture.plane.with_token(&user("bob", "write")).get("/v1/documents").expect(401);
    plane.ask("POST /v1/users/%00/revoke", &[], &[]).expect(400);

    let mut last = open(&fixture, "a", "ada");
    plane.update("a", &letter(7, b'h')).expect(200);
    plane.ask("DELETE /v1/documents/a", &[], &[]).expect(204);
    assert!(last.close_code().is_some());
}

#[test]
fn messages_reach_who_has_the_document_open() {
    let fixture = Fixture::start(&[]);
    let tell = |document: &str| {
        fixture
            .plane
            .tell(&format!("POST /v1/documents/{document}/stateless"), &json!({"payload": "reload"}))
            .expect(200)
            .json()
    };
    assert_eq!(tell("a"), json!({"delivered": false}));
    let mut client = Client::upgrade(fixture.server.address, "/hocuspocus");
    // Hocuspocus: address, authentication (2), token (0), text.
    client.send_binary(&[&[1, b'a', 2, 0, 0, 5][..], b"4.8.0"].concat());
    client.wait_for(|message| message.starts_with(&[1, b'a', 2]));
    // It is let in; that its session is there too may take a moment more.
    while tell("a") == json!({"delivered": false}) {}
    // Stateless (5).
    client.wait_for(|message| message == [&[1, b'a', 5, 6][..], b"reload"].concat());
    fixture.plane.tell("POST /v1/documents/a/stateless", &json!({"payload": 7})).expect(422);
}
