//! Backup, restore, verify and inspect, as an operator types them: beside a running server and without one, and with bytes that were changed.

#[path = "server/process.rs"]
#[expect(dead_code, reason = "other tests use the rest")]
mod process;

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, chown, symlink};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use process::{Folder, Server};
use rustix::process::{Pid, Signal, kill_process};
use selvedge_shards::DocumentId;
use selvedge_storage::{Append, Catalog, DocumentKey, Durability, NewVersion, RocksOptions, RocksStore, Store};
use serde_json::Value;
use yrs::{Doc, Text, Transact};

/// A bound for tests that hang, not a measure.
const PATIENCE: Duration = Duration::from_secs(60);

/// Of Linux.
const O_NONBLOCK: i32 = 0o4000;

fn selvedge(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_selvedge"));
    for (variable, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("SELVEDGE_")) {
        command.env_remove(variable);
    }
    command.args(arguments).output().expect("the binary was built")
}

#[track_caller]
fn succeeds(arguments: &[&str]) -> String {
    let output = selvedge(arguments);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {said}");
    String::from_utf8(output.stdout).expect("text")
}

/// What it says on standard error.
#[track_caller]
fn fails(arguments: &[&str]) -> String {
    let output = selvedge(arguments);
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {output:?}");
    String::from_utf8(output.stderr).expect("text")
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a name in ASCII")
}

/// Documents with some records each.
fn fill(data_dir: &Path, documents: usize) {
    let store = RocksStore::open(data_dir, RocksOptions::default()).expect("a new store");
    for number in 0..documents {
        let name = format!("notes/{number}");
        let document = DocumentKey(DocumentId::of(&name).0);
        let doc = Doc::new();
        let content = doc.get_or_insert_text("text");
        for sequence in 1..=5 {
            let mut edit = doc.transact_mut();
            content.push(&mut edit, &format!("line {sequence} of {name}\n"));
            let update = edit.encode_update_v1();
            let append = Append { document, name: &name, sequence, update: &update };
            store.append(&[append], Durability::Synced).expect("room");
        }
    }
}

fn json(printed: &str) -> Value {
    serde_json::from_str(printed).expect("JSON")
}

#[test]
fn a_backup_without_a_server_is_restored_whole() {
    let folder = Folder::new();
    let [data, backup, again] = ["data", "backup", "again"].map(|name| folder.path().join(name));
    fill(&data, 20);
    succeeds(&["backup", text(&backup), "--data-dir", text(&data)]);
    assert_eq!(fs::metadata(&backup).expect("it is there").permissions().mode() & 0o777, 0o700);
    assert_eq!(json(&succeeds(&["verify", text(&backup), "--json"]))["documents"], 20);
    succeeds(&["restore", text(&backup), "--data-dir", text(&again)]);
    let verified = json(&succeeds(&["verify", "--json", "--data-dir", text(&again)]));
    assert_eq!((&verified["documents"], &verified["records"]), (&20.into(), &100.into()), "{verified}");
    let inspected = json(&succeeds(&["inspect", "notes/7", "--json", "--data-dir", text(&again)]));
    assert_eq!((&inspected["sequence"], &inspected["clients"]), (&5.into(), &1.into()), "{inspected}");
    assert_eq!(inspected, json(&succeeds(&["inspect", "notes/7", "--json", "--in", text(&backup)])));
    assert!(fails(&["inspect", "notes/77", "--in", text(&backup)]).contains("there is no document"));

    for (filled, command) in [(&backup, "backup"), (&data, "restore")] {
        let said = match command {
            "backup" => fails(&["backup", text(filled), "--data-dir", text(&data)]),
            _ => fails(&["restore", text(&backup), "--data-dir", text(filled)]),
        };
        assert!(said.contains("not empty"), "{said}");
    }
}

/// All below a folder: lengths and times.
fn tree(folder: &Path) -> BTreeMap<PathBuf, (u64, SystemTime)> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("it can be read") {
            let path = entry.expect("it can be read").path();
            let metadata = fs::metadata(&path).expect("it is there");
            found.insert(path.clone(), (metadata.len(), metadata.modified().expect("Linux keeps it")));
            if metadata.is_dir() {
                folders.push(path);
            }
        }
    }
    found
}

#[test]
fn nothing_is_written_into_data_that_are_only_looked_at() {
    let old = Path::new(env!("CARGO_MANIFEST_DIR")).join("storage/tests/old_database/format_1");
    let folder = Folder::new();
    let [data, backup, again] = ["data", "backup", "again"].map(|name| folder.path().join(name));
    for is_old in [false, true] {
        let [data, backup, again] = [&data, &backup, &again].map(|path| path.with_extension(is_old.to_string()));
        if is_old {
            fs::create_dir_all(data.join("rocksdb")).expect("room");
            for (path, _) in selvedge_storage::files(&old).expect("a store") {
                fs::copy(old.join(&path), data.join(&path)).expect("room");
            }
        } else {
            fill(&data, 3);
        }
        let before = tree(&data);
        // Of the documents in the old database none has the key of its name: they are found, and named as faults.
        let verify = |data: &Path| String::from_utf8(selvedge(&["verify", "--json", "--data-dir", text(data)]).stdout);
        let verified = verify(&data).expect("text");
        assert_eq!(json(&verified)["documents"], if is_old { 0 } else { 3 }, "{verified}");
        assert_eq!(json(&verified)["faults"].as_array().map(Vec::len), Some(if is_old { 3 } else { 0 }), "{verified}");
        succeeds(&["backup", text(&backup), "--data-dir", text(&data)]);
        assert_eq!(tree(&data), before, "format 1: {is_old}");
        succeeds(&["restore", text(&backup), "--data-dir", text(&again)]);
        assert_eq!(verify(&again), Ok(verified));
        // The copy is brought to this format, and is served.
        drop(RocksStore::open(&again, RocksOptions::default()).expect("a store"));
    }
}

#[test]
fn a_checkpoint_whose_request_was_given_up_takes_no_place() {
    let folder = Folder::new();
    let data = folder.path().join("data");
    fill(&data, 1);
    let server = Server::start("uring", &folder, &[]);
    let head = format!("POST /v1/checkpoints HTTP/1.1\r\nHost: {}\r\nContent-Length: 0\r\n\r\n", server.control);
    // More than there are places.
    for _ in 0..16 {
        let mut gone = TcpStream::connect(server.control).expect("it listens");
        gone.write_all(head.as_bytes()).expect("there is room");
    }
    let head = head.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
    let made = || {
        let mut asking = TcpStream::connect(server.control).expect("it listens");
        asking.write_all(head.as_bytes()).expect("there is room");
        let mut answer = String::new();
        asking.read_to_string(&mut answer).expect("an answer");
        answer.starts_with("HTTP/1.1 201")
    };
    let begun = Instant::now();
    while !made() {
        assert!(begun.elapsed() < PATIENCE, "no place is given back");
        thread::sleep(Duration::from_millis(20));
    }
}

/// A control plane that lends this checkpoint, and says how it was given back.
fn lend(checkpoint: &Path) -> (SocketAddr, thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let answer = serde_json::json!({ "id": "1", "path": checkpoint }).to_string();
    let lends = thread::spawn(move || {
        loop {
            let (mut connection, _) = listener.accept().expect("a connection");
            let head = BufReader::new(&connection).lines().map(|line| line.expect("text"));
            let head: Vec<String> = head.take_while(|line| !line.is_empty()).collect();
            let (status, body) =
                if head[0].starts_with("POST") { ("201 Created", answer.as_str()) } else { ("200 OK", "") };
            let length = body.len();
            let answer = format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}");
            connection.write_all(answer.as_bytes()).expect("somebody reads");
            if head[0].starts_with("DELETE") {
                return head[0].clone();
            }
        }
    });
    (address, lends)
}

#[test]
fn a_command_that_is_told_to_end_gives_its_checkpoint_back() {
    for (command, signal) in [("backup", Signal::TERM), ("backup", Signal::INT), ("verify", Signal::TERM)] {
        let folder = Folder::new();
        let [data, backup] = ["data", "backup"].map(|name| folder.path().join(name));
        let _held = RocksStore::open(&data, RocksOptions::default()).expect("a new store");
        // Whoever reads the marker there waits until somebody writes into it.
        let checkpoint = data.join("checkpoints/1");
        fs::create_dir_all(&checkpoint).expect("room");
        let marker = checkpoint.join("SELVEDGE");
        assert!(Command::new("mkfifo").arg(&marker).status().expect("coreutils").success());
        let (address, lends) = lend(&checkpoint);
        let mut child = Command::new(env!("CARGO_BIN_EXE_selvedge"));
        child.args([command]).args((command == "backup").then_some(&backup));
        child.args(["--data-dir", text(&data), "--control-listen", &address.to_string()]);
        let mut child = child.stderr(Stdio::piped()).spawn().expect("the binary was built");
        let begun = Instant::now();
        // Opens as soon as the other end is open.
        let waits = || fs::OpenOptions::new().write(true).custom_flags(O_NONBLOCK).open(&marker);
        let _waits = loop {
            if let Ok(opened) = waits() {
                break opened;
            }
            assert!(begun.elapsed() < PATIENCE, "the checkpoint is not read: {:?}", child.try_wait());
            thread::sleep(Duration::from_millis(5));
        };
        kill_process(Pid::from_child(&child), signal).expect("it runs");
        assert_eq!(lends.join().expect("it is given back"), "DELETE /v1/checkpoints/1 HTTP/1.1", "{command}");
        assert_eq!(child.wait().expect("it was started here").signal(), Some(signal.as_raw()));
    }
}

#[test]
fn a_backup_and_data_do_not_lie_in_each_other() {
    let folder = Folder::new();
    let [data, backup, link] = ["data", "backup", "link"].map(|name| folder.path().join(name));
    fill(&data, 3);
    symlink(&data, &link).expect("room");
    let inside = ["data", "data/x", "data/checkpoints/x", "data/rocksdb/x", "data/x/y", "data/x/../y", "link/x"];
    let before = tree(&data);
    for to in inside {
        let said = fails(&["backup", text(&folder.path().join(to)), "--data-dir", text(&data)]);
        assert!(said.contains("is in the data in"), "{to}: {said}");
        assert_eq!(tree(&data), before, "{to}");
    }
    let held = RocksStore::open(&data, RocksOptions::default()).expect("a store");
    for to in inside {
        let beside = ["--data-dir", text(&data), "--control-listen", "127.0.0.1:1"];
        let said = fails(&[&["backup", text(&folder.path().join(to))], &beside[..]].concat());
        assert!(said.contains("is in the data in"), "a server is not even asked, {to}: {said}");
    }
    drop(held);
    succeeds(&["backup", text(&backup), "--data-dir", text(&data)]);
    let before = tree(&backup);
    for to in ["backup", "backup/x", "backup/rocksdb/x", "backup/x/y", ""] {
        let said = fails(&["restore", text(&backup), "--data-dir", text(&folder.path().join(to))]);
        assert!(said.contains("lie in each other"), "{to}: {said}");
        assert_eq!(tree(&backup), before, "{to}");
    }
}

#[test]
fn a_restore_that_fails_leaves_what_was_there_before() {
    let folder = Folder::new();
    let [data, backup, empty] = ["data", "backup", "empty"].map(|name| folder.path().join(name));
    fill(&data, 20);
    succeeds(&["backup", text(&backup), "--data-dir", text(&data)]);
    fs::create_dir(&empty).expect("room");
    let far = folder.path().join("far/away");
    let log = largest(&backup.join("rocksdb"), ".log");
    damage(&log, |length| length / 2);
    for to in [&empty, &far] {
        let said = fails(&["restore", text(&backup), "--data-dir", text(to)]);
        assert!(said.contains("not those that were backed up") && !said.contains("warning"), "{said}");
    }
    assert!(tree(&empty).is_empty(), "{:?}", tree(&empty));
    assert!(!folder.path().join("far").exists(), "what was made for it is gone as well");
    damage(&log, |length| length / 2);
    for to in [&empty, &far] {
        succeeds(&["restore", text(&backup), "--data-dir", text(to)]);
        assert_eq!(json(&succeeds(&["verify", "--json", text(to)]))["documents"], 20);
        assert!(!to.join("UNFINISHED").exists());
    }
}

#[test]
fn what_a_killed_restore_leaves_is_said_to_be_that() {
    let folder = Folder::new();
    let [data, backup, to] = ["data", "backup", "to"].map(|name| folder.path().join(name));
    fill(&data, 3);
    succeeds(&["backup", text(&backup), "--data-dir", text(&data)]);
    // Whoever reads it waits until somebody writes into it.
    let log = largest(&backup.join("rocksdb"), ".log");
    let whole = fs::read(&log).expect("it is there");
    fs::remove_file(&log).expect("it is there");
    assert!(Command::new("mkfifo").arg(&log).status().expect("coreutils").success());
    let mut child = Command::new(env!("CARGO_BIN_EXE_selvedge"));
    child.args(["restore", text(&backup), "--data-dir", text(&to)]);
    let mut child = child.spawn().expect("the binary was built");
    let begun = Instant::now();
    let _waits = loop {
        if let Ok(opened) = fs::OpenOptions::new().write(true).custom_flags(O_NONBLOCK).open(&log) {
            break opened;
        }
        assert!(begun.elapsed() < PATIENCE, "the log is not read: {:?}", child.try_wait());
        thread::sleep(Duration::from_millis(5));
    };
    child.kill().expect("it runs");
    child.wait().expect("it was started here");
    fs::remove_file(&log).expect("it is there");
    fs::write(&log, whole).expect("room");
    let left = tree(&to);
    let server = ["serve", "--listen", "127.0.0.1:0", "--control=false"];
    for command in [&["restore", text(&backup)][..], &["verify"], &["inspect", "a"], &server] {
        let said = fails(&[command, &["--data-dir", text(&to)]].concat());
        assert!(said.contains("broken off") && said.contains(text(&to)), "{command:?}: {said}");
    }
    let said = fails(&["backup", text(&to), "--data-dir", text(&data)]);
    assert!(said.contains("broken off"), "{said}");
    assert_eq!(tree(&to), left, "whose it is, a person decides");
    fs::remove_dir_all(&to).expect("it is ours");
    succeeds(&["restore", text(&backup), "--data-dir", text(&to)]);
    assert_eq!(json(&succeeds(&["verify", "--json", text(&to)]))["documents"], 3);
}

/// A control plane that answers one request, with this.
fn answer(status: &'static str, body: &'static str) -> (SocketAddr, thread::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let answers = thread::spawn(move || {
        let (mut connection, _) = listener.accept().expect("a connection");
        let head = BufReader::new(&connection).lines().map(|line| line.expect("text"));
        assert!(head.take_while(|line| !line.is_empty()).count() > 0);
        let length = body.len();
        let answer = format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}");
        connection.write_all(answer.as_bytes()).expect("somebody reads");
    });
    (address, answers)
}

#[test]
fn what_to_do_is_said_where_it_can_help() {
    let folder = Folder::new();
    let data = folder.path().join("data");
    let _held = RocksStore::open(&data, RocksOptions::default()).expect("a new store");
    let (settings, token) = ("--control-listen", "--token");
    for (status, body, says, advice) in [
        ("503 Service Unavailable", "{\"detail\":\"no space left on the disk\"}", "no space left on the disk", None),
        ("500 Internal Server Error", "{\"detail\":\"a defect\"}", "a defect", None),
        ("401 Unauthorized", "{\"detail\":\"no token\"}", "no token", Some(token)),
        ("403 Forbidden", "{\"detail\":\"no admin claim\"}", "no admin claim", Some(token)),
        ("404 Not Found", "nothing", "not as a control plane", Some(settings)),
    ] {
        let (address, answers) = answer(status, body);
        let to = folder.path().join("backup");
        let asked = ["backup", text(&to), "--data-dir", text(&data), "--control-listen", &address.to_string()];
        let said = fails(&asked);
        answers.join().expect("it was asked");
        assert!(said.contains(says), "{said}");
        for each in [settings, token] {
            assert_eq!(said.contains(each), advice == Some(each), "{status}: {said}");
        }
        assert!(!to.exists(), "{status}");
    }
}

#[test]
fn a_newer_format_is_said_of_which_folder_it_is() {
    let folder = Folder::new();
    let data = folder.path().join("data");
    fill(&data, 1);
    fs::write(data.join("SELVEDGE"), "selvedge storage 3 ready\n").expect("room");
    let said = fails(&["verify", "--data-dir", text(&data)]);
    assert!(said.contains("format 3") && said.contains(text(&data)), "{said}");
}

#[test]
fn a_damaged_version_is_said_to_be_one() {
    let folder = Folder::new();
    let data = folder.path().join("data");
    fill(&data, 1);
    let document = DocumentKey(DocumentId::of("notes/0").0);
    let store = RocksStore::open(&data, RocksOptions::default()).expect("a store");
    let stored = store.describe(document).expect("readable").expect("there");
    // Nothing else has these bytes in it.
    let new = NewVersion {
        document,
        created_ms: stored.outline.created_ms,
        name: "one",
        author: None,
        is_automatic: false,
        sequence: 1,
        update: b"unmistakable",
    };
    let id = store.save_version(new).expect("room").id;
    drop(store);
    // Sorts what is in the log into tables.
    drop(RocksStore::open(&data, RocksOptions::default()).expect("a store"));
    let tables = fs::read_dir(data.join("rocksdb")).expect("a folder").map(|entry| entry.expect("a file").path());
    let has_it = |path: &PathBuf| {
        let bytes = fs::read(path).expect("it is there");
        text(path).ends_with(".sst") && bytes.windows(12).any(|window| window == b"unmistakable")
    };
    let table = tables.into_iter().find(has_it).expect("it is in a table");
    damage(&table, |_| 10);
    let (_, found) = faults(&["--data-dir", text(&data)]);
    assert!(found.iter().any(|why| why.contains(&format!("version {id}"))), "{found:?}");
    assert!(!found.iter().any(|why| why.contains("sequence")), "{found:?}");
}

#[test]
fn a_backup_beside_a_server_has_what_was_acknowledged() {
    for driver in ["uring", "monoio"] {
        let folder = Folder::new();
        let [data, backup, again] = ["data", "backup", "again"].map(|name| folder.path().join(name));
        fill(&data, 10);
        let mut server = Server::start(driver, &folder, &[]);
        let control = server.control.to_string();
        let beside = ["--data-dir", text(&data), "--control-listen", &control];
        succeeds(&[&["backup", text(&backup)], &beside[..]].concat());
        let verified = succeeds(&[&["verify", "--json"], &beside[..]].concat());
        assert_eq!(json(&verified)["documents"], 10);
        succeeds(&[&["inspect", "notes/3"], &beside[..]].concat());
        let left = fs::read_dir(data.join("checkpoints")).expect("the server has made it");
        assert_eq!(left.count(), 0, "checkpoints are given back");
        let elsewhere = fails(&[
            "backup",
            text(&folder.path().join("x")),
            "--data-dir",
            text(&data),
            "--control-listen",
            "127.0.0.1:1",
        ]);
        assert!(elsewhere.contains("control plane at 127.0.0.1:1"), "{elsewhere}");
        let (other_folder, nothing) = (Folder::new(), folder.path().join("nothing"));
        let other = Server::start(driver, &other_folder, &[]);
        let there = ["--data-dir", text(&data), "--control-listen", &other.control.to_string()];
        let elsewhere = fails(&[&["backup", text(&nothing)], &there[..]].concat());
        assert!(elsewhere.contains("it serves other data") && !nothing.exists(), "{elsewhere}");
        server.terminate();
        assert_eq!(server.exit_code(), Some(0));
        succeeds(&["restore", text(&backup), "--data-dir", text(&again)]);
        assert_eq!(json(&succeeds(&["verify", "--json", text(&again)]))["documents"], 10);
    }
}

#[test]
fn with_tokens_a_backup_needs_the_admin_claim() {
    let folder = Folder::new();
    let data = folder.path().join("data");
    let secret = folder.path().join("secret");
    fs::write(&secret, "0123456789abcdef0123456789abcdef").expect("room");
    fill(&data, 1);
    let server = Server::start("uring", &folder, &["--auth-secret-file", text(&secret)]);
    let control = server.control.to_string();
    let issue = |name: &str, admin: &[&str]| {
        let token = [&["token", "--auth-secret-file", text(&secret), "--sub", "operator"], admin].concat();
        let path = folder.path().join(name);
        fs::write(&path, succeeds(&token)).expect("room");
        path
    };
    let (user, admin) = (issue("user", &["--document", "*=write"]), issue("admin", &["--admin"]));
    let backup = |name: &str, token: &[&str]| -> Vec<String> {
        let to = folder.path().join(name);
        let fixed = ["backup", text(&to), "--data-dir", text(&data), "--control-listen", &control];
        [&fixed, token].concat().into_iter().map(str::to_owned).collect()
    };
    let run = |arguments: Vec<String>| selvedge(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    let said = |output: Output| String::from_utf8(output.stderr).expect("text");
    assert!(said(run(backup("none", &[]))).contains("401"));
    assert!(said(run(backup("user-backup", &["--token", text(&user)]))).contains("admin claim"));
    assert!(run(backup("backup", &["--token", text(&admin)])).status.success());
}

/// The largest file below a folder with this end.
fn largest(folder: &Path, end: &str) -> PathBuf {
    let files = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("a file").path());
    let files = files.filter(|path| text(path).ends_with(end));
    files.max_by_key(|path| fs::metadata(path).expect("a file").len()).expect("there is one")
}

#[test]
fn what_was_changed_is_found_and_not_restored() {
    let folder = Folder::new();
    let [data, backup] = ["data", "backup"].map(|name| folder.path().join(name));
    fill(&data, 50);
    // Sorts what is in logs into tables.
    drop(RocksStore::open(&data, RocksOptions::default()).expect("a store"));
    succeeds(&["backup", text(&backup), "--data-dir", text(&data)]);
    let manifest = backup.join("backup.json");
    let kept = fs::read(&manifest).expect("it is there");

    // One bit of a table.
    let table = largest(&backup.join("rocksdb"), ".sst");
    let whole = fs::read(&table).expect("it is there");
    let mut changed = whole.clone();
    changed[whole.len() / 3] ^= 1;
    fs::write(&table, &changed).expect("room");
    let to = folder.path().join("changed");
    let said = fails(&["restore", text(&backup), "--data-dir", text(&to)]);
    assert!(said.contains("not those that were backed up"), "{said}");
    assert!(!to.exists(), "nothing of it is left");
    let verified = selvedge(&["verify", text(&backup), "--json"]);
    assert_eq!(verified.status.code(), Some(1), "the bit is in a block of documents: {verified:?}");
    assert_ne!(json(&String::from_utf8_lossy(&verified.stdout))["faults"], serde_json::json!([]));

    // A file that is cut, one that is gone, and manifests that are none.
    fs::write(&table, &whole[..whole.len() - 1]).expect("room");
    let said = fails(&["restore", text(&backup), "--data-dir", text(&folder.path().join("cut"))]);
    assert!(said.contains("another length"), "{said}");
    fs::remove_file(&table).expect("it is there");
    fails(&["restore", text(&backup), "--data-dir", text(&folder.path().join("gone"))]);
    fs::write(&table, &whole).expect("room");
    for hostile in [
        "",
        "{",
        "{\"format\":2,\"files\":[]}",
        "{\"format\":1,\"files\":[{\"path\":\"../x\",\"bytes\":1,\"sha256\":\"\"}]}",
    ] {
        fs::write(&manifest, hostile).expect("room");
        let said = fails(&["restore", text(&backup), "--data-dir", text(&folder.path().join("hostile"))]);
        assert!(said.contains("not a backup"), "{said}");
    }
    fs::remove_file(&manifest).expect("it is there");
    assert!(
        fails(&["restore", text(&backup), "--data-dir", text(&folder.path().join("none"))]).contains("not finished")
    );
    fs::write(&manifest, kept).expect("room");
    succeeds(&["restore", text(&backup), "--data-dir", text(&folder.path().join("well"))]);
}

/// Changes a byte.
fn damage(path: &Path, at: impl FnOnce(usize) -> usize) {
    let mut bytes = fs::read(path).expect("it is there");
    let at = at(bytes.len());
    bytes[at] ^= 1;
    fs::write(path, bytes).expect("room");
}

/// What `verify` says of these data: documents that can be opened, and what is wrong.
#[track_caller]
fn faults(arguments: &[&str]) -> (u64, Vec<String>) {
    let output = selvedge(&[&["verify", "--json"], arguments].concat());
    let verified = json(&String::from_utf8_lossy(&output.stdout));
    let faults = verified["faults"].as_array().expect("a list").iter().map(|fault| fault["why"].to_string());
    let faults: Vec<String> = faults.collect();
    assert_eq!(output.status.code(), Some(i32::from(!faults.is_empty())), "{output:?}");
    (verified["documents"].as_u64().expect("a number"), faults)
}

#[test]
fn a_log_that_was_changed_is_a_fault_and_a_torn_one_is_not() {
    let folder = Folder::new();
    let [data, backup] = ["data", "backup"].map(|name| folder.path().join(name));
    fill(&data, 30);
    let log = largest(&data.join("rocksdb"), ".log");
    let whole = fs::read(&log).expect("it is there");

    fs::write(&log, &whole[..whole.len() - 10]).expect("room");
    assert_eq!(faults(&["--data-dir", text(&data)]), (30, Vec::new()), "the last batch was being written");

    fs::write(&log, &whole).expect("room");
    damage(&log, |length| length / 3);
    let (documents, found) = faults(&["--data-dir", text(&data)]);
    assert!(documents > 0 && documents < 30, "{documents}: what lies before is read");
    assert!(found.len() == 1 && found[0].contains(text(&log)) && found[0].contains("lost"), "{found:?}");
    succeeds(&["backup", text(&backup), "--data-dir", text(&data)]);
    assert_eq!(faults(&[text(&backup)]).1.len(), 1, "a backup of it is no better");

    let mut server = Command::new(env!("CARGO_BIN_EXE_selvedge"))
        .args(["serve", "--listen", "127.0.0.1:0", "--control=false", "--data-dir", text(&data)])
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary was built");
    let log = BufReader::new(server.stderr.take().expect("it is piped"));
    let said: Vec<String> =
        log.lines().map(|line| line.expect("text")).take_while(|line| !line.contains("listening on")).collect();
    server.kill().expect("what is left is served");
    server.wait().expect("it was started here");
    assert!(said.iter().any(|line| line.contains("ERROR") && line.contains("acknowledged")), "{said:?}");
    assert_eq!(faults(&["--data-dir", text(&data)]), (documents, Vec::new()), "what was lost is lost");
}

#[test]
fn a_backup_of_which_any_file_was_changed_or_is_gone_is_not_said_to_be_well() {
    let folder = Folder::new();
    let [data, backup] = ["data", "backup"].map(|name| folder.path().join(name));
    fill(&data, 3);
    succeeds(&["backup", text(&backup), "--data-dir", text(&data)]);
    let files = selvedge_storage::files(&backup).expect("a store");
    assert!(files.iter().any(|(path, _)| path.contains("OPTIONS-")), "{files:?}");
    for path in files.iter().filter(|(_, bytes)| *bytes > 0).map(|(path, _)| backup.join(path)) {
        let whole = fs::read(&path).expect("it is there");
        damage(&path, |length| length / 2);
        let (_, found) = faults(&[text(&backup)]);
        assert!(found.iter().any(|why| why.contains(text(&path)) && why.contains("not those that")), "{found:?}");
        fs::remove_file(&path).expect("it is there");
        let (_, found) = faults(&[text(&backup)]);
        assert!(found.iter().any(|why| why.contains(text(&path))), "{}: {found:?}", path.display());
        fs::write(&path, whole).expect("room");
    }
    assert_eq!(faults(&[text(&backup)]), (3, Vec::new()));
}

#[test]
fn a_changed_byte_in_any_table_is_found() {
    let folder = Folder::new();
    let data = folder.path().join("data");
    fill(&data, 30);
    // Sorts what is in the log into tables: one for each column family that has something.
    drop(RocksStore::open(&data, RocksOptions::default()).expect("a store"));
    let entries = fs::read_dir(data.join("rocksdb")).expect("a folder").map(|entry| entry.expect("a file").path());
    let tables: Vec<PathBuf> = entries.filter(|path| text(path).ends_with(".sst")).collect();
    assert!(tables.len() >= 4, "format, records, documents, names: {tables:?}");
    for table in tables {
        let whole = fs::read(&table).expect("it is there");
        damage(&table, |_| 10);
        let verified = selvedge(&["verify", "--data-dir", text(&data)]);
        assert_eq!(verified.status.code(), Some(1), "{}: {verified:?}", table.display());
        fs::write(&table, whole).expect("room");
    }
    assert_eq!(faults(&["--data-dir", text(&data)]), (30, Vec::new()));
}

#[test]
fn what_root_restores_belongs_to_whoever_has_the_folder() {
    const NOBODY: u32 = 65_534;
    let folder = Folder::new();
    let [data, backup, home] = ["data", "backup", "home"].map(|name| folder.path().join(name));
    fs::create_dir(&home).expect("room");
    if chown(&home, Some(NOBODY), Some(NOBODY)).is_err() {
        eprintln!("SKIPPED what_root_restores_belongs_to_whoever_has_the_folder: only root can give files away");
        return;
    }
    fill(&data, 3);
    succeeds(&["backup", text(&backup), "--data-dir", text(&data)]);
    let (missing, far, empty) = (home.join("missing"), home.join("far/away"), folder.path().join("empty"));
    fs::create_dir(&empty).expect("room");
    chown(&empty, Some(NOBODY), Some(NOBODY)).expect("we are root");
    for (to, above) in [(&missing, &missing), (&far, &home.join("far")), (&empty, &empty)] {
        succeeds(&["restore", text(&backup), "--data-dir", text(to)]);
        let made: Vec<PathBuf> = tree(above).into_keys().chain([above.clone()]).collect();
        assert!(made.iter().any(|path| path.ends_with("SELVEDGE")), "{made:?}");
        for path in made {
            let found = fs::metadata(&path).expect("it is there");
            assert_eq!((found.uid(), found.gid()), (NOBODY, NOBODY), "{}", path.display());
        }
        let mode = fs::metadata(to).expect("it is there").permissions().mode() & 0o777;
        assert_eq!(mode, if to == &empty { 0o755 } else { 0o700 });
    }
    // Where the folder is root's, so is what is in it.
    let own = folder.path().join("own");
    succeeds(&["restore", text(&backup), "--data-dir", text(&own)]);
    assert_eq!(fs::metadata(own.join("SELVEDGE")).expect("it is there").uid(), 0);
}

#[test]
fn nothing_is_begun_where_there_is_nothing() {
    let folder = Folder::new();
    let nowhere = folder.path().join("nowhere");
    for command in [&["verify"][..], &["inspect", "a"], &["backup", text(&folder.path().join("b"))]] {
        let said = fails(&[command, &["--data-dir", text(&nowhere)]].concat());
        assert!(said.contains("there is no such folder"), "{said}");
        assert!(!nowhere.exists(), "{command:?} made a folder");
    }
}

#[test]
fn completions_and_manual_pages_come_from_the_commands() {
    for shell in ["bash", "zsh", "fish"] {
        let script = succeeds(&["completions", shell]);
        assert!(script.contains("control-listen") && script.contains("backup"), "{shell}");
    }
    assert!(succeeds(&["man"]).contains("control\\-listen"));
    let folder = Folder::new();
    succeeds(&["man", text(folder.path())]);
    for (page, called) in [
        ("selvedge.1", "\\fBselvedge\\fR [OPTIONS] [COMMAND]"),
        ("selvedge-backup.1", "\\fBselvedge backup\\fR [OPTIONS] <FOLDER>"),
        ("selvedge-doctor.1", "\\fBselvedge doctor\\fR [OPTIONS]"),
    ] {
        let text = fs::read_to_string(folder.path().join(page)).expect("a page for each command");
        assert!(text.contains(&format!(".SH SYNOPSIS\n{called}\n.SH DESCRIPTION\n")), "{page}: {text}");
    }
    let file = folder.path().join("selvedge.1");
    assert!(fails(&["man", text(&file)]).contains(text(&file)), "what it could not write is not said");
}
