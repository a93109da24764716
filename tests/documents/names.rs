//! Documents by their names: made, listed, copied, deleted.

use super::*;

#[test]
fn a_document_is_made_described_copied_and_deleted() {
    let Fixture { plane, .. } = &Fixture::start(&[]);
    let made = plane.ask("PUT /v1/documents/notes%2F1", &[], &[]).expect(201);
    assert_eq!(made.header("location"), "/v1/documents/notes%2F1");
    let first_tag = made.header("etag").to_owned();
    assert_eq!(plane.ask("PUT /v1/documents/notes%2F1", &[], &[]).expect(200).header("etag"), first_tag);
    plane.ask("PUT /v1/documents/notes%2F1", &[("if-none-match", "*")], &[]).expect(412);
    plane.ask("PUT /v1/documents/notes%2F1", &[], b"content").expect(400);

    plane.update("notes%2F1", &letter(7, b'h')).expect(200);
    let described = plane.get("/v1/documents/notes%2F1").expect(200).json();
    assert_eq!(
        (&described["name"], &described["sequence"], &described["sessions"]),
        (&"notes/1".into(), &2.into(), &0.into())
    );
    assert!(
        described["created_at"].as_str() <= described["updated_at"].as_str() && described["created_at"].is_string()
    );

    let copy = |body: serde_json::Value| plane.tell("POST /v1/documents/notes%2F1/copy", &body);
    let copied = copy(serde_json::json!({"to": "notes/2"})).expect(201);
    assert_eq!(copied.header("location"), "/v1/documents/notes%2F2");
    copy(serde_json::json!({"to": "notes/2"})).expect(409);
    copy(serde_json::json!({"to": "notes/1", "overwrite": true})).expect(409);
    copy(serde_json::json!({"to": "a\nb"})).expect(422);
    copy(serde_json::json!({"to": "a", "overwrit": true})).expect(422);
    plane.update("notes%2F2", &letter(8, b'x')).expect(200);
    copy(serde_json::json!({"to": "notes/2", "overwrite": true})).expect(200);
    assert_eq!(plane.get("/v1/documents/notes%2F2/content").expect(200).body, letter(7, b'h'));
    plane.tell("POST /v1/documents/absent/copy", &serde_json::json!({"to": "b"})).expect(404);
    plane.ask("PUT /v1/documents/empty", &[], &[]).expect(201);
    plane.tell("POST /v1/documents/empty/copy", &serde_json::json!({"to": "empty too"})).expect(201);
    plane.tell("POST /v1/documents/empty/copy", &serde_json::json!({"to": "empty too"})).expect(409);

    plane.ask("DELETE /v1/documents/notes%2F1", &[("if-match", &first_tag)], &[]).expect(412);
    plane.ask("DELETE /v1/documents/notes%2F1", &[("if-match", "*")], &[]).expect(204);
    for path in ["", "/content", "/sessions", "/export"] {
        plane.get(&format!("/v1/documents/notes%2F1{path}")).expect(404);
    }
    plane.ask("DELETE /v1/documents/notes%2F1", &[], &[]).expect(404);
    let again = plane.ask("PUT /v1/documents/notes%2F1", &[("if-none-match", "*")], &[]).expect(201);
    assert_ne!(again.header("etag"), first_tag, "another document has another tag");
}

#[test]
fn names_are_one_segment_that_is_decoded_once() {
    let Fixture { plane, .. } = &Fixture::start(&[]);
    let long = "x".repeat(256);
    let names = [
        ("a%2Fb", "a/b"),
        ("a%252Fb", "a%2Fb"),
        ("%2E%2E%2Fetc", "../etc"),
        ("a+b", "a+b"),
        ("a%20b%3F%23", "a b?#"),
        ("%E6%BC%A2%F0%9F%A7%B5", "漢🧵"),
        ("{name}", "{name}"),
        (&long, &long),
    ];
    for (segment, name) in names {
        let made = plane.ask(&format!("PUT /v1/documents/{segment}"), &[], &[]).expect(201);
        assert_eq!(made.json()["name"], name);
        assert_eq!(plane.get(made.header("location")).expect(200).json()["name"], name);
    }
    let bad = ["%00", "%0A", "%7F", "%C2%80", "%FF", "%ED%A0%80", "%zz", "100%", "%2E", "%2e%2E", &"x".repeat(257)];
    for segment in bad {
        for request in ["GET", "PUT", "DELETE"] {
            plane.ask(&format!("{request} /v1/documents/{segment}"), &[], &[]).expect(400);
        }
    }
    plane.get("/v1/documents/").expect(404);
    plane.get("/v1/documents/a/b").expect(404);
}

/// A client that has this document open.
fn opened(server: &Server, segment: &str) -> client::Client {
    let mut client = client::Client::upgrade(server.address, &format!("/yjs/{segment}"));
    client.send_binary(&[0, 0, 1, 0]);
    client.wait_for(|message| message.starts_with(&[0, 1]));
    client
}

#[test]
fn lists_come_page_by_page_in_order_with_what_is_only_open() {
    let Fixture { plane, server, .. } = &Fixture::start(&[]);
    for number in 0..25 {
        plane.ask(&format!("PUT /v1/documents/page%2F{number:02}"), &[], &[]).expect(201);
    }
    plane.ask("PUT /v1/documents/other", &[], &[]).expect(201);
    let _open = opened(server, "page%2F07b");

    let mut seen = Vec::new();
    let mut next = String::new();
    loop {
        let page = plane.get(&format!("/v1/documents?prefix=page/&limit=10{next}")).expect(200).json();
        let documents = page["documents"].as_array().expect("a list");
        assert!(documents.len() <= 10);
        seen.extend(documents.iter().map(|document| document["name"].as_str().expect("a name").to_owned()));
        match page["next"].as_str() {
            Some(cursor) => next = format!("&cursor={cursor}"),
            None => break,
        }
    }
    let mut expected: Vec<_> = (0..25).map(|number| format!("page/{number:02}")).collect();
    expected.insert(8, "page/07b".to_owned());
    assert_eq!(seen, expected);

    // What is only open is there, and empty.
    let described = plane.get("/v1/documents/page%2F07b").expect(200).json();
    assert_eq!((&described["sequence"], &described["created_at"]), (&0.into(), &serde_json::Value::Null));
    assert_eq!(plane.get("/v1/documents/page%2F07b/content").expect(200).body, [0, 0]);

    let sessions = |query: &str| {
        let listed = plane.get(&format!("/v1/documents?{query}")).expect(200).json();
        let listed = listed["documents"].as_array().expect("a list").clone();
        listed.into_iter().map(|found| (found["name"].clone(), found["sessions"].clone())).collect::<Vec<_>>()
    };
    assert_eq!(sessions("prefix=page/07"), [("page/07".into(), 0.into()), ("page/07b".into(), 1.into())]);
    // Those with sessions alone, the fullest first.
    let more: Vec<_> = ["other", "other", "third"].map(|name| opened(server, name)).into();
    assert_eq!(
        sessions("live=true"),
        [("other".into(), 2.into()), ("page/07b".into(), 1.into()), ("third".into(), 1.into())]
    );
    assert_eq!(sessions("live=true&limit=1"), [("other".into(), 2.into())]);
    assert_eq!(sessions("live=true&prefix=page/"), [("page/07b".into(), 1.into())]);
    plane.get("/v1/documents?live=yes").expect(400);
    drop(more);
    while sessions("live=true").len() > 1 {}

    let all = plane.get("/v1/documents").expect(200).json();
    assert_eq!((all["documents"].as_array().map(Vec::len), &all["next"]), (Some(27), &serde_json::Value::Null));
    assert_eq!(plane.get("/v1/documents?prefix=nothing").expect(200).json()["documents"], serde_json::json!([]));
    let wrong = ["limit=0", "limit=1001", "limit=-1", "limit=a", "cursor=a", "cursor=", "prefx=a", "limit=1&limit=1"];
    for query in wrong {
        plane.get(&format!("/v1/documents?{query}")).expect(400);
    }
    plane.get(&format!("/v1/documents?prefix={}", "x".repeat(257))).expect(400);
}
