//! The part of the crash tests that dies: this test binary, started again.

use std::{
    env, fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
};

use selvedge_storage::{
    Catalog, Deletion, DocumentKey,
    Durability::{self, Synced, Written},
    NewVersion, Store, StoreError,
};

use crate::support::{Random, append, check_document, document, name, open, snapshot};

pub(crate) const DIRECTORY: &str = "SELVEDGE_CHILD_DIRECTORY";
const DURABILITY: &str = "SELVEDGE_CHILD_DURABILITY";
const SEED: &str = "SELVEDGE_CHILD_SEED";
pub(crate) const CONTROL: &str = "SELVEDGE_SHIM";

pub(crate) const DOCUMENTS: u8 = 3;

/// A child that appends until it is killed or its disk is gone.
pub(crate) struct Appender {
    child: Child,
    lines: BufReader<ChildStdout>,
}

/// The highest acknowledged sequence of each document.
pub(crate) type Acknowledged = [u64; DOCUMENTS as usize];

impl Appender {
    pub(crate) fn start(directory: &Path, durability: Durability, seed: u64) -> Appender {
        let mut child = command("child::appends")
            .env(DIRECTORY, directory)
            .env(DURABILITY, format!("{durability:?}"))
            .env(SEED, seed.to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("this binary can be started again");
        let lines = BufReader::new(child.stdout.take().expect("piped"));
        Appender { child, lines }
    }

    /// Waits for this many acknowledgements.
    pub(crate) fn wait(&mut self, acknowledgements: u64, acknowledged: &mut Acknowledged) {
        let mut left = acknowledgements;
        while left > 0 {
            assert!(self.read(acknowledged), "the child ended by itself");
            left -= 1;
        }
    }

    /// Ends the child, as `kill -9` does, and reads what it said before.
    pub(crate) fn kill(mut self, acknowledged: &mut Acknowledged) {
        self.child.kill().expect("the child is ours");
        while self.read(acknowledged) {}
        self.child.wait().expect("the child is ours");
    }

    /// Reads one acknowledgement; false where there will be none.
    fn read(&mut self, acknowledged: &mut Acknowledged) -> bool {
        loop {
            let mut line = String::new();
            let length = self.lines.read_line(&mut line).expect("the child writes text");
            if length == 0 || !line.ends_with('\n') {
                return false;
            }
            // The test harness speaks, too.
            let Some(rest) = line.trim().strip_prefix("acknowledged ") else { continue };
            let (number, sequence) = rest.split_once(' ').expect("two numbers");
            let number: usize = number.parse().expect("a document");
            let sequence: u64 = sequence.parse().expect("a sequence");
            acknowledged[number] = acknowledged[number].max(sequence);
            return true;
        }
    }
}

/// A child that makes and deletes documents until it is killed.
pub(crate) struct Deleter {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Deleter {
    pub(crate) fn start(directory: &Path) -> Deleter {
        let mut child = command("child::deletes")
            .env(DIRECTORY, directory)
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("this binary can be started again");
        let lines = BufReader::new(child.stdout.take().expect("piped"));
        Deleter { child, lines }
    }

    /// Waits for this many deletions.
    pub(crate) fn wait(&mut self, mut deletions: u64) {
        while deletions > 0 {
            let mut line = String::new();
            assert!(self.lines.read_line(&mut line).expect("the child writes text") > 0, "the child ended by itself");
            deletions -= u64::from(line.trim() == "deleted");
        }
    }

    /// Ends the child, as `kill -9` does.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("the child is ours");
        self.child.wait().expect("the child is ours");
    }
}

/// Starts one of the tests below in a process of its own.
pub(crate) fn command(test: &str) -> Command {
    let mut command = Command::new(env::current_exe().expect("this binary has a path"));
    command.args(["--ignored", "--exact", test, "--nocapture", "--test-threads=1"]);
    command
}

fn directory() -> PathBuf {
    env::var_os(DIRECTORY).expect("started by a test").into()
}

fn numbered(number: u64) -> DocumentKey {
    document(u8::try_from(number).expect("few documents"))
}

#[test]
#[ignore = "the child of the crash tests"]
fn appends() {
    let durability = if env::var(DURABILITY).expect("started by a test") == "Synced" { Synced } else { Written };
    let mut random = Random::new(env::var(SEED).expect("started by a test").parse().expect("a number"));
    let store = open(&directory()).expect("opens");
    let mut lasts: Acknowledged = std::array::from_fn(|number| check_document(&store, numbered(number as u64)));
    loop {
        let number = random.below(u64::from(DOCUMENTS));
        let last = &mut lasts[usize::try_from(number).expect("few documents")];
        let count = 1 + random.below(40);
        if append(&store, numbered(number), *last + 1, *last + count, durability).is_err() {
            return;
        }
        *last += count;
        println!("acknowledged {number} {last}");
        if random.below(8) == 0 && store.snapshot(numbered(number), *last, &snapshot(numbered(number), *last)).is_err()
        {
            return;
        }
    }
}

#[test]
#[ignore = "the child of the crash tests"]
fn deletes() {
    let store = open(&directory()).expect("opens");
    for round in 0.. {
        let document = numbered(round % u64::from(DOCUMENTS));
        let last = 1 + round % 40;
        let first = check_document(&store, document) + 1;
        if first <= last {
            append(&store, document, first, last, Written).expect("the disk is well");
        }
        let created_ms = store.load(document).expect("readable").expect("there").created_ms;
        let last = check_document(&store, document);
        store.snapshot(document, last, &snapshot(document, last)).expect("the disk is well");
        let update = snapshot(document, last);
        let version = NewVersion {
            document,
            created_ms,
            name: "",
            author: None,
            is_automatic: true,
            sequence: last,
            update: &update,
        };
        store.save_version(version).expect("the disk is well");
        let name = name(document);
        store.delete(&[Deletion { document, name: &name, successor: &[] }]).expect("the disk is well");
        println!("deleted");
        append(&store, document, 1, 1 + round % 7, Synced).expect("the disk is well");
    }
}

/// Under the shim of `failing_disk`, which fails what the control file says.
#[test]
#[ignore = "the child of the failing disk test"]
fn survives_failing_writes_and_syncs() {
    let control = PathBuf::from(env::var_os(CONTROL).expect("started by a test"));
    let store = open(&directory()).expect("opens");
    let mut durable = 0;
    for fault in ["fdatasync", "write", "fdatasync", "write"] {
        append(&store, document(1), durable + 1, durable + 10, Synced).expect("the disk is well");
        durable += 10;
        append(&store, document(1), durable + 1, durable + 5, Written).expect("the disk is well");

        fs::write(&control, fault).expect("the control file is ours");
        let failed = append(&store, document(1), durable + 6, durable + 6, Synced);
        assert!(matches!(failed, Err(StoreError::Io { .. })), "{fault}: {failed:?}");
        assert_eq!(store.sync(), failed, "writes go on after a failure");
        assert_eq!(check_document(&store, document(1)), durable + 5, "reads go on, and see no failed write");
        assert!(matches!(store.recover(), Err(StoreError::Io { .. })), "the disk still fails");
        assert_eq!(check_document(&store, document(1)), durable + 5, "a failed recovery leaves reads");
        assert!(append(&store, document(1), durable + 6, durable + 6, Synced).is_err());

        fs::remove_file(&control).expect("the control file is ours");
        store.recover().expect("the disk is well again");
        let found = check_document(&store, document(1));
        assert!((durable..=durable + 6).contains(&found), "{found} survived, {durable} was synced");
        if fault == "fdatasync" {
            // The shim took away what had not been synced, as a kernel may.
            assert_eq!(found, durable);
        }
        append(&store, document(1), durable + 1, durable + 6, Synced).expect("the same records again");
        durable += 6;
        assert_eq!(check_document(&store, document(1)), durable);
    }
    drop(store);
    let store = open(&directory()).expect("opens again");
    assert_eq!(check_document(&store, document(1)), durable);
}
