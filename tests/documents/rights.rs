//! Who may do what, and where it is written down.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::forge::{SECRET, by_secret, now};
use super::*;

/// A server that asks for tokens.
pub(crate) fn with_tokens() -> Fixture {
    let folder = Folder::new();
    let secret = folder.path().join("secret");
    fs::write(&secret, SECRET).expect("the folder can be written");
    let (secret, audit) = (secret.display().to_string(), audit_of(&folder).display().to_string());
    Fixture::start_in(folder, &["--auth-secret-file", &secret, "--audit-file", &audit, "--shards", "2"])
}

fn audit_of(folder: &Folder) -> PathBuf {
    folder.path().join("audit.log")
}

fn token(subject: &str, claim: &Value) -> String {
    by_secret(&json!({"sub": subject, "exp": now() + 600, "selvedge": claim}).to_string())
}

pub(crate) fn admin() -> String {
    token("root", &json!({"admin": true}))
}

/// With this right on all documents.
pub(crate) fn user(subject: &str, right: &str) -> String {
    token(subject, &json!({"documents": {"*": right}}))
}

/// Whom a request is done for; everybody before them is refused.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum For {
    Reader,
    Commenter,
    Writer,
    Admin,
}

/// What is asked, its headers and body, and who may.
type Request<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a [u8], For);

#[test]
fn each_request_needs_its_right_and_tokens_need_to_be_good() {
    let Fixture { plane, .. } = &with_tokens();
    let admin = plane.with_token(&admin());
    admin.ask("PUT /v1/documents/a", &[], &[]).expect(201);
    let tar = admin.get("/v1/documents/a/export").expect(200).body;
    let json = &[("content-type", "application/json")][..];
    let octets = &[("content-type", "application/octet-stream")][..];
    let requests: [Request<'_>; 15] = [
        ("GET /v1/documents/a", &[], &[], For::Reader),
        ("GET /v1/documents/a/content", &[], &[], For::Reader),
        ("GET /v1/documents/a/sessions", &[], &[], For::Reader),
        ("GET /v1/documents/a/export", &[], &[], For::Reader),
        ("POST /v1/documents/a/stateless", json, br#"{"payload":"x"}"#, For::Commenter),
        ("PUT /v1/documents/a", &[], &[], For::Writer),
        ("POST /v1/documents/a/updates", octets, &letter(7, b'h'), For::Writer),
        ("PATCH /v1/documents/a/content", json, b"[]", For::Writer),
        ("POST /v1/documents/a/copy", json, br#"{"to":"b"}"#, For::Writer),
        ("POST /v1/documents/a/copy", json, br#"{"to":"b","overwrite":true}"#, For::Admin),
        ("DELETE /v1/documents/a/sessions/0-0-0", &[], &[], For::Admin),
        ("DELETE /v1/documents/a/sessions/x", &[], &[], For::Admin),
        ("DELETE /v1/users/x/sessions", &[], &[], For::Admin),
        ("POST /v1/users/x/revoke", &[], &[], For::Admin),
        ("DELETE /v1/documents/a", &[], &[], For::Admin),
    ];
    let nobody = token("nobody", &json!({"documents": {"other/*": "write"}}));
    let callers = [
        (For::Reader, user("reader", "read")),
        (For::Commenter, user("commenter", "comment")),
        (For::Writer, user("writer", "write")),
    ];
    for (request, headers, body, needed) in requests {
        for bad in ["", "x", "a.b.c", &nobody[..nobody.len() - 2]] {
            let refused = plane.with_token(bad).ask(request, headers, body).expect(401);
            assert!(refused.header("www-authenticate").starts_with("Bearer"));
        }
        plane.ask(request, headers, body).expect(401);
        plane.with_token(&nobody).ask(request, headers, body).expect(403);
        for (caller, token) in &callers {
            let answer = plane.with_token(token).ask(request, headers, body);
            assert_eq!(answer.status == 403, *caller < needed, "{request}: {}", answer.text());
        }
        let answer = admin.ask(request, headers, body);
        assert!(![401, 403].contains(&answer.status), "{request}: {}", answer.text());
    }

    // Of many documents each is looked at for itself.
    admin.ask("PUT /v1/documents/other%2F1", &[], &[]).expect(201);
    let limited = plane.with_token(&nobody);
    let names = |answer: plane::Answer| answer.expect(200).json()["documents"].as_array().map(Vec::len);
    assert_eq!(names(limited.get("/v1/documents")), Some(1));
    assert_eq!(names(limited.get("/v1/documents?prefix=a")), Some(0));
    assert_eq!(names(admin.get("/v1/documents")), Some(2));
    let exported = limited.get("/v1/export").expect(200).body;
    assert!(exported.starts_with(b"\0") || String::from_utf8_lossy(&exported).contains("other%2F1.yjs"));
    assert!(!String::from_utf8_lossy(&exported).contains("b.yjs"), "it may not be read");
    let lines = limited.ask("POST /v1/import", &[("content-type", "application/x-tar")], &tar).expect(200).lines();
    assert_eq!((&lines[0]["document"], &lines[0]["status"]), (&"a".into(), &403.into()));
    admin.get("/v1/documents/a").expect(404);
    plane.get("/openapi.json").expect(200);
}

#[test]
fn who_kept_a_version_only_those_learn_who_may_know_everything() {
    let Fixture { plane, .. } = &with_tokens();
    let (writer, admin) = (plane.with_token(&user("ada", "write")), plane.with_token(&admin()));
    writer.update("a", &letter(7, b'h')).expect(200);
    let kept = writer.tell("POST /v1/documents/a/versions", &json!({"name": "one"})).expect(201);
    let path = kept.header("location").to_owned();
    assert_eq!(kept.json()["author"], "ada", "they know already");
    for (caller, told) in [(&admin, json!("ada")), (&writer, Value::Null)] {
        assert_eq!(caller.get(&path).expect(200).json()["author"], told);
        assert_eq!(caller.get("/v1/documents/a/versions").expect(200).json()["versions"][0]["author"], told);
    }
}

#[test]
fn what_is_done_and_what_is_denied_is_written_down() {
    let fixture = with_tokens();
    let (admin, reader) = (fixture.plane.with_token(&admin()), fixture.plane.with_token(&user("eve", "read")));
    admin.ask("PUT /v1/documents/a", &[], &[]).expect(201);
    for _ in 0..3 {
        reader.ask("DELETE /v1/documents/a", &[], &[]).expect(403);
    }
    reader.update("a", &letter(7, b'h')).expect(403);
    admin.update("a", b"nonsense").expect(422);
    admin.tell("POST /v1/documents/a/copy", &json!({"to": "b"})).expect(201);
    admin.ask("POST /v1/users/eve/revoke", &[], &[]).expect(204);
    reader.get("/v1/documents").expect(401);
    let tar = admin.get("/v1/documents/a/export").expect(200).body;
    admin.ask("POST /v1/import?on_conflict=skip", &[("content-type", "application/x-tar")], &tar).expect(200);
    admin.ask("DELETE /v1/documents/a", &[], &[]).expect(204);
    let checkpoint = admin.ask("POST /v1/checkpoints", &[], &[]).expect(201).json()["id"].clone();
    let checkpoint = checkpoint.as_str().expect("a name");
    admin.ask(&format!("PUT /v1/checkpoints/{checkpoint}"), &[], &[]).expect(204);
    admin.ask(&format!("DELETE /v1/checkpoints/{checkpoint}"), &[], &[]).expect(204);
    admin.ask(&format!("PUT /v1/checkpoints/{checkpoint}"), &[], &[]).expect(404);

    let Fixture { mut server, folder, .. } = fixture;
    server.terminate();
    assert_eq!(server.exit_code(), Some(0));
    let log = fs::read_to_string(audit_of(&folder)).expect("it is written");
    assert!(!log.contains("nonsense") && !log.contains("Bearer"), "no contents and no tokens");
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).expect("each line is JSON")).collect();
    let acted: Vec<String> = lines
        .iter()
        .filter(|line| line["event"] == "acted")
        .map(|line| {
            assert_eq!(line["address"], "127.0.0.1");
            let text = |field: &str| line[field].as_str().unwrap_or("-").to_owned();
            format!(
                "{} {} {} {} {}",
                text("subject"),
                text("action"),
                text("document"),
                text("target"),
                text("outcome")
            )
        })
        .collect();
    let expected = [
        "root create-document a - done",
        "eve delete-document a - denied",
        "eve update-document a - denied",
        "root update-document a - failed",
        "root copy-document a b done",
        "root revoke-user - eve done",
        "root export a - done",
        "root import a - done",
        "root delete-document a - done",
        "root make-checkpoint - - done",
        &format!("root remove-checkpoint - {checkpoint} done"),
    ];
    assert_eq!(acted, expected);
    let repeated = lines.iter().find(|line| line["reason"] == "delete-document").expect("the others are counted");
    assert_eq!(repeated["repeated"], 2);
    assert!(lines.iter().any(|line| line["event"] == "refused" && line["reason"] == "login"));
}
