//! Versions: kept, looked at, compared, brought back, and gone with their document.

use serde_json::json;

use super::client::Client;
use super::*;

/// Keeps a version, and gives its path.
fn save(plane: &Plane, document: &str, name: &str) -> String {
    let kept = plane.tell(&format!("POST /v1/documents/{document}/versions"), &json!({"name": name})).expect(201);
    assert_eq!(kept.json()["name"], name);
    kept.header("location").to_owned()
}

fn text(plane: &Plane, path: &str) -> String {
    plane.ask(&format!("GET {path}/content"), &[("accept", "text/plain")], &[]).expect(200).text()
}

fn write(plane: &Plane, document: &str, operation: serde_json::Value) {
    plane.tell(&format!("PATCH /v1/documents/{document}/content"), &json!([operation])).expect(200);
}

#[test]
fn a_version_is_brought_back_to_those_who_are_there_and_can_be_undone() {
    let fixture = &Fixture::start(&["--shards", "2"]);
    let plane = &fixture.plane;
    plane.update("a", &letter(7, b'h')).expect(200);
    let first = save(plane, "a", "first");
    write(plane, "a", json!({"op": "text_insert", "root": "t", "index": 1, "text": "ello"}));
    let second = save(plane, "a", "second");
    assert_eq!((text(plane, &first), text(plane, &second)), ("h".to_owned(), "hello".to_owned()));

    let compared = plane.get(&format!("{first}/compare")).expect(200).json();
    assert_eq!(compared["roots"][0]["root"], "t", "{compared}");
    let other = second.rsplit('/').next().expect("a path has an end");
    assert_eq!(plane.get(&format!("{first}/compare?to={other}")).expect(200).json(), compared);

    let mut client = Client::upgrade(fixture.server.address, "/yjs/a");
    client.send_binary(&[0, 0, 1, 0]);
    client.wait_for(|message| message.starts_with(&[0, 1]));
    let restored = plane.ask(&format!("POST {first}/restore"), &[], &[]).expect(200);
    assert_eq!(restored.json()["changed"], true);
    // An update with deletions alone.
    client.wait_for(|message| message.starts_with(&[0, 2]));
    assert_eq!(text(plane, "/v1/documents/a"), "h");
    plane.ask(&format!("POST {second}/restore"), &[], &[]).expect(200);
    assert_eq!(text(plane, "/v1/documents/a"), "hello");

    let versions = plane.get("/v1/documents/a/versions").expect(200).json();
    let named = |automatic: bool| {
        let versions = versions["versions"].as_array().expect("a list");
        versions.iter().filter(|version| version["automatic"] == automatic).count()
    };
    assert_eq!((named(false), named(true)), (2, 1), "what was there before the second is kept: {versions}");
}

#[test]
fn versions_are_had_as_documents_are_and_go_by_number_or_with_their_document() {
    let Fixture { plane, .. } = &Fixture::start(&[]);
    plane.get("/v1/documents/a/versions").expect(404);
    plane.tell("POST /v1/documents/a/versions", &json!({})).expect(404);
    plane.update("a", &letter(7, b'h')).expect(200);
    let path = save(plane, "a", "one");
    let described = plane.get(&path).expect(200).json();
    assert_eq!((described["sequence"].as_u64(), described["bytes"].as_u64()), (Some(1), Some(11)));
    let content = plane.get(&format!("{path}/content")).expect(200);
    assert_eq!(content.body, letter(7, b'h'));
    let tag = content.header("etag").to_owned();
    plane.ask(&format!("GET {path}/content"), &[("if-none-match", &tag)], &[]).expect(304);
    let json = plane.ask(&format!("GET {path}/content"), &[("accept", "application/json")], &[]).expect(200).json();
    assert_eq!(json["roots"]["t"]["value"], "h");

    for refused in ["x", "-1", "99999999999999999999", "1.5"] {
        plane.get(&format!("/v1/documents/a/versions/{refused}")).expect(400);
    }
    plane.get("/v1/documents/a/versions/1").expect(404);
    plane.get(&format!("{path}/compare?to=x")).expect(400);
    plane.get(&format!("{path}/compare?to=1")).expect(404);
    plane.ask(&format!("POST {path}/restore"), &[("if-match", "\"other\"")], &[]).expect(412);
    plane.tell("POST /v1/documents/a/versions", &json!({"name": "a\u{0}b"})).expect(422);
    plane.tell("POST /v1/documents/a/versions", &json!({"nmae": "x"})).expect(422);

    plane.ask(&format!("DELETE {path}"), &[], &[]).expect(204);
    plane.ask(&format!("DELETE {path}"), &[], &[]).expect(404);
    assert_eq!(plane.get("/v1/documents/a/versions").expect(200).json(), json!({"versions": []}));
    let path = save(plane, "a", "two");
    plane.ask("DELETE /v1/documents/a", &[], &[]).expect(204);
    plane.get(&path).expect(404);
    plane.update("a", &letter(8, b'x')).expect(200);
    assert_eq!(plane.get("/v1/documents/a/versions").expect(200).json(), json!({"versions": []}));
}

#[test]
fn names_are_as_long_as_the_openapi_file_says() {
    let Fixture { plane, .. } = &Fixture::start(&[]);
    plane.update("a", &letter(7, b'h')).expect(200);
    let openapi = plane.get("/openapi.json").expect(200).json();
    let characters_max = openapi["components"]["schemas"]["NewVersion"]["properties"]["name"]["maxLength"].as_u64();
    let characters_max = usize::try_from(characters_max.expect("a number")).expect("a small one");
    for character in ["x", "😀"] {
        let name = character.repeat(characters_max);
        save(plane, "a", &name);
        plane.tell("POST /v1/documents/a/versions", &json!({"name": name + character})).expect(422);
    }
}

#[test]
fn a_changing_document_gets_versions_by_itself_and_they_survive_a_kill() {
    let arguments = ["--versions-interval-ms", "10000"];
    let mut fixture = Fixture::start(&arguments);
    fixture.plane.update("a", &letter(7, b'h')).expect(200);
    let automatic = loop {
        let versions = fixture.plane.get("/v1/documents/a/versions").expect(200).json();
        if let Some(version) = versions["versions"].get(0) {
            break version.clone();
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    };
    assert_eq!((automatic["automatic"].as_bool(), automatic["sequence"].as_u64()), (Some(true), Some(1)));
    fixture.server.kill();
    let Fixture { folder, server, .. } = fixture;
    drop(server);
    let Fixture { plane, .. } = &Fixture::start_in(folder, &arguments);
    assert_eq!(plane.get("/v1/documents/a/versions").expect(200).json()["versions"][0], automatic);
}

#[test]
fn those_kept_by_hand_have_a_share_and_whoever_fills_it_restores_all_the_same() {
    let Fixture { plane, .. } = &Fixture::start(&["--versions-per-document-max", "4"]);
    plane.update("a", &letter(7, b'h')).expect(200);
    let first = save(plane, "a", "1");
    let second = save(plane, "a", "2");
    plane.tell("POST /v1/documents/a/versions", &json!({"name": "3"})).expect(422);
    for round in ["ello", "i"] {
        write(plane, "a", json!({"op": "text_insert", "root": "t", "index": 1, "text": round}));
        plane.ask(&format!("POST {second}/restore"), &[], &[]).expect(200);
        assert_eq!(text(plane, "/v1/documents/a"), "h");
        let versions = plane.get("/v1/documents/a/versions").expect(200).json();
        let back = format!("/v1/documents/a/versions/{}", versions["versions"][0]["id"]);
        assert_eq!(text(plane, &back), format!("h{round}"), "{versions}");
    }
    plane.ask(&format!("DELETE {first}"), &[], &[]).expect(204);
    save(plane, "a", "3");
}
