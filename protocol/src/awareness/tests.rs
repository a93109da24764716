//! Awareness updates as y-protocols 1.0.7 writes them, what is refused, and the merge rule.

use std::collections::HashMap;

use super::*;
use proptest::prelude::*;

const LIMITS: Limits = Limits { update_bytes_max: 1000, entries_max: 10, state_bytes_max: 100, json_depth_max: 8 };

/// Written by `encodeAwarenessUpdate` of y-protocols 1.0.7.
const WRITTEN_BY_Y_PROTOCOLS: &[u8] = b"\x03\x07\x01\x16{\"user\":{\"name\":\"\xd0\x96\"}}\
    \xff\xff\xff\xff\xff\xff\xff\x0f\xff\xff\xff\xff\x0f\x0b{\"x\":[1,2]}\xac\x02\x81\x01\x04null";

fn written_by_y_protocols() -> [Entry<'static>; 3] {
    [
        Entry { client: 7, clock: 1, state: Some(r#"{"user":{"name":"Ж"}}"#) },
        Entry { client: lib0::UINT_MAX, clock: u32::MAX, state: Some(r#"{"x":[1,2]}"#) },
        Entry { client: 300, clock: 129, state: None },
    ]
}

fn entries(update: &[u8]) -> Result<Vec<Entry<'_>>, AwarenessError> {
    parse(update, &LIMITS).map(|update| update.entries().collect())
}

#[test]
fn what_y_protocols_writes_is_read_and_written_alike() {
    assert_eq!(entries(WRITTEN_BY_Y_PROTOCOLS), Ok(written_by_y_protocols().to_vec()));
    let mut written = Vec::new();
    put_update(&mut written, written_by_y_protocols().into_iter());
    assert_eq!(written, WRITTEN_BY_Y_PROTOCOLS);
    assert_eq!(encoded_len(written_by_y_protocols().into_iter()), written.len());
    assert_eq!(entries(b"\x00"), Ok(vec![]));
}

#[test]
fn null_is_null_with_white_space_around_it_and_no_other_way() {
    let cases = [("null", true), (" \t\r\nnull ", true), ("\"null\"", false), ("[null]", false), ("0", false)];
    for (state, is_null) in cases {
        let mut update = vec![1, 7, 1];
        put_buf(&mut update, state.as_bytes());
        let read = entries(&update).expect("the state is JSON");
        assert_eq!(read[0].state.is_none(), is_null, "{state:?}");
    }
}

#[test]
fn what_is_refused_says_why() {
    use AwarenessError as E;
    let one = |state: &str| {
        let mut update = vec![1, 7, 1];
        put_buf(&mut update, state.as_bytes());
        update
    };
    let invalid = |error| E::StateInvalid { client: 7, error };
    let long = format!("\"{}\"", "a".repeat(99));
    let deep = "[".repeat(9) + &"]".repeat(9);
    let cases: &[(Vec<u8>, AwarenessError)] = &[
        (vec![], E::Malformed(Malformed::Truncated)),
        (one("{"), invalid(Malformed::NotJson)),
        (one(""), E::Malformed(Malformed::CountTooLarge)),
        (one("").into_iter().chain([0]).collect(), invalid(Malformed::NotJson)),
        (one("undefined"), invalid(Malformed::NotJson)),
        (one("{} {}"), invalid(Malformed::NotJson)),
        (one(&deep), invalid(Malformed::TooDeep { depth_max: 8 })),
        (one(&long), E::StateTooLarge { client: 7, state_bytes: 101, state_bytes_max: 100 }),
        (vec![0; 1001], E::UpdateTooLarge { update_bytes: 1001, update_bytes_max: 1000 }),
        ([vec![11], vec![0; 44]].concat(), E::TooManyEntries { entries: 11, entries_max: 10 }),
        (vec![0xff, 0xff, 0x03, 7, 1, 2], E::Malformed(Malformed::CountTooLarge)),
        ([one("{}"), vec![0, 0]].concat(), E::TrailingBytes { trailing_bytes: 2 }),
        (b"\x01\x07\x01\x01\xff".to_vec(), E::Malformed(Malformed::NotUtf8)),
        (b"\x01\x07\x80\x80\x80\x80\x10\x02{}".to_vec(), E::Malformed(Malformed::NumberTooLarge)),
        (b"\x01\xff\xff\xff\xff\xff\xff\xff\x1f\x01\x02{}".to_vec(), E::Malformed(Malformed::NumberTooLarge)),
    ];
    for (update, error) in cases {
        assert_eq!(entries(update), Err(*error), "{update:02x?}");
        assert!(!error.to_string().is_empty());
    }
}

#[test]
fn an_update_cut_anywhere_is_refused() {
    for cut in 0..WRITTEN_BY_Y_PROTOCOLS.len() {
        assert!(entries(&WRITTEN_BY_Y_PROTOCOLS[..cut]).is_err(), "cut at {cut}");
    }
}

#[test]
fn news_is_what_javascript_clients_would_take_over() {
    let known = |clock, present| Some(Known { clock, present });
    let cases = [
        // known, clock of the entry, whether it carries a state, is it news
        (None, 0, true, false),
        (None, 0, false, false),
        (None, 1, true, true),
        (None, 1, false, false),
        (known(5, true), 4, true, false),
        (known(5, true), 4, false, false),
        (known(5, true), 5, true, false),
        (known(5, true), 5, false, true),
        (known(5, true), 6, true, true),
        (known(5, true), 6, false, true),
        (known(5, false), 5, false, false),
        (known(5, false), 5, true, false),
        (known(5, false), 6, true, true),
        (known(0, true), 0, false, true),
    ];
    for (known, clock, present, expected) in cases {
        let entry = Entry { client: 7, clock, state: present.then_some("{}") };
        assert_eq!(is_news(known, &entry), expected, "{known:?} then {entry:?}");
    }
}

#[test]
fn of_several_entries_of_one_client_the_newest_wins_whatever_their_order() {
    let sent = [
        Entry { client: 7, clock: 2, state: Some("2") },
        Entry { client: 7, clock: 3, state: Some("3") },
        Entry { client: 7, clock: 1, state: Some("1") },
        Entry { client: 7, clock: 3, state: Some("33") },
    ];
    let mut update = Vec::new();
    put_update(&mut update, sent.into_iter());
    let mut states: HashMap<u64, Entry<'_>> = HashMap::new();
    for entry in entries(&update).expect("the update is valid") {
        let known = states.get(&entry.client);
        if is_news(known.map(|known| Known { clock: known.clock, present: known.state.is_some() }), &entry) {
            states.insert(entry.client, entry);
        }
    }
    assert_eq!(states[&7], sent[1]);
}

proptest! {
    #[test]
    fn entries_come_back_as_they_were_written(
        sent in proptest::collection::vec((0..=lib0::UINT_MAX, any::<u32>(), proptest::option::of("[a-zé🧵]{0,20}")), 0..10),
    ) {
        let states: Vec<Option<String>> =
            sent.iter().map(|(_, _, text)| text.as_ref().map(|text| format!("{{\"name\":\"{text}\"}}"))).collect();
        let sent = sent.iter().zip(&states);
        let sent = sent.map(|(&(client, clock, _), state)| Entry { client, clock, state: state.as_deref() });
        let mut update = Vec::new();
        put_update(&mut update, sent.clone());
        prop_assert_eq!(update.len(), encoded_len(sent.clone()));
        let limits = Limits { update_bytes_max: 10_000, ..LIMITS };
        let read: Vec<Entry<'_>> = parse(&update, &limits).expect("the update is valid").entries().collect();
        prop_assert_eq!(read, sent.collect::<Vec<_>>());
    }

    #[test]
    fn a_damaged_update_is_refused_or_can_be_read_to_its_end(
        damage in proptest::collection::vec((0..WRITTEN_BY_Y_PROTOCOLS.len(), any::<u8>()), 1..4),
    ) {
        let mut update = WRITTEN_BY_Y_PROTOCOLS.to_vec();
        for (index, byte) in damage {
            update[index] = byte;
        }
        if let Ok(parsed) = parse(&update, &LIMITS) {
            prop_assert_eq!(parsed.entries().count(), parsed.count());
        }
    }
}
