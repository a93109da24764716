//! What readers make of stored bytes, judged by `yrs` in the part of a client.

use selvedge_protocol::lib0::put_uint;
use selvedge_protocol::sync::{self, Message};
use selvedge_protocol::update::{self, Compaction, StateVector};
use selvedge_shards::Sequence;
use selvedge_shards::reading::{CaughtUp, ReadFailed, Record, State, publish_records};
use yrs::updates::decoder::Decode;
use yrs::{Doc, GetString, ReadTxn, Transact, Update};

const CLIENTS: u64 = 5;

/// Records in which clients take turns to write into the text `t`, each going on where the one before ended.
struct Log(Vec<Vec<u8>>);

impl Log {
    fn new(records: u64, letters: u64) -> Self {
        let record = |number: u64| {
            let (client, clock) = (1 + number % CLIENTS, number / CLIENTS * letters);
            let mut bytes = vec![1, 1];
            put_uint(&mut bytes, client);
            put_uint(&mut bytes, clock);
            match number.checked_sub(1) {
                None => bytes.extend([0x04, 1, 1, b't']),
                Some(before) => {
                    bytes.push(0x84);
                    put_uint(&mut bytes, 1 + before % CLIENTS);
                    put_uint(&mut bytes, (before / CLIENTS + 1) * letters - 1);
                }
            }
            put_uint(&mut bytes, letters);
            bytes.extend((0..letters).map(|at| b'a' + ((number + at) % 26) as u8));
            // Every third record deletes its first letter.
            if number.is_multiple_of(3) {
                bytes.push(1);
                put_uint(&mut bytes, client);
                bytes.push(1);
                put_uint(&mut bytes, clock);
                bytes.push(1);
            } else {
                bytes.push(0);
            }
            bytes
        };
        Self((0..records).map(record).collect())
    }

    fn records(&self) -> Vec<Record<'_>> {
        (1..).zip(&self.0).map(|(sequence, update)| Record { sequence: Sequence(sequence), update }).collect()
    }

    fn last(&self) -> Sequence {
        Sequence(self.0.len() as u64)
    }
}

/// A client that must never have to wait for anything.
struct Client(Doc);

impl Client {
    fn new() -> Self {
        Self(Doc::new())
    }

    fn apply(&self, update: &[u8]) {
        let mut transaction = self.0.transact_mut();
        transaction.apply_update(Update::decode_v1(update).expect("it decodes")).expect("it applies");
        assert!(!transaction.has_missing_updates(), "a part waits for another");
    }

    /// Takes the frames as they come; says whether it is synced.
    fn receive(&self, answer: &CaughtUp) -> bool {
        let mut synced = false;
        for frame in answer.frames.iter() {
            let frame = frame.as_ref();
            assert!(!synced, "nothing comes after the SyncStep2");
            let header = match frame[1] {
                0..=125 => 2,
                126 => 4,
                _ => 10,
            };
            match sync::parse(&frame[header..]).expect("one message") {
                Message::SyncStep2 { update } => {
                    self.apply(update);
                    synced = true;
                }
                Message::Update { update } => self.apply(update),
                other => panic!("{other:?}"),
            }
        }
        synced
    }

    fn text(&self) -> String {
        let text = self.0.get_or_insert_text("t");
        text.get_string(&self.0.transact())
    }

    fn state_vector(&self) -> StateVector {
        let transaction = self.0.transact();
        transaction.state_vector().iter().map(|(client, clock)| (client.get(), *clock)).collect()
    }
}

fn text_of(log: &Log) -> String {
    let client = Client::new();
    log.0.iter().for_each(|update| client.apply(update));
    client.text()
}

#[test]
fn twenty_megabytes_come_in_parts_of_which_none_waits() {
    const PART_BYTES: usize = 256 << 10;
    let log = Log::new(40, 512 << 10);
    let state = State::assemble(None, &log.records(), log.last()).expect("legal");
    let answer = state.answer(&StateVector::default(), PART_BYTES).expect("legal");
    assert!(answer.frames.len() >= 80, "{} parts", answer.frames.len());
    assert!(answer.frames.iter().all(|frame| frame.len() <= PART_BYTES + 24));
    let client = Client::new();
    assert!(client.receive(&answer));
    assert!(client.text() == text_of(&log), "the text is another");

    let published = state.publish(PART_BYTES).expect("legal");
    let client = Client::new();
    assert!(!client.receive(&published));
    assert!(client.text() == text_of(&log), "the text is another");
}

#[test]
fn whatever_a_client_has_it_gets_the_rest() {
    let log = Log::new(60, 40);
    let state = State::assemble(None, &log.records(), log.last()).expect("legal");
    for has in 0..=60 {
        for part_bytes_max in [50, 100_000] {
            let behind = Client::new();
            log.0[..has].iter().for_each(|update| behind.apply(update));
            let answer = state.answer(&behind.state_vector(), part_bytes_max).expect("legal");
            assert!(behind.receive(&answer));
            assert_eq!(behind.text(), text_of(&log));

            let behind = Client::new();
            log.0[..has].iter().for_each(|update| behind.apply(update));
            let after = Sequence(has as u64);
            let records = &log.records()[has..];
            let answer = publish_records(records, after, log.last(), part_bytes_max).expect("legal");
            assert!(!behind.receive(&answer));
            assert_eq!(behind.text(), text_of(&log));
        }
    }
}

#[test]
fn a_state_advanced_equals_one_assembled_and_stops_at_what_is_committed() {
    let log = Log::new(60, 40);
    let records = log.records();
    let mut advanced = State::default();
    for through in [1, 7, 7, 30, 59].map(Sequence) {
        let behind = advanced.sequence.0 as usize;
        advanced = advanced.advance(&records[behind..], through).expect("legal");
        let assembled = State::assemble(None, &records, through).expect("legal");
        assert_eq!(advanced.sequence, through);
        let squashed = |state: &State| update::compact(state.update(), Compaction::SQUASH).expect("legal");
        assert_eq!(squashed(&advanced), squashed(&assembled));
        assert_eq!(advanced.known(), assembled.known());

        let compacted = advanced.compact(Compaction::COLLECT).expect("legal");
        let snapshot = Record { sequence: compacted.sequence, update: compacted.update() };
        let rest = State::assemble(Some(snapshot), &records[through.0 as usize..], log.last()).expect("legal");
        let client = Client::new();
        client.receive(&rest.answer(&StateVector::default(), 500).expect("legal"));
        assert_eq!(client.text(), text_of(&log));
    }
}

#[test]
fn a_hole_in_the_log_is_damage_and_a_short_log_is_not() {
    let log = Log::new(5, 10);
    let mut records = log.records();
    let state = State::assemble(None, &records, Sequence(2)).expect("legal");
    assert!(matches!(State::assemble(None, &records, Sequence(6)), Err(ReadFailed::Storage(_))));
    assert!(matches!(state.advance(&records, Sequence(5)), Err(ReadFailed::Corrupt(_))), "it starts too early");
    records.remove(2);
    assert!(matches!(State::assemble(None, &records, Sequence(5)), Err(ReadFailed::Corrupt(_))));
    assert!(matches!(state.advance(&records[2..], Sequence(5)), Err(ReadFailed::Corrupt(_))));
    assert!(matches!(publish_records(&records, Sequence(0), Sequence(5), 100), Err(ReadFailed::Corrupt(_))));
    assert!(State::assemble(None, &records, Sequence(2)).is_ok(), "what is behind is not looked at");
}

#[test]
fn a_document_without_records_is_an_update_that_says_nothing() {
    let empty = State::assemble(None, &[], Sequence(0)).expect("legal");
    assert_eq!(empty.update(), [0, 0]);
    let client = Client::new();
    assert!(client.receive(&empty.answer(&StateVector::default(), 100).expect("legal")));
    assert_eq!(client.text(), "");
}
