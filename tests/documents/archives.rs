//! Documents in and out as archives.

use std::io::Cursor;

use serde_json::{Value, json};
use tar::{Archive, Builder, EntryType, Header};

use super::plane::Answer;
use super::*;

fn import(plane: &Plane, query: &str, archive: &[u8]) -> Answer {
    plane.ask(&format!("POST /v1/import{query}"), &[("content-type", "application/x-tar")], archive)
}

/// Names and bytes of all entries.
fn entries(archive: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut archive = Archive::new(Cursor::new(archive));
    let entries = archive.entries().expect("it is a tar").map(|entry| {
        let mut entry = entry.expect("it is a tar");
        let path = entry.path().expect("a name").display().to_string();
        let mut bytes = Vec::new();
        std::io::copy(&mut entry, &mut bytes).expect("it is whole");
        (path, bytes)
    });
    entries.collect()
}

#[test]
fn what_is_taken_out_can_be_put_in_again() {
    let Fixture { plane, .. } = &Fixture::start(&[]);
    let long = "漢".repeat(80);
    let names = ["a", "notes/1", "../../etc/passwd", &long];
    for (number, name) in (0..).zip(names) {
        let segment: String = name.bytes().map(|byte| format!("%{byte:02X}")).collect();
        plane.update(&segment, &letter(number, b'a' + number)).expect(200);
    }
    plane.ask("PUT /v1/documents/empty", &[], &[]).expect(201);
    let exported = plane.get("/v1/export").expect(200);
    assert_eq!(exported.header("content-type"), "application/x-tar");
    let found = entries(&exported.body);
    assert_eq!(found.len(), 6);
    assert_eq!(found[0].0, "..%2F..%2Fetc%2Fpasswd.yjs");
    let manifest: Value = serde_json::from_slice(&found[5].1).expect("it is JSON");
    assert_eq!((&manifest["documents"], &manifest["failed"]), (&5.into(), &0.into()));
    let compressed = plane.ask("GET /v1/export", &[("accept-encoding", "gzip")], &[]).expect(200);
    // As gzip writes it: the bytes before compression stand at the end (RFC 1952).
    let bytes = compressed.body.last_chunk().map(|bytes| u32::from_le_bytes(*bytes));
    assert_eq!((compressed.header("content-encoding"), bytes), ("gzip", Some(exported.body.len() as u32)));
    assert_eq!(entries(&plane.get("/v1/export?prefix=notes/").expect(200).body).len(), 2);
    let one = entries(&plane.get("/v1/documents/a/export").expect(200).body);
    assert_eq!((one[0].0.as_str(), one[0].1.as_slice()), ("a.yjs", &letter(0, b'a')[..]));

    let Fixture { plane: other, .. } = &Fixture::start(&[]);
    let lines = import(other, "", &exported.body).expect(200).lines();
    assert_eq!(lines.len(), 6, "{lines:?}");
    assert!(lines[..5].iter().all(|line| line["result"] == "created" && line["sequence"] == 1), "{lines:?}");
    let sum = json!({"complete": true, "created": 5, "merged": 0, "skipped": 0, "failed": 0, "refused": 0});
    assert_eq!(lines[5], sum);
    assert_eq!(entries(&other.get("/v1/export").expect(200).body)[..5], found[..5]);
}

#[test]
fn what_is_there_is_passed_over_merged_or_ends_it() {
    let Fixture { plane, .. } = &Fixture::start(&[]);
    let mut archive = Builder::new(Vec::new());
    for (name, update) in [("a.yjs", letter(1, b'x')), ("b.yjs", letter(1, b'x')), ("c.yjs", vec![0, 0])] {
        put(&mut archive, name, &update);
    }
    let archive = archive.into_inner().expect("it is in memory");
    plane.update("b", &letter(2, b'y')).expect(200);
    let results = |query: &str| -> Vec<String> {
        let lines = import(plane, query, &archive).expect(200).lines();
        lines.iter().map(|line| line["result"].as_str().unwrap_or("-").to_owned()).collect()
    };
    assert_eq!(results(""), ["created", "failed", "-"]);
    plane.get("/v1/documents/c").expect(404);
    assert_eq!(results("?on_conflict=skip"), ["skipped", "skipped", "created", "-"]);
    assert_eq!(plane.get("/v1/documents/b").expect(200).json()["sequence"], 1);
    assert_eq!(results("?on_conflict=merge"), ["merged", "merged", "merged", "-"]);
    let text = plane.ask("GET /v1/documents/b/content", &[("accept", "text/plain")], &[]).expect(200).text();
    assert!(text == "xy" || text == "yx", "{text}");
    import(plane, "?on_conflict=overwrite", &archive).expect(400);
}

fn put(archive: &mut Builder<Vec<u8>>, name: &str, bytes: &[u8]) {
    let mut header = Header::new_gnu();
    header.set_size(bytes.len() as u64);
    archive.append_data(&mut header, name, bytes).expect("it is in memory");
}

#[test]
fn each_bad_entry_gets_its_line_and_nothing_else_is_touched() {
    let Fixture { plane, .. } = &Fixture::start(&["--message-bytes-max", "32KiB", "--document-bytes-max", "64KiB"]);
    let mut archive = Builder::new(Vec::new());
    put(&mut archive, "no update.yjs", b"no update");
    put(&mut archive, "readme.txt", b"hello");
    put(&mut archive, "folder/a.yjs", &letter(1, b'x'));
    put(&mut archive, "%00.yjs", &letter(1, b'x'));
    put(&mut archive, "huge.yjs", &[0; 64 * 1024 + 1]);
    put(&mut archive, "cut.yjs", &[0xff; 48 * 1024]);
    let mut link = Header::new_gnu();
    link.set_entry_type(EntryType::Symlink);
    link.set_size(0);
    archive.append_link(&mut link, "link.yjs", "/etc/passwd").expect("it is in memory");
    put(&mut archive, "good.yjs", &letter(1, b'x'));
    let archive = archive.into_inner().expect("it is in memory");
    let lines = import(plane, "", &archive).expect(200).lines();
    let results: Vec<_> = lines.iter().map(|line| line["result"].as_str().unwrap_or("-")).collect();
    let expected = ["failed", "refused", "refused", "refused", "refused", "failed", "refused", "created", "-"];
    assert_eq!(results, expected, "{lines:?}");
    assert!(
        lines[..7].iter().all(|line| line["detail"].as_str().is_some_and(|detail| !detail.is_empty())),
        "{lines:?}"
    );
    assert_eq!((&lines[8]["complete"], &lines[8]["refused"]), (&true.into(), &5.into()));
    let names = plane.get("/v1/documents").expect(200).json();
    assert_eq!(names["documents"].as_array().map(Vec::len), Some(1), "{names}");

    // Cut off, and no archive at all.
    for (bytes, documents) in
        [(&archive[..archive.len() - 2_000], 7), (&archive[..700], 0), (b"PK\x03\x04", 0), (&[0x1f; 600], 0)]
    {
        let lines = import(plane, "?on_conflict=skip", bytes).expect(200).lines();
        assert_eq!(lines.last().map(|line| &line["complete"]), Some(&false.into()), "{lines:?}");
        assert!(lines.len() > documents, "{lines:?}");
    }
    assert_eq!(import(plane, "", &[0; 1024]).expect(200).lines().len(), 1);
}

#[test]
fn a_document_larger_than_a_message_goes_out_and_in() {
    let arguments = ["--message-bytes-max", "8KiB", "--update-chunk-bytes", "4KiB"];
    let Fixture { plane, .. } = &Fixture::start(&arguments);
    for number in 0..20 {
        let text = "x".repeat(4_000);
        let operations = json!([{"op": "map_set", "root": "m", "key": number.to_string(), "value": text}]);
        plane.ask("PUT /v1/documents/large", &[], &[]);
        plane.tell("PATCH /v1/documents/large/content", &operations).expect(200);
    }
    let content = |plane: &Plane| {
        plane.ask("GET /v1/documents/large/content", &[("accept", "application/json")], &[]).expect(200).body
    };
    let exported = plane.get("/v1/export").expect(200).body;
    let Fixture { plane: other, .. } = &Fixture::start(&arguments);
    let lines = import(other, "", &exported).expect(200).lines();
    assert_eq!(lines[0]["result"], "created", "{lines:?}");
    assert!(lines[0]["sequence"].as_u64() > Some(5), "{lines:?}");
    assert_eq!(content(other), content(plane));
}
