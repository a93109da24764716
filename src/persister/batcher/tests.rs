//! The batcher before a disk that fails, loses and crashes as a seed says.

use proptest::prelude::*;
use selvedge_storage::{self as storage, DocumentKey, MemoryStore, Store};

use super::*;

const CORES: usize = 3;
const DOCUMENTS: u8 = 5;

fn append(core: usize, document: u8, sequence: u64, bytes: usize) -> Append {
    Append {
        core,
        document: DocumentId([document; 16]),
        name: format!("document {document}").into(),
        sequence: Sequence(sequence),
        update: vec![document; bytes],
        more: Vec::new(),
    }
}

fn drain_reports(batcher: &mut Batcher) -> Vec<Report> {
    std::iter::from_fn(|| batcher.poll_report()).collect()
}

fn committed(core: usize, records: u64, commits: &[(u8, u64)]) -> Report {
    let commits =
        commits.iter().map(|&(document, sequence)| (DocumentId([document; 16]), Sequence(sequence))).collect();
    Report::Committed { core, records, commits }
}

fn full(core: usize) -> Report {
    Report::Failed { core, reason: "full".into() }
}

const SYNCED: Step = Step::Write(Durability::Synced);
const WRITTEN: Step = Step::Write(Durability::Written);

#[test]
fn a_batch_is_reported_once_to_each_core_with_the_last_record_of_each_document() {
    let mut batcher = Batcher::new(Fsync::Always);
    for record in [append(1, 1, 1, 3), append(0, 2, 1, 3), append(1, 1, 2, 3), append(1, 3, 1, 3)] {
        batcher.gather(record);
    }
    assert_eq!(batcher.next(Now(0)), SYNCED);
    // Comes while the batch is being synced, so it is of the next.
    batcher.gather(append(0, 2, 2, 3));
    assert_eq!(batcher.batch().count(), 4);
    batcher.conclude(Now(0), Ok(()));
    assert_eq!(drain_reports(&mut batcher), [committed(0, 1, &[(2, 1)]), committed(1, 3, &[(1, 2), (3, 1)])]);
    assert_eq!(batcher.next(Now(0)), SYNCED);
    batcher.conclude(Now(0), Ok(()));
    assert_eq!(drain_reports(&mut batcher), [committed(0, 1, &[(2, 2)])]);
    assert_eq!(batcher.next(Now(0)), Step::Wait { until: None });
    assert!(batcher.is_empty());
}

#[test]
fn a_batch_is_bounded_in_records_and_bytes_and_takes_any_one_record() {
    let mut batcher = Batcher::new(Fsync::Always);
    for sequence in 1..=BATCH_RECORDS_MAX as u64 + 1 {
        batcher.gather(append(0, 1, sequence, 1));
    }
    assert!(!batcher.wants_more());
    assert_eq!(batcher.next(Now(0)), SYNCED);
    assert_eq!(batcher.batch().count(), BATCH_RECORDS_MAX);
    batcher.conclude(Now(0), Ok(()));
    batcher.gather(append(0, 2, 1, BATCH_BYTES_MAX));
    batcher.gather(append(0, 2, 2, 1));
    assert!(!batcher.wants_more());
    assert_eq!(batcher.next(Now(0)), SYNCED);
    assert_eq!(batcher.batch().count(), 2, "what is left over, and the one that fills it");
    batcher.conclude(Now(0), Ok(()));
    assert_eq!(batcher.next(Now(0)), SYNCED);
    assert_eq!(batcher.batch().count(), 1);
    assert!(batcher.wants_more());
}

#[test]
fn a_failed_batch_is_tried_again_with_growing_waits_and_each_core_hears_once() {
    let mut batcher = Batcher::new(Fsync::Always);
    batcher.gather(append(0, 1, 1, 1));
    assert_eq!(batcher.next(Now(0)), SYNCED);
    batcher.conclude(Now(0), Err("full".into()));
    assert_eq!(drain_reports(&mut batcher), [full(0)]);
    let (mut now, mut wait) = (0, BACKOFF_MS_MIN);
    for attempt in 0..20 {
        assert_eq!(batcher.next(Now(now)), Step::Wait { until: Some(Now(now + wait)) });
        now += wait;
        assert_eq!(batcher.next(Now(now)), Step::Recover);
        if attempt % 2 == 0 {
            batcher.conclude(Now(now), Ok(()));
            assert_eq!(batcher.next(Now(now)), SYNCED);
        }
        batcher.conclude(Now(now), Err("full".into()));
        wait = BACKOFF_MS_MAX.min(wait * 2);
    }
    assert_eq!(wait, BACKOFF_MS_MAX);
    batcher.gather(append(0, 1, 2, 1));
    assert_eq!(drain_reports(&mut batcher), []);
    batcher.gather(append(2, 2, 1, 1));
    batcher.gather(append(2, 2, 2, 1));
    assert_eq!(drain_reports(&mut batcher), [full(2)], "it has something at stake now");

    now += wait;
    assert_eq!(batcher.next(Now(now)), Step::Recover);
    batcher.conclude(Now(now), Ok(()));
    assert!(batcher.is_stalled());
    assert_eq!(batcher.next(Now(now)), SYNCED);
    batcher.conclude(Now(now), Ok(()));
    assert!(!batcher.is_stalled());
    assert_eq!(drain_reports(&mut batcher), [committed(0, 2, &[(1, 2)]), committed(2, 2, &[(2, 2)])]);
}

#[test]
fn with_an_interval_records_are_acknowledged_when_written_and_kept_until_synced() {
    let mut batcher = Batcher::new(Fsync::Interval { ms: 100 });
    batcher.gather(append(0, 1, 1, 1));
    assert_eq!(batcher.next(Now(5)), WRITTEN);
    batcher.conclude(Now(7), Ok(()));
    assert_eq!(drain_reports(&mut batcher), [committed(0, 1, &[(1, 1)])]);
    assert_eq!(batcher.next(Now(8)), Step::Wait { until: Some(Now(107)) });
    batcher.gather(append(0, 1, 2, 1));
    assert_eq!(batcher.next(Now(50)), WRITTEN);
    batcher.conclude(Now(50), Ok(()));
    drain_reports(&mut batcher);
    batcher.gather(append(0, 1, 3, 1));
    assert_eq!(batcher.next(Now(107)), Step::Sync, "writes do not keep it from syncing in time");
    batcher.conclude(Now(108), Err("broken".into()));
    // The sync may have lost both, so both go again before the third; only the third is news.
    assert_eq!(batcher.next(Now(108 + BACKOFF_MS_MIN)), Step::Recover);
    batcher.conclude(Now(200), Ok(()));
    assert_eq!(batcher.next(Now(200)), SYNCED);
    assert!(batcher.batch().map(|append| append.sequence.0).eq([1, 2, 3]));
    drain_reports(&mut batcher);
    batcher.conclude(Now(200), Ok(()));
    assert_eq!(drain_reports(&mut batcher), [committed(0, 1, &[(1, 3)])]);
    assert!(batcher.is_empty());
}

#[test]
fn an_interval_does_not_let_unsynced_bytes_grow() {
    let mut batcher = Batcher::new(Fsync::Interval { ms: u64::MAX });
    let mut sequence = 0;
    while batcher.written_bytes < UNSYNCED_BYTES_MAX {
        sequence += 1;
        batcher.gather(append(0, 1, sequence, BATCH_BYTES_MAX / 2));
        assert_eq!(batcher.next(Now(0)), WRITTEN);
        batcher.conclude(Now(0), Ok(()));
    }
    assert!(sequence < 16);
    assert_eq!(batcher.next(Now(0)), Step::Sync);
    batcher.conclude(Now(0), Ok(()));
    assert!(batcher.is_empty());
}

#[test]
fn draining_ends_with_a_sync_whatever_the_setting() {
    for fsync in [Fsync::Always, Fsync::Interval { ms: 1_000_000 }, Fsync::Never] {
        let mut batcher = Batcher::new(fsync);
        batcher.gather(append(0, 1, 1, 1));
        batcher.drain();
        let mut synced = false;
        loop {
            match batcher.next(Now(0)) {
                Step::Drained => break,
                Step::Write(durability) => synced |= durability == Durability::Synced,
                Step::Sync => synced = true,
                step @ (Step::Delete | Step::Recover | Step::Wait { .. }) => panic!("{step:?} with {fsync:?}"),
            }
            assert!(!batcher.is_drained());
            batcher.conclude(Now(0), Ok(()));
        }
        assert!(synced && batcher.is_drained(), "{fsync:?}");
    }
}

#[test]
fn never_keeps_what_no_sync_followed_for_a_failure_and_syncs_before_it_keeps_too_much() {
    let mut batcher = Batcher::new(Fsync::Never);
    batcher.gather(append(0, 1, 1, 3));
    assert_eq!(batcher.next(Now(0)), WRITTEN);
    batcher.conclude(Now(0), Ok(()));
    assert_eq!(drain_reports(&mut batcher), [committed(0, 1, &[(1, 1)])]);
    assert!(batcher.is_idle() && !batcher.is_empty());
    batcher.gather(append(0, 1, 2, 3));
    assert_eq!(batcher.next(Now(0)), WRITTEN);
    batcher.conclude(Now(0), Err("full".into()));
    assert_eq!(drain_reports(&mut batcher), [full(0)]);
    assert_eq!(batcher.next(Now(BACKOFF_MS_MIN)), Step::Recover);
    batcher.conclude(Now(BACKOFF_MS_MIN), Ok(()));
    assert_eq!(batcher.next(Now(BACKOFF_MS_MIN)), SYNCED);
    assert_eq!(batcher.batch().map(|append| append.sequence.0).collect::<Vec<_>>(), [1, 2], "without a gap");
    batcher.conclude(Now(BACKOFF_MS_MIN), Ok(()));
    assert_eq!(drain_reports(&mut batcher), [committed(0, 1, &[(1, 2)])]);
    assert!(batcher.is_empty());

    let record_bytes = UNSYNCED_BYTES_MAX / 4;
    let mut sequence = 2;
    while batcher.written_bytes < UNSYNCED_BYTES_MAX {
        sequence += 1;
        batcher.gather(append(0, 1, sequence, record_bytes));
        assert_eq!(batcher.next(Now(100)), WRITTEN);
        batcher.conclude(Now(100), Ok(()));
    }
    assert_eq!(batcher.next(Now(100)), Step::Sync);
    batcher.conclude(Now(100), Ok(()));
    assert!(batcher.is_empty());
    assert_eq!(batcher.next(Now(100)), Step::Wait { until: None });
}

/// What a seed makes happen.
#[derive(Clone, Debug)]
enum Event {
    /// A record, and so many more that belong to it.
    Append {
        core: usize,
        bytes: usize,
        more: usize,
    },
    Step,
    Pass(u64),
    FailWrites(u32),
    FailSyncs(u32),
    Fill,
    MakeRoom,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        8 => (0..CORES, 0..40_usize, prop_oneof![3 => Just(0_usize), 1 => 1..4_usize])
            .prop_map(|(core, bytes, more)| Event::Append { core, bytes, more }),
        12 => Just(Event::Step),
        4 => (0..400_u64).prop_map(Event::Pass),
        1 => (1..4_u32).prop_map(Event::FailWrites),
        1 => (1..4_u32).prop_map(Event::FailSyncs),
        1 => Just(Event::Fill),
        2 => Just(Event::MakeRoom),
    ]
}

/// Cores, their documents, the batcher and the disk.
struct World {
    store: MemoryStore,
    batcher: Batcher,
    now: Now,
    /// For each document of each core: appended, committed.
    documents: BTreeMap<(usize, u8), (u64, u64)>,
    /// For each document: where what belongs together ends.
    ends: BTreeMap<u8, BTreeSet<u64>>,
    stalled: [bool; CORES],
    turn: u8,
}

impl World {
    fn new(seed: u64, fsync: Fsync) -> Self {
        Self {
            store: MemoryStore::new(seed),
            batcher: Batcher::new(fsync),
            now: Now(0),
            documents: BTreeMap::new(),
            ends: BTreeMap::new(),
            stalled: [false; CORES],
            turn: 0,
        }
    }

    fn handle(&mut self, event: &Event) {
        match *event {
            Event::Append { core, bytes, more } => {
                self.turn = (self.turn + 1) % DOCUMENTS;
                let document = self.turn * CORES as u8 + core as u8;
                let (appended, _) = self.documents.entry((core, document)).or_default();
                let first = append(core, document, *appended + 1, bytes);
                *appended += 1 + more as u64;
                self.ends.entry(document).or_default().insert(*appended);
                self.batcher.gather(Append { more: vec![vec![document; bytes]; more], ..first });
            }
            Event::Step => self.step(),
            Event::Pass(ms) => self.now.0 += ms,
            Event::FailWrites(count) => self.store.faults().fail_writes(count),
            Event::FailSyncs(count) => self.store.faults().fail_syncs(count),
            Event::Fill => self.store.faults().limit_capacity(Some(0)),
            Event::MakeRoom => self.store.faults().limit_capacity(None),
        }
        self.hear();
    }

    fn step(&mut self) {
        let result = match self.batcher.next(self.now) {
            Step::Write(durability) => {
                let records: Vec<_> = self
                    .batcher
                    .batch()
                    .flat_map(|append| {
                        append.records().map(|(sequence, update)| storage::Append {
                            document: DocumentKey(append.document.0),
                            name: &append.name,
                            sequence: sequence.0,
                            update,
                        })
                    })
                    .collect();
                self.store.append(&records, durability)
            }
            Step::Delete => unreachable!("nothing is deleted here"),
            Step::Sync => self.store.sync(),
            Step::Recover => self.store.recover(),
            Step::Wait { .. } | Step::Drained => return,
        };
        self.batcher.conclude(self.now, result.map_err(|error| error.to_string().into()));
    }

    fn hear(&mut self) {
        while let Some(report) = self.batcher.poll_report() {
            match report {
                Report::Committed { core, commits, records } => {
                    self.stalled[core] = false;
                    let mut reported = 0;
                    for (document, sequence) in commits {
                        let (appended, committed) =
                            self.documents.get_mut(&(core, document.0[0])).expect("it was appended to by this core");
                        assert!(sequence.0 > *committed && sequence.0 <= *appended, "news, and no more than there is");
                        reported += sequence.0 - *committed;
                        *committed = sequence.0;
                    }
                    assert_eq!(reported, records);
                }
                Report::Deleted { .. } => unreachable!("nothing is deleted here"),
                Report::Failed { core, .. } => {
                    assert!(!std::mem::replace(&mut self.stalled[core], true), "once in a stall");
                }
            }
        }
    }

    fn check_stored(&self, complete: bool) {
        for (&(_, document), &(appended, committed)) in &self.documents {
            let through = if complete { appended } else { committed };
            let key = DocumentKey([document; 16]);
            let stored = self.store.load(key).expect("readable").map_or(0, |stored| stored.log.len() as u64);
            assert!(stored >= through, "document {document}: {stored} of {through} records");
            assert!(stored <= appended);
            let is_whole = stored == 0 || self.ends[&document].contains(&stored);
            assert!(is_whole, "document {document}: {stored} records are a part of what belongs together");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    /// A crash at any moment, under any faults: no acknowledged record is lost, and no document has a gap (the store refuses to load one).
    #[test]
    fn nothing_acknowledged_is_lost(seed: u64, events in prop::collection::vec(event(), 1..200)) {
        let mut world = World::new(seed, Fsync::Always);
        events.iter().for_each(|event| world.handle(event));
        world.store.faults().crash();
        world.check_stored(false);
    }

    /// Whatever happened: once the disk works again everything is committed, and no core is left in a stall.
    #[test]
    fn everything_is_committed_in_the_end(
        seed: u64,
        fsync in prop_oneof![Just(Fsync::Always), Just(Fsync::Never), (1..300_u64).prop_map(|ms| Fsync::Interval { ms })],
        events in prop::collection::vec(event(), 1..200),
    ) {
        let mut world = World::new(seed, fsync);
        events.iter().for_each(|event| world.handle(event));
        world.store.faults().limit_capacity(None);
        world.store.faults().fail_writes(0);
        world.store.faults().fail_syncs(0);
        world.batcher.drain();
        let mut steps = 0;
        while !world.batcher.is_drained() {
            world.handle(&Event::Step);
            world.handle(&Event::Pass(BACKOFF_MS_MAX / 4));
            steps += 1;
            prop_assert!(steps < 1000, "it does not get on");
        }
        prop_assert_eq!(world.stalled, [false; CORES]);
        for (appended, committed) in world.documents.values() {
            prop_assert_eq!(appended, committed);
        }
        world.store.faults().crash();
        world.check_stored(true);
    }
}

#[test]
fn what_takes_the_place_of_a_document_is_told_of_after_its_end() {
    let mut batcher = Batcher::new(Fsync::Always);
    let deletion = |document: u8, successor: Vec<Vec<u8>>| Deletion {
        core: 1,
        document: DocumentId([document; 16]),
        name: "document".into(),
        successor,
    };
    batcher.gather(deletion(1, vec![vec![1], vec![2]]));
    batcher.gather(deletion(2, Vec::new()));
    assert_eq!(batcher.next(Now(0)), Step::Delete);
    assert_eq!(batcher.deletions().count(), 2);
    batcher.conclude(Now(0), Ok(()));
    let documents = [1, 2].map(|document| DocumentId([document; 16])).to_vec();
    assert_eq!(drain_reports(&mut batcher), [Report::Deleted { core: 1, documents }, committed(1, 2, &[(1, 2)])]);
    assert!(batcher.is_idle());
}
