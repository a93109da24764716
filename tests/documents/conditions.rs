//! What is sent as what, and changes that are bound to a state.

use super::*;

#[test]
fn content_comes_as_what_is_wanted_and_only_where_it_is_new() {
    let Fixture { plane, .. } = &Fixture::start(&[]);
    plane.update("a", &letter(7, b'h')).expect(200);
    let content = |headers: &[(&str, &str)]| plane.ask("GET /v1/documents/a/content", headers, &[]);
    let mut tags = Vec::new();
    for (accept, media_type, body) in [
        ("*/*", "application/octet-stream", letter(7, b'h')),
        (
            "application/json",
            "application/json",
            br#"{"roots":{"t":{"delta":[{"insert":"h"}],"type":"text","value":"h"}}}"#.to_vec(),
        ),
        ("text/*;q=0.9, image/png", "text/plain; charset=utf-8", b"h".to_vec()),
    ] {
        let answer = content(&[("accept", accept)]).expect(200);
        assert_eq!(answer.header("content-type"), media_type);
        assert_eq!(answer.header("vary").to_lowercase(), "accept");
        assert_eq!(answer.body, body, "{}", answer.text());
        let tag = answer.header("etag").to_owned();
        let known = content(&[("accept", accept), ("if-none-match", &tag)]).expect(304);
        assert!(known.body.is_empty() && known.header("etag") == tag);
        content(&[("accept", accept), ("if-none-match", "\"other\"")]).expect(200);
        assert!(!tags.contains(&tag), "each representation has a tag of its own");
        tags.push(tag);
    }
    content(&[("accept", "image/png")]).expect(406);
    content(&[("if-none-match", "nonsense")]).expect(400);
    let text =
        |query: &str| plane.ask(&format!("GET /v1/documents/a/content?{query}"), &[("accept", "text/plain")], &[]);
    assert_eq!(text("root=t").expect(200).body, b"h");
    text("root=other").expect(404);
    text("roots=t").expect(400);
    assert_eq!(plane.get("/v1/documents/a/content?root=t").expect(200).body, b"h");
    plane.ask("GET /v1/documents/a/content?root=t", &[("accept", "application/json")], &[]).expect(406);

    plane.update("a", &letter(8, b'x')).expect(200);
    content(&[("if-none-match", &tags[0])]).expect(200);
    let head = plane.ask("HEAD /v1/documents/a/content", &[], &[]).expect(200);
    assert!(head.body.is_empty() && head.header("content-length") != "0");
}

#[test]
fn changes_are_bound_to_the_state_that_was_seen() {
    let Fixture { plane, .. } = &Fixture::start(&[]);
    let apply = |update: &[u8], header: (&str, &str)| {
        let headers = [("content-type", "application/octet-stream"), header];
        plane.ask("POST /v1/documents/a/updates", &headers, update)
    };
    apply(&letter(1, b'a'), ("if-match", "*")).expect(412);
    let first = apply(&letter(1, b'a'), ("if-none-match", "*")).expect(200);
    assert_eq!(first.json(), serde_json::json!({"sequence": 1, "changed": true}));
    apply(&letter(2, b'b'), ("if-none-match", "*")).expect(412);
    let tag = first.header("etag").to_owned();
    let second = apply(&letter(2, b'b'), ("if-match", &tag)).expect(200);
    apply(&letter(3, b'c'), ("if-match", &tag)).expect(412);
    apply(&letter(3, b'c'), ("if-match", &format!("W/{}", second.header("etag")))).expect(412);
    apply(&letter(3, b'c'), ("if-match", "a, b")).expect(400);
    assert_eq!(
        apply(&letter(2, b'b'), ("if-match", "*")).expect(200).json(),
        serde_json::json!({"sequence": 2, "changed": false})
    );

    let operations = serde_json::json!([{"op": "text_insert", "root": "body", "index": 0, "text": "x"}]).to_string();
    let patch = |tag: &str| {
        let headers = [("content-type", "application/json"), ("if-match", tag)];
        plane.ask("PATCH /v1/documents/a/content", &headers, operations.as_bytes())
    };
    patch(&tag).expect(412);
    // The tag of any representation of the state is one of the state.
    let json = plane.ask("GET /v1/documents/a/content", &[("accept", "application/json")], &[]).expect(200);
    let third = patch(json.header("etag")).expect(200);
    patch(json.header("etag")).expect(412);
    plane.ask("DELETE /v1/documents/a", &[("if-match", second.header("etag"))], &[]).expect(412);
    plane.ask("DELETE /v1/documents/a", &[("if-match", third.header("etag"))], &[]).expect(204);
}

#[test]
fn of_many_who_change_the_same_state_one_does() {
    let Fixture { plane, .. } = &Fixture::start(&[]);
    let first = plane.update("a", &letter(100, b'a')).expect(200);
    let tag = first.header("etag");
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let change = |client: u8| {
            let headers = [("content-type", "application/octet-stream"), ("if-match", tag)];
            plane.ask("POST /v1/documents/a/updates", &headers, &letter(client, b'x')).status
        };
        let threads: Vec<_> = (0..16).map(|client| scope.spawn(move || change(client))).collect();
        threads.into_iter().map(|thread| thread.join().expect("it does not panic")).collect()
    });
    assert_eq!(statuses.iter().filter(|&&status| status == 200).count(), 1, "{statuses:?}");
    assert!(statuses.iter().all(|&status| status == 200 || status == 412), "{statuses:?}");
    assert_eq!(plane.get("/v1/documents/a").expect(200).json()["sequence"], 2);
}

#[test]
fn what_is_bound_to_a_state_is_done_to_no_other_document_of_the_name() {
    let Fixture { plane, .. } = &Fixture::start(&["--shards", "2"]);
    let header = "if-match";
    for round in 0..40_u8 {
        let first = plane.update("a", &letter(1, b'a')).expect(200);
        let tag = first.header("etag").to_owned();
        let (deleted, edited) = std::thread::scope(|scope| {
            let edit = scope.spawn(|| plane.update("a", &letter(2, b'b')));
            // A deletion that was told not to take the edit away, or a change that was told not to be made to another document.
            let bound = scope.spawn(|| match round % 2 {
                0 => plane.ask("DELETE /v1/documents/a", &[(header, &tag)], &[]),
                _ => plane.ask("PUT /v1/documents/a", &[(header, &tag)], &[]),
            });
            (bound.join().expect("no panic"), edit.join().expect("no panic"))
        });
        let edited = edited.expect(200).json();
        if round % 2 == 0 {
            // Whichever came first: the edit is the second of what was there, and stays, or the first of what comes.
            let kept = plane.get("/v1/documents/a").expect(200).json();
            assert_eq!(deleted.status, if edited["sequence"] == 1 { 204 } else { 412 }, "{edited}");
            assert_eq!(kept["sequence"], edited["sequence"]);
        }
        plane.ask("DELETE /v1/documents/a", &[], &[]).expect(204);
        // Another one, which stands at the same sequence in the same moment.
        let again = plane.update("a", &letter(3, b'c')).expect(200);
        assert_ne!(again.header("etag"), tag);
        plane.ask("DELETE /v1/documents/a", &[(header, &tag)], &[]).expect(412);
        plane.ask("DELETE /v1/documents/a", &[(header, again.header("etag"))], &[]).expect(204);
    }
}

#[test]
fn a_change_made_from_what_is_deleted_meanwhile_is_not_made_to_the_next() {
    let Fixture { plane, .. } = &Fixture::start(&[]);
    let operations = serde_json::json!([{"op": "map_set", "root": "m", "key": "old", "value": true}]);
    for _ in 0..15 {
        let tag = plane.update("a", &letter(1, b'a')).expect(200).header("etag").to_owned();
        let patched = std::thread::scope(|scope| {
            let patch = scope.spawn(|| {
                let headers = [("content-type", "application/json"), ("if-match", tag.as_str())];
                plane.ask("PATCH /v1/documents/a/content", &headers, operations.to_string().as_bytes())
            });
            plane.ask("DELETE /v1/documents/a", &[], &[]).expect(204);
            plane.update("a", &letter(2, b'b')).expect(200);
            patch.join().expect("no panic")
        });
        assert!([200, 404, 412].contains(&patched.status), "{}", patched.text());
        let next = plane.ask("GET /v1/documents/a/content", &[("accept", "application/json")], &[]).expect(200);
        assert!(next.json()["roots"].get("m").is_none(), "{}", next.text());
        plane.ask("DELETE /v1/documents/a", &[], &[]).expect(204);
    }
}

#[test]
fn conditions_are_heeded_wherever_there_is_a_state_and_refused_where_there_is_none() {
    let Fixture { plane, .. } = &Fixture::start(&[]);
    let tag = plane.update("a", &letter(1, b'a')).expect(200).header("etag").to_owned();
    let described = plane.get("/v1/documents/a").expect(200);
    assert_eq!(described.header("etag"), tag);
    let other = "\"1-1-u\"";
    for path in ["/v1/documents/a", "/v1/documents/a/content"] {
        let get = |name, value| plane.ask(&format!("GET {path}"), &[(name, value)], &[]);
        assert_eq!(get("if-none-match", &tag).expect(304).header("etag"), tag);
        get("if-none-match", other).expect(200);
        get("if-match", &tag).expect(200);
        get("if-match", other).expect(412);
        get("if-match", "nonsense").expect(400);
    }
    let copy = |name, value| {
        let headers = [("content-type", "application/json"), (name, value)];
        plane.ask("POST /v1/documents/a/copy", &headers, br#"{"to": "b"}"#)
    };
    copy("if-match", other).expect(412);
    copy("if-none-match", &tag).expect(412);
    plane.get("/v1/documents/b").expect(404);
    copy("if-match", &tag).expect(201);
    let versions = || plane.get("/v1/documents/a/versions").expect(200).json()["versions"].as_array().map(Vec::len);
    let save = |value| {
        let headers = [("content-type", "application/json"), ("if-match", value)];
        plane.ask("POST /v1/documents/a/versions", &headers, b"{}")
    };
    save(&tag).expect(400);
    assert_eq!(versions(), Some(0));
    let kept = plane.tell("POST /v1/documents/a/versions", &serde_json::json!({})).expect(201);
    let version = kept.header("location");
    plane.ask(&format!("DELETE {version}"), &[("if-match", "*")], &[]).expect(400);
    plane.update("a", &letter(2, b'b')).expect(200);
    plane.ask(&format!("POST {version}/restore"), &[("if-match", &tag)], &[]).expect(412);
    assert_eq!(versions(), Some(1), "what is refused keeps nothing");
}
