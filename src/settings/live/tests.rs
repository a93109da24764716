//! Changes, one after the other, of settings that nobody follows.

use std::path::PathBuf;
use std::slice;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use serde_json::json;

use super::*;
use crate::settings::Origin;

/// A settings file that goes with its test.
struct File(PathBuf);

impl File {
    fn new(name: &str) -> Self {
        Self(std::env::temp_dir().join(format!("selvedge-live-{name}-{}.toml", std::process::id())))
    }

    fn write(&self, text: &str) {
        std::fs::write(&self.0, text).expect("a folder for tests");
    }
}

impl Drop for File {
    fn drop(&mut self) {
        drop(std::fs::remove_file(&self.0));
    }
}

type Followed = Arc<Mutex<Vec<(u64, Vec<&'static str>, Cause)>>>;

fn live(sources: Sources) -> (Live, Followed) {
    let followed = Followed::default();
    let told = Arc::clone(&followed);
    let follow = move |changed: &Changed, cause: &Cause| {
        let names = changed.changes.iter().map(|change| change.setting.name).collect();
        told.lock().expect("no test panics here").push((changed.revision.number, names, cause.clone()));
    };
    let effective = Effective::read(&sources).expect("good settings");
    (Live::new(effective, sources, Box::new(follow)), followed)
}

fn patch(live: &Live, patch: Value) -> Result<Changed, Rejected> {
    let Value::Object(patch) = patch else { panic!("a patch is an object") };
    live.patch(&patch, None, None)
}

fn connections_max(live: &Live) -> usize {
    live.current().effective.settings.connections_max
}

fn origin(live: &Live, name: &str) -> Origin {
    let setting = &SETTINGS[index_of(name).expect("a setting")];
    live.current().effective.origin(setting)
}

fn refused(result: Result<Changed, Rejected>) -> String {
    result.expect_err("this cannot be taken").to_string()
}

#[test]
fn a_patch_is_taken_as_a_whole_or_not_at_all() {
    let (live, followed) = live(Sources::default());
    let changed =
        patch(&live, json!({"connections_max": 7, "message_bytes_max": "1MiB", "compression": true})).expect("good");
    assert_eq!(changed.revision.number, 2);
    assert_eq!(changed.changes.len(), 3);
    let settings = &live.current().effective.settings;
    assert_eq!((settings.connections_max, settings.message_bytes_max, settings.compression), (7, 1 << 20, true));
    assert_eq!((origin(&live, "connections_max"), origin(&live, "shards")), (Origin::Running, Origin::Default));
    for (wrong, said) in [
        (json!({"connections_max": 8, "heartbeat_ms": 0}), vec!["heartbeat_ms = 0: out of range; allowed: "]),
        (json!({"connections_max": 8, "fsync": "never"}), vec!["fsync = \"never\": needs a restart"]),
        (
            json!({"connections_max": 8, "conections_max": 8}),
            vec!["there is no such setting; did you mean connections_max?"],
        ),
        (json!({"connections_max": [8]}), vec!["not a text, a whole number, true or false"]),
        (json!({"connections_max": 8.5}), vec!["not a whole number"]),
        (json!({"connections_max": -1, "listen": 1}), vec!["connections_max = -1", "listen = 1: not an address"]),
        (
            json!({"message_bytes_max": "512MiB"}),
            vec!["message_bytes_max = 512MiB (control plane) exceeds document_bytes_max"],
        ),
    ] {
        let text = refused(patch(&live, wrong.clone()));
        assert!(said.iter().all(|said| text.contains(said)), "{wrong}: {text}");
        assert_eq!((live.current().number, connections_max(&live)), (2, 7), "{wrong}");
    }
    assert_eq!(followed.lock().expect("nobody panicked").len(), 1);
}

#[test]
fn a_patch_of_what_there_is_not_costs_little_and_is_answered_shortly() {
    let (live, followed) = live(Sources::default());
    let unknown =
        |count: usize| Value::Object((0..count).map(|number| (format!("connections_max{number}"), json!(1))).collect());
    assert!(matches!(patch(&live, unknown(SETTINGS.len() + 1)), Err(Rejected::TooMany { .. })));
    let text = refused(patch(&live, unknown(SETTINGS.len())));
    assert_eq!(text.matches("there is no such setting").count(), SETTINGS.len());
    assert_eq!(text.matches("did you mean connections_max?").count(), SUGGESTED_MAX);
    assert_eq!((live.current().number, followed.lock().expect("nobody panicked").len()), (1, 0));
}

#[test]
fn who_asks_what_is_in_force_does_not_wait_for_a_change() {
    let ((begun, begins), (go_on, goes_on)) = (mpsc::channel(), mpsc::channel());
    let goes_on = Mutex::new(goes_on);
    let follow = move |_: &Changed, _: &Cause| {
        begun.send(()).expect("the test waits");
        goes_on.lock().expect("one at a time").recv().expect("the test goes on");
    };
    let effective = Effective::read(&Sources::default()).expect("good settings");
    let live = Arc::new(Live::new(effective, Sources::default(), Box::new(follow)));
    let changing = Arc::clone(&live);
    let change = thread::spawn(move || patch(&changing, json!({"connections_max": 7})).expect("good"));
    begins.recv().expect("the change is under way");
    let (asked, answer) = mpsc::channel();
    let asking = Arc::clone(&live);
    thread::spawn(move || asked.send(asking.current().number));
    assert_eq!(answer.recv_timeout(Duration::from_secs(60)), Ok(1), "it is under way still");
    go_on.send(()).expect("it waits");
    change.join().expect("it is good");
    assert_eq!((live.current().number, connections_max(&live)), (2, 7));
}

#[test]
fn null_takes_a_value_back_and_what_stays_as_it_is_needs_no_restart() {
    let (live, _) = live(Sources { command_line: vec![("connections_max".into(), "9".into())], ..Sources::default() });
    patch(&live, json!({"connections_max": 7})).expect("good");
    let same = patch(&live, json!({"fsync": "always", "listen": null})).expect("nothing of it changes");
    assert_eq!((same.revision.number, same.changes.len()), (2, 0));
    patch(&live, json!({"connections_max": null})).expect("good");
    assert_eq!((connections_max(&live), origin(&live, "connections_max")), (9, Origin::CommandLine));
}

#[test]
fn rolling_back_goes_one_revision_further_each_time() {
    let (live, followed) = live(Sources::default());
    for count in 1..=40 {
        patch(&live, json!({"connections_max": count})).expect("good");
    }
    let back: Vec<usize> =
        std::iter::from_fn(|| live.roll_back(None, None).ok().map(|_| connections_max(&live))).collect();
    assert_eq!(back, (40 - EARLIER_MAX..40).rev().collect::<Vec<_>>());
    assert!(matches!(live.roll_back(None, None), Err(Rejected::NothingBefore)));
    assert_eq!(live.current().number, 1 + 40 + EARLIER_MAX as u64);
    let last = followed.lock().expect("nobody panicked").last().cloned().expect("many");
    assert_eq!((last.1, last.2), (vec!["connections_max"], Cause::RolledBack { by: None }));
}

#[test]
fn only_the_revision_that_was_seen_is_changed() {
    let (live, _) = live(Sources::default());
    let one = Map::from_iter([("connections_max".to_owned(), json!(5))]);
    assert!(matches!(live.patch(&one, Some(2), None), Err(Rejected::Outdated { number: 1 })));
    live.patch(&one, Some(1), None).expect("it is the one");
    assert!(matches!(live.roll_back(Some(1), None), Err(Rejected::Outdated { number: 2 })));
    live.roll_back(Some(2), None).expect("it is the one");
    assert_eq!(connections_max(&live), Settings::default().connections_max);
}

#[test]
fn a_file_is_read_again_as_a_whole_and_gives_what_can_change() {
    let file = File::new("reload");
    file.write("connections_max = 5\nreader_threads = 3\n");
    let (live, followed) = live(Sources { file: Some(file.0.clone()), ..Sources::default() });
    patch(&live, json!({"ban_ms": 500})).expect("good");
    file.write("connections_max = 6\nreader_threads = 4\nban_ms = 700\n");
    let changed = live.reload().expect("a good file");
    let names: Vec<&str> = changed.changes.iter().map(|change| change.setting.name).collect();
    let pending: Vec<&str> = changed.revision.pending.iter().map(|change| change.setting.name).collect();
    assert_eq!((names, pending), (vec!["connections_max"], vec!["reader_threads"]));
    let settings = &live.current().effective.settings;
    assert_eq!((settings.reader_threads, settings.ban_ms), (3, 500), "one cannot change, one was given on top");
    for wrong in [
        "connections_max = 0\n",
        "connections_max = 7\nnonsense = 1\n",
        "connections_max = \n",
        "message_bytes_max = \"1GiB\"\n",
    ] {
        file.write(wrong);
        refused(live.reload());
        assert_eq!(connections_max(&live), 6, "{wrong}");
    }
    drop(std::fs::remove_file(&file.0));
    refused(live.reload());
    file.write("connections_max = 6\nreader_threads = 3\nban_ms = 700\n");
    assert!(live.reload().expect("a good file").revision.pending.is_empty());
    patch(&live, json!({"ban_ms": null})).expect("good");
    assert_eq!(live.current().effective.settings.ban_ms, 700);
    assert_eq!(followed.lock().expect("nobody panicked").len(), 4);
}

#[test]
fn a_file_that_changes_nothing_is_no_step_to_go_back_from() {
    let file = File::new("nothing");
    file.write("ban_ms = 500\n");
    let (live, _) = live(Sources { file: Some(file.0.clone()), ..Sources::default() });
    patch(&live, json!({"connections_max": 7})).expect("good");
    patch(&live, json!({"ban_ms": 600})).expect("good");
    file.write("ban_ms = 700\n");
    assert!(live.reload().expect("a good file").changes.is_empty());
    let names = |changed: Changed| -> Vec<&str> { changed.changes.iter().map(|change| change.setting.name).collect() };
    assert_eq!(names(live.roll_back(None, None).expect("there is one")), ["ban_ms"]);
    assert_eq!(live.current().effective.settings.ban_ms, 500);
    assert_eq!(names(live.roll_back(None, None).expect("there is one")), ["connections_max"]);
}

#[test]
fn what_was_read_and_gone_back_from_is_pending() {
    let file = File::new("pending");
    file.write("connections_max = 5\n");
    let (live, _) = live(Sources { file: Some(file.0.clone()), ..Sources::default() });
    let pending = || -> Vec<(&str, Option<String>)> {
        let text = |change: &Change| (change.setting.name, change.new.as_ref().map(ToString::to_string));
        live.current().pending.iter().map(text).collect()
    };
    file.write("connections_max = 6\nreader_threads = 4\n");
    live.reload().expect("a good file");
    let threads = ("reader_threads", Some("4".to_owned()));
    assert_eq!(pending(), slice::from_ref(&threads));
    live.roll_back(None, None).expect("there is one before");
    let connections = ("connections_max", Some("6".to_owned()));
    assert_eq!(pending(), [connections.clone(), threads.clone()]);
    patch(&live, json!({"connections_max": 7})).expect("good");
    assert_eq!(pending(), slice::from_ref(&threads), "that is in front of the file");
    patch(&live, json!({"connections_max": null})).expect("good");
    assert_eq!((connections_max(&live), pending()), (5, vec![connections, threads.clone()]));
    live.reload().expect("a good file");
    assert_eq!((connections_max(&live), pending()), (6, vec![threads]));
}
