//! Random histories against a model of what may survive.

use proptest::{collection::vec, prelude::*};
use selvedge_storage::{
    Deletion, DocumentKey,
    Durability::{self, Synced, Written},
    MemoryStore, RocksStore, Store, StoreError,
};

use crate::support::{Scratch, append, check_document, document, name, open, snapshot, update};

const DOCUMENTS: u8 = 3;

#[derive(Clone, Copy, Debug)]
enum Step {
    Append {
        document: u8,
        count: u64,
        synced: bool,
    },
    Sync,
    Snapshot {
        document: u8,
    },
    /// In the place of what goes comes a document of so many records.
    Delete {
        document: u8,
        successor: u64,
    },
    FailWrite,
    FailSync,
    Crash,
}

fn step() -> impl Strategy<Value = Step> {
    let document = 0..DOCUMENTS;
    prop_oneof![
        8 => (document.clone(), 1_u64..5, any::<bool>())
            .prop_map(|(document, count, synced)| Step::Append { document, count, synced }),
        1 => Just(Step::Sync),
        2 => document.clone().prop_map(|document| Step::Snapshot { document }),
        1 => (document, prop_oneof![Just(0_u64), 1_u64..4])
            .prop_map(|(document, successor)| Step::Delete { document, successor }),
        1 => Just(Step::FailWrite),
        1 => Just(Step::FailSync),
        1 => Just(Step::Crash),
    ]
}

/// A store that can be made to fail, as far as it can.
trait Subject {
    fn store(&self) -> &dyn Store;
    fn crash(&mut self);
    fn fail_write(&self);
    fn fail_sync(&self);
}

impl Subject for MemoryStore {
    fn store(&self) -> &dyn Store {
        self
    }
    fn crash(&mut self) {
        self.faults().crash();
    }
    fn fail_write(&self) {
        self.faults().fail_writes(1);
    }
    fn fail_sync(&self) {
        self.faults().fail_syncs(1);
    }
}

struct OnDisk {
    /// Dropped before its directory.
    store: Option<RocksStore>,
    scratch: Scratch,
}

impl Subject for OnDisk {
    fn store(&self) -> &dyn Store {
        self.store.as_ref().expect("open between crashes")
    }
    /// The process ends. Kills and power loss have tests of their own.
    fn crash(&mut self) {
        self.store = None;
        self.store = Some(open(&self.scratch.store()).expect("opens again"));
    }
    fn fail_write(&self) {}
    fn fail_sync(&self) {}
}

/// Last sequences of all documents.
type Lasts = [u64; DOCUMENTS as usize];

/// What the owner of the documents knows.
struct Model {
    /// What no crash may take.
    durable: Lasts,
    /// The states that each further batch led to, oldest first. Any first number of them may survive.
    unsynced: Vec<Lasts>,
}

impl Model {
    fn last(&self) -> Lasts {
        self.unsynced.last().copied().unwrap_or(self.durable)
    }

    fn make_durable(&mut self) {
        self.durable = self.last();
        self.unsynced.clear();
    }

    /// Finds what survived among what may have.
    fn resume(&mut self, found: Lasts) {
        let allowed = found == self.durable || self.unsynced.contains(&found);
        assert!(allowed, "{found:?} survived, not {:?} nor one of {:?}", self.durable, self.unsynced);
        let survived = self.unsynced.iter().rposition(|state| *state == found).map_or(0, |last| last + 1);
        self.unsynced.truncate(survived);
    }
}

fn check(mut subject: impl Subject, steps: &[Step]) {
    let mut model = Model { durable: [0; DOCUMENTS as usize], unsynced: Vec::new() };
    for &step in steps {
        match step {
            Step::Append { document: number, count, synced } => {
                let mut lasts = model.last();
                let last = &mut lasts[usize::from(number)];
                let first = *last + 1;
                *last += count;
                let last = *last;
                model.unsynced.push(lasts);
                let durability = if synced { Synced } else { Written };
                let result = append(subject.store(), document(number), first, last, durability);
                settle(&subject, &mut model, result, durability);
            }
            Step::Sync => {
                let result = subject.store().sync();
                settle(&subject, &mut model, result, Synced);
            }
            Step::Snapshot { document: number } => {
                let sequence = model.last()[usize::from(number)];
                if sequence > 0 {
                    take_snapshot(&subject, &mut model, document(number), sequence);
                }
            }
            Step::Delete { document: number, successor } => {
                let mut lasts = model.last();
                lasts[usize::from(number)] = successor;
                model.unsynced.push(lasts);
                let (document, name) = (document(number), name(document(number)));
                let updates: Vec<Vec<u8>> = (1..=successor).map(|sequence| update(document, sequence)).collect();
                let successor: Vec<&[u8]> = updates.iter().map(Vec::as_slice).collect();
                let result = subject.store().delete(&[Deletion { document, name: &name, successor: &successor }]);
                settle(&subject, &mut model, result, Synced);
            }
            Step::FailWrite => subject.fail_write(),
            Step::FailSync => subject.fail_sync(),
            Step::Crash => {
                subject.crash();
                model.resume(found(subject.store()));
                // What is found after a crash is on disk.
                model.make_durable();
            }
        }
        let found = found(subject.store());
        assert_eq!(found, model.last(), "after {step:?}");
    }
}

fn take_snapshot(subject: &impl Subject, model: &mut Model, document: DocumentKey, sequence: u64) {
    // An owner takes snapshots of what is durable.
    let synced = subject.store().sync();
    settle(subject, model, synced, Synced);
    if model.unsynced.is_empty() && sequence <= model.durable[usize::from(document.0[15])] {
        let taken = subject.store().snapshot(document, sequence, &snapshot(document, sequence));
        settle(subject, model, taken, Synced);
    }
}

/// Draws the consequences of a write's result; of a failed one after recovery.
fn settle(subject: &impl Subject, model: &mut Model, result: Result<(), StoreError>, durability: Durability) {
    match (result, durability) {
        (Ok(()), Synced) => model.make_durable(),
        (Ok(()), Written) => {}
        (Err(error), _) => {
            assert!(error.stops_writes(), "{error}");
            assert_eq!(subject.store().sync(), Err(error), "writes go on after a failure");
            while subject.store().recover().is_err() {}
            model.resume(found(subject.store()));
        }
    }
}

fn found(store: &dyn Store) -> Lasts {
    std::array::from_fn(|number| check_document(store, document(u8::try_from(number).expect("few"))))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_memory_store_keeps_what_it_promised(seed in any::<u64>(), steps in vec(step(), 0..60)) {
        check(MemoryStore::new(seed), &steps);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_disk_store_keeps_what_it_promised(steps in vec(step(), 0..40)) {
        let scratch = Scratch::new();
        let store = Some(open(&scratch.store()).expect("opens"));
        check(OnDisk { store, scratch }, &steps);
    }
}
