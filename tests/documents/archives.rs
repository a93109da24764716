//! Documents in and out as archives.

use std::io::Cursor;

use selvedge_protocol::update::merge;
use serde_json::{Value, json};
use tar::{Archive, Builder, EntryType, Header};

use super::plane::Answer;
use super::*;

/// The entry that says what is in an archive.
const MANIFEST: &str = "selvedge-export.json";

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
    let sum =
        json!({"complete": true, "expected": 5, "created": 5, "merged": 0, "skipped": 0, "failed": 0, "refused": 0});
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

#[test]
fn many_documents_are_told_of_in_the_order_of_the_archive_whatever_becomes_of_them() {
    let Fixture { plane, .. } = &Fixture::start(&["--shards", "2"]);
    let mut archive = Builder::new(Vec::new());
    let mut expected = Vec::new();
    for number in 0..300 {
        // Small ones and large ones, the same name again at once and much later, what is there already, and what is none.
        let first = if number % 7 == 0 { large(1, 20_000 + number * 400) } else { letter(1, b'x') };
        put(&mut archive, &format!("{number}.yjs"), &first);
        expected.push((number.to_string(), "created"));
        if number % 5 == 0 {
            put(&mut archive, &format!("{number}.yjs"), &letter(2, b'y'));
            expected.push((number.to_string(), "again"));
        }
        if number % 11 == 0 {
            put(&mut archive, "first.yjs", &letter(3, b'z'));
            expected.push(("first".to_owned(), "again"));
        }
        if number % 13 == 0 {
            put(&mut archive, &format!("{number}.txt"), b"hello");
            expected.push((format!("{number}.txt"), "refused"));
        }
        if number % 17 == 0 {
            put(&mut archive, &format!("bad-{number}.yjs"), b"no update");
            expected.push((format!("bad-{number}"), "failed"));
        }
    }
    let documents = expected.iter().filter(|(_, result)| *result != "refused").count();
    put(&mut archive, MANIFEST, json!({"documents": documents, "failed": 0}).to_string().as_bytes());
    let archive = archive.into_inner().expect("it is in memory");
    plane.update("first", &letter(1, b'f')).expect(200);
    for (query, again) in [("?on_conflict=skip", "skipped"), ("?on_conflict=merge", "merged")] {
        let mut lines = import(plane, query, &archive).expect(200).lines();
        let sum = lines.pop().expect("a sum");
        assert_eq!(sum["complete"], true, "{sum}");
        assert_eq!(lines.len(), expected.len(), "{sum}");
        for (line, (name, result)) in lines.iter().zip(&expected) {
            let result = match (*result, query) {
                // All are there the second time.
                ("again", _) | ("created", "?on_conflict=merge") => again,
                (result, _) => result,
            };
            let said = line["document"].as_str().or(line["entry"].as_str());
            assert_eq!((said, line["result"].as_str()), (Some(name.as_str()), Some(result)), "{line}");
        }
    }
    let text = plane.ask("GET /v1/documents/5/content", &[("accept", "text/plain")], &[]).expect(200).text();
    assert!(text == "xy" || text == "yx", "what was there and what joined it: {text}");
}

#[test]
fn an_import_waits_for_cores_that_hold_little_for_the_disk() {
    let limits = ["--message-bytes-max", "64KiB", "--uncommitted-bytes-max", "64KiB", "--shards", "1"];
    let Fixture { plane, .. } = &Fixture::start(&limits);
    let mut archive = Builder::new(Vec::new());
    for number in 0..100 {
        put(&mut archive, &format!("{number}.yjs"), &large(1, 60_000));
    }
    let archive = archive.into_inner().expect("it is in memory");
    let lines = import(plane, "?on_conflict=skip", &archive).expect(200).lines();
    let sum = lines.last().expect("a sum");
    assert_eq!((&sum["created"], &sum["failed"]), (&100.into(), &0.into()), "{:?}", lines.first());
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
    put(&mut archive, MANIFEST, br#"{"documents": 7, "failed": 0}"#);
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
fn an_archive_that_lacks_what_it_says_or_says_nothing_is_not_complete() {
    let Fixture { plane, .. } = &Fixture::start(&[]);
    let sum = |manifest: Option<&str>| {
        let mut archive = Builder::new(Vec::new());
        put(&mut archive, "a.yjs", &letter(1, b'x'));
        if let Some(manifest) = manifest {
            put(&mut archive, MANIFEST, manifest.as_bytes());
        }
        let archive = archive.into_inner().expect("it is in memory");
        let lines = import(plane, "?on_conflict=merge", &archive).expect(200).lines();
        assert_eq!(lines.len(), 2, "what is there is taken: {lines:?}");
        (lines[1]["complete"].clone(), lines[1]["expected"].clone(), lines[1]["detail"].clone())
    };
    assert_eq!(sum(Some(r#"{"documents": 1, "failed": 0}"#)), (true.into(), 1.into(), Value::Null));
    for (manifest, expected, why) in [
        (Some(r#"{"documents": 999, "failed": 3}"#), 999.into(), "999"),
        (Some(r#"{"documents": 1, "failed": 3}"#), 1.into(), "3 documents"),
        (Some("{}"), Value::Null, "cannot be read"),
        (None, Value::Null, "does not say"),
    ] {
        let (complete, said, detail) = sum(manifest);
        assert_eq!((complete, said), (false.into(), expected), "{detail}");
        assert!(detail.as_str().is_some_and(|detail| detail.contains(why)), "{detail}");
    }
    let nothing = import(plane, "", &[0; 1024]).expect(200).lines();
    assert_eq!(nothing[0]["complete"], false, "{nothing:?}");
}

#[test]
fn a_document_larger_than_a_message_is_copied_and_goes_out_and_in() {
    let arguments = ["--message-bytes-max", "8KiB", "--update-chunk-bytes", "4KiB"];
    let Fixture { plane, .. } = &Fixture::start(&arguments);
    for number in 0..20 {
        let text = "x".repeat(4_000);
        let operations = json!([{"op": "map_set", "root": "m", "key": number.to_string(), "value": text}]);
        plane.ask("PUT /v1/documents/large", &[], &[]);
        plane.tell("PATCH /v1/documents/large/content", &operations).expect(200);
    }
    let content_of = |plane: &Plane, document: &str| {
        let path = format!("GET /v1/documents/{document}/content");
        plane.ask(&path, &[("accept", "application/json")], &[]).expect(200).body
    };
    let content = |plane: &Plane| content_of(plane, "large");
    let exported = plane.get("/v1/documents/large/export").expect(200).body;
    plane.update("copy", &letter(1, b'x')).expect(200);
    for (overwrite, status) in [(false, 409), (true, 200)] {
        let wanted = json!({"to": "copy", "overwrite": overwrite});
        plane.tell("POST /v1/documents/large/copy", &wanted).expect(status);
    }
    assert_eq!(content_of(plane, "copy"), content(plane));
    let Fixture { plane: other, .. } = &Fixture::start(&arguments);
    let lines = import(other, "", &exported).expect(200).lines();
    assert_eq!(lines[0]["result"], "created", "{lines:?}");
    assert!(lines[0]["sequence"].as_u64() > Some(5), "{lines:?}");
    assert_eq!(content(other), content(plane));
}

/// A state of so many bytes, in structs that can be cut.
pub(super) fn large(client: u8, letters: usize) -> Vec<u8> {
    let updates: Vec<Vec<u8>> = (0..letters / 100)
        .map(|block| {
            let mut update = vec![1, 1, client];
            lib0(&mut update, block * 100);
            match block {
                0 => update.extend([4, 1, 1, b't']),
                _ => {
                    update.extend([0x84, client]);
                    lib0(&mut update, block * 100 - 1);
                }
            }
            update.push(100);
            update.extend([b'x'; 100]);
            update.push(0);
            update
        })
        .collect();
    merge(&updates.iter().map(Vec::as_slice).collect::<Vec<_>>()).expect("they are updates")
}

/// A number as lib0 writes it.
fn lib0(bytes: &mut Vec<u8>, mut number: usize) {
    while number > 0x7f {
        bytes.push(0x80 | (number & 0x7f) as u8);
        number >>= 7;
    }
    bytes.push(number as u8);
}

#[test]
fn what_takes_several_parts_is_put_in_wholly_or_not_at_all() {
    let limits = ["--message-bytes-max", "16KiB", "--document-bytes-max", "64KiB"];
    let Fixture { plane, .. } = &Fixture::start(&limits);
    let (fits, does_not) = (large(1, 40_000), large(2, 60_000));
    assert!(fits.len() > 2 * (16 << 10) && does_not.len() < 64 << 10);
    let archive = |update: &[u8]| {
        let mut archive = Builder::new(Vec::new());
        put(&mut archive, "a.yjs", update);
        archive.into_inner().expect("it is in memory")
    };
    let letters = || plane.ask("GET /v1/documents/a/content", &[("accept", "text/plain")], &[]).expect(200).body.len();
    let created = import(plane, "", &archive(&fits)).expect(200).lines();
    assert_eq!(created[0]["result"], "created", "{created:?}");
    assert_eq!(letters(), 40_000);
    // What joins it finds no room for its last part.
    let merged = import(plane, "?on_conflict=merge", &archive(&does_not)).expect(200).lines();
    assert_eq!((&merged[0]["result"], &merged[0]["status"]), (&json!("failed"), &json!(422)), "{merged:?}");
    assert_eq!(letters(), 40_000);
}

#[test]
fn a_version_larger_than_a_message_comes_back() {
    let Fixture { plane, .. } = &Fixture::start(&["--message-bytes-max", "16KiB"]);
    let mut archive = Builder::new(Vec::new());
    put(&mut archive, "a.yjs", &large(1, 60_000));
    import(plane, "", &archive.into_inner().expect("it is in memory")).expect(200);
    let version = plane.tell("POST /v1/documents/a/versions", &json!({})).expect(201).header("location").to_owned();
    let delete = json!([{"op": "text_delete", "root": "t", "index": 0, "length": 60_000}]);
    plane.tell("PATCH /v1/documents/a/content", &delete).expect(200);
    plane.ask(&format!("POST {version}/restore"), &[], &[]).expect(200);
    let text = plane.ask("GET /v1/documents/a/content", &[("accept", "text/plain")], &[]).expect(200);
    assert_eq!(text.body, vec![b'x'; 60_000]);
}

#[test]
fn a_copy_replaces_what_is_there_whoever_writes_meanwhile() {
    let Fixture { plane, .. } = &Fixture::start(&["--shards", "2"]);
    plane.update("from", &letter(1, b'f')).expect(200);
    plane.ask("PUT /v1/documents/empty", &[], &[]).expect(201);
    let copy =
        |from: &str| plane.tell(&format!("POST /v1/documents/{from}/copy"), &json!({"to": "to", "overwrite": true}));
    copy("from").expect(201);
    for round in 0..20 {
        plane.update("to", &letter(2, b't')).expect(200);
        plane.tell("POST /v1/documents/to/versions", &json!({})).expect(201);
        std::thread::scope(|scope| {
            let write = scope.spawn(|| plane.update("to", &letter(3, b'w')));
            copy(if round % 2 == 0 { "from" } else { "empty" }).expect(200);
            write.join().expect("no panic").expect(200);
        });
        assert_eq!(plane.get("/v1/documents/to/versions").expect(200).json()["versions"], json!([]));
        let text = plane.ask("GET /v1/documents/to/content", &[("accept", "text/plain")], &[]).expect(200).text();
        assert!(!text.contains('t') && (round % 2 == 1 || text.contains('f')), "{text}");
    }
}

#[test]
fn who_sends_an_archive_that_is_not_wanted_reads_why() {
    let Fixture { plane, .. } = &Fixture::start(&[]);
    plane.update("a", &letter(2, b'y')).expect(200);
    let mut archive = Builder::new(Vec::new());
    put(&mut archive, "a.yjs", &letter(1, b'x'));
    for name in ["b.yjs", "c.yjs", "d.yjs"] {
        put(&mut archive, name, &vec![0xff; 10 << 20]);
    }
    let archive = archive.into_inner().expect("it is in memory");
    let lines = import(plane, "", &archive).expect(200).lines();
    assert_eq!((&lines[0]["status"], &lines[1]["complete"]), (&json!(409), &json!(false)), "{lines:?}");
    let damaged = [vec![1; 512], archive].concat();
    let lines = import(plane, "", &damaged).expect(200).lines();
    assert_eq!(lines[0]["complete"], false, "{lines:?}");
}
