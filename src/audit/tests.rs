//! The log on a disk.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use super::queue::Waiting;
use super::writer::Writer;
use super::*;

struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("selvedge-audit-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).expect("a folder for the test");
        Self(path)
    }

    fn options(&self) -> Options {
        Options { file: self.0.join("audit.log"), file_bytes_max: 1 << 20, files_max: 3 }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).expect("the log is there")
}

fn events(path: &Path) -> Vec<serde_json::Value> {
    text(path).lines().map(|line| serde_json::from_str(line).expect("each line is an object")).collect()
}

fn address(last: u8) -> Address {
    Address::Exact([192, 0, 2, last].into())
}

#[test]
fn every_event_is_one_line_that_says_when_and_what() {
    let folder = Folder::new();
    let log = AuditLog::open(folder.options()).expect("a file");
    let audit = log.audit();
    let subject: Arc<str> = "ada \"a\" \n".into();
    let all = [
        Event::Started { settings: vec![("listen", Some("[::]:1".into())), ("auth_secret_file", None)] },
        Event::LoggedIn {
            subject: Arc::clone(&subject),
            address: address(1),
            document: Some("notes/1".into()),
            documents: 2,
            how: How::Message,
            expires_at: Some(SystemTime::UNIX_EPOCH),
        },
        Event::Refused { address: address(1), reason: Reason::Login("the token has expired".into()) },
        Event::Banned { address: address(1), ban_ms: 1_000 },
        Event::Revoked { subject: Arc::clone(&subject), sessions: 3 },
        Event::Closed { address: None, subject: Some(Arc::clone(&subject)), reason: Reason::Displaced },
        Event::SettingChanged {
            subject: None,
            how: SettingHow::Reloaded,
            setting: "ban_ms",
            old: Some("1".into()),
            new: Some("2".into()),
        },
        Event::Acted {
            subject: Some(subject),
            address: address(1),
            action: Action::CopyDocument,
            document: Some("notes/1".into()),
            target: Some("notes/2".into()),
            outcome: Outcome::Failed { status: 412 },
        },
        Event::Stopped,
    ];
    for event in &all {
        audit.of_core(3).record(event.clone());
    }
    drop(log);
    let path = folder.options().file;
    let events = events(&path);
    let names: Vec<_> = events.iter().map(|event| event["event"].as_str().expect("a name")).collect();
    assert_eq!(
        names,
        ["started", "logged-in", "refused", "banned", "revoked", "closed", "setting-changed", "acted", "stopped"]
    );
    for event in &events {
        assert_eq!(event["core"], 3);
        let time = event["time"].as_str().expect("a time");
        assert!(time.len() == "2026-01-01T00:00:00.000Z".len() && time.ends_with('Z'), "{time}");
    }
    assert_eq!(events[0]["settings"]["auth_secret_file"], "(secret)");
    assert_eq!(events[1]["subject"], "ada \"a\" \n");
    assert_eq!(events[1]["expires_at"], "1970-01-01T00:00:00.000Z");
    assert_eq!(events[2]["detail"], "the token has expired");
    assert_eq!((&events[7]["action"], &events[7]["outcome"]), (&"copy-document".into(), &"failed".into()));
    assert_eq!((&events[7]["target"], &events[7]["status"]), (&"notes/2".into(), &412.into()));
    assert_eq!(fs::metadata(&path).expect("it is there").permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_flood_of_equal_refusals_is_two_lines() {
    let folder = Folder::new();
    let log = AuditLog::open(folder.options()).expect("a file");
    for _ in 0..1_000 {
        log.audit().record(Event::Refused { address: address(1), reason: Reason::Origin });
    }
    drop(log);
    let events = events(&folder.options().file);
    assert_eq!(events.len(), 2, "{events:?}");
    assert_eq!(events[1]["repeated"], 999);
}

#[test]
fn a_flood_of_denied_actions_is_two_lines_and_what_is_done_is_always_written() {
    let folder = Folder::new();
    let log = AuditLog::open(folder.options()).expect("a file");
    let acted = |outcome| Event::Acted {
        subject: None,
        address: address(1),
        action: Action::DeleteDocument,
        document: None,
        target: None,
        outcome,
    };
    for _ in 0..100 {
        log.audit().record(acted(Outcome::Denied));
    }
    for _ in 0..3 {
        log.audit().record(acted(Outcome::Done));
    }
    drop(log);
    let events = events(&folder.options().file);
    assert_eq!(events.len(), 5, "{events:?}");
    assert_eq!((&events[4]["reason"], &events[4]["repeated"]), (&"delete-document".into(), &99.into()));
}

#[test]
fn full_files_are_kept_under_numbers_and_the_oldest_goes() {
    let folder = Folder::new();
    let options = Options { file_bytes_max: 200, ..folder.options() };
    let mut file = RotatingFile::open(options.clone()).expect("a file");
    for number in 0..10 {
        file.append(format!("{number}{}\n", "x".repeat(98)).as_bytes()).expect("there is room");
    }
    let first = |suffix: &str| text(Path::new(&format!("{}{suffix}", options.file.display())))[..1].to_owned();
    assert_eq!((first(""), first(".1"), first(".2")), ("8".into(), "6".into(), "4".into()));
    assert_eq!(fs::read_dir(&folder.0).expect("the folder").count(), 3);

    let alone = Options { files_max: 1, ..options };
    let mut file = RotatingFile::open(alone.clone()).expect("a file");
    file.append(&[b'y'; 100]).expect("there is room");
    assert_eq!(text(&alone.file).len(), 100);
}

#[test]
fn a_file_that_was_moved_or_removed_is_made_anew() {
    let folder = Folder::new();
    let options = folder.options();
    let mut file = RotatingFile::open(options.clone()).expect("a file");
    file.append(b"a\n").expect("there is room");
    fs::rename(&options.file, folder.0.join("moved")).expect("it is there");
    file.append(b"b\n").expect("there is room");
    assert_eq!((text(&options.file), text(&folder.0.join("moved"))), ("b\n".into(), "a\n".into()));
    fs::remove_file(&options.file).expect("it is there");
    file.append(b"c\n").expect("there is room");
    assert_eq!(text(&options.file), "c\n");
}

#[test]
fn a_file_that_others_could_read_is_closed_to_them_and_what_is_no_file_is_refused() {
    let folder = Folder::new();
    let options = folder.options();
    fs::write(&options.file, "before\n").expect("a file");
    fs::set_permissions(&options.file, PermissionsExt::from_mode(0o644)).expect("it is ours");
    RotatingFile::open(options.clone()).expect("a file").append(b"after\n").expect("there is room");
    assert_eq!(text(&options.file), "before\nafter\n");
    assert_eq!(fs::metadata(&options.file).expect("it is there").permissions().mode() & 0o777, 0o600);
    let failed = AuditLog::open(Options { file: folder.0.clone(), ..options }).expect_err("a folder");
    assert!(failed.to_string().contains("it is not a file"), "{failed}");
}

#[test]
fn what_could_not_be_written_is_told_when_it_can_be_again() {
    let folder = Folder::new();
    let options = Options { file: folder.0.join("sub/audit.log"), ..folder.options() };
    fs::create_dir(folder.0.join("sub")).expect("a folder");
    let at = SystemTime::UNIX_EPOCH;
    let mut writer = Writer::new(RotatingFile::open(options.clone()).expect("a file"), at);
    let banned = || {
        let event = Event::Banned { address: address(1), ban_ms: 1 };
        Waiting { records: [Record { at, core: None, event }].into(), ..Waiting::default() }
    };
    let moved = folder.0.join("gone");
    fs::rename(folder.0.join("sub"), &moved).expect("it is there");
    writer.write(banned(), at);
    writer.write(banned(), at);
    fs::rename(&moved, folder.0.join("sub")).expect("it is there");
    writer.write(banned(), at);
    let events = events(&options.file);
    assert_eq!(events[0]["event"], "lost");
    assert_eq!(events[0]["count"], 2);
    assert_eq!(events[1]["event"], "banned");
}
