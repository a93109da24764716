//! Updates of which a part is complete: what is taken at once, what waits, and what their sender hears of either.

use selvedge_protocol::sync::Message;
use selvedge_protocol::update::{Known, merge};
use selvedge_shards::{Access, CloseReason, Input};

use super::host::{At, Got, Host, NAME, at, state_vector, typed};
use super::{EMPTY_STEP_1, NOT_SAVED, SAVED, one_that_counts, step_2, two};

/// Client 1 refers to a letter of client 2.
fn refers(clock: u8) -> Vec<u8> {
    vec![1, 1, 1, 0, 0x84, 2, clock, 1, b'r', 0]
}

fn all(updates: &[&[u8]]) -> Vec<u8> {
    merge(updates).expect("legal")
}

/// Everything that was appended is stored, and is complete without anything else.
fn stored(host: &mut Host) -> Vec<u8> {
    host.commit();
    let records: Vec<&[u8]> = host.stored.iter().map(|(_, record)| &record[..]).collect();
    let state = all(&records);
    assert!(Known::of(&state).is_ok(), "what is stored is complete");
    let bytes = |updates: &[&[u8]]| updates.iter().map(|update| update.len()).sum::<usize>();
    assert!(bytes(&records) <= bytes(&[&state]) + 16 * records.len(), "nothing is stored twice");
    state
}

fn acknowledged(host: &mut Host, session: At) -> usize {
    host.got(session).iter().filter(|got| **got == SAVED).count()
}

#[test]
fn what_is_complete_of_an_update_is_taken_and_the_rest_when_what_it_lacks_comes() {
    for shards in [1, 2] {
        let (mut host, a, b) = two(shards);
        host.update(b, &all(&[&refers(1), &typed(3, 0, "own")]));
        assert_eq!(host.got(a), [Got::Update(typed(3, 0, "own"))]);
        assert_eq!(host.got(b), [Got::Step1(state_vector(&[(3, 3)]))], "it is asked for the rest");
        assert_eq!(stored(&mut host), typed(3, 0, "own"));
        assert_eq!(host.got(b), [Got::Update(typed(3, 0, "own"))], "what comes back is what is saved");
        host.update(a, &typed(2, 0, "x"));
        assert_eq!(host.got(b), [Got::Update(typed(2, 0, "x"))], "which is not what the rest lacks");
        assert_eq!(stored(&mut host), all(&[&typed(3, 0, "own"), &typed(2, 0, "x")]));
        host.update(a, &typed(2, 1, "y"));
        let whole = all(&[&typed(3, 0, "own"), &typed(2, 0, "xy"), &refers(1)]);
        assert_eq!(Known::of(&stored(&mut host)), Known::of(&whole));
        let counters = host.shard(0).counters();
        assert_eq!((counters.updates_divided, counters.updates_waited, counters.updates_dropped), (1, 1, 0));
    }
}

#[test]
fn a_rest_is_divided_again_as_often_as_something_comes() {
    for shards in [1, 2] {
        let (mut host, a, b) = two(shards);
        // Client 1 needs client 2, client 3 needs client 4, client 5 only what is there; and somebody has deleted a letter of each.
        let three = [1, 1, 3, 0, 0x84, 4, 0, 1, b's', 0];
        let deletions = [0, 2, 4, 1, 0, 1, 2, 1, 0, 1];
        host.update(b, &all(&[&three, &refers(0), &typed(5, 0, "own"), &deletions]));
        assert_eq!(host.got(a), [Got::Update(typed(5, 0, "own"))]);
        host.update(a, &typed(4, 0, "y"));
        host.update(a, &typed(2, 0, "x"));
        let whole = all(&[&typed(5, 0, "own"), &typed(4, 0, "y"), &three, &typed(2, 0, "x"), &refers(0), &deletions]);
        let state = stored(&mut host);
        assert_eq!(Known::of(&state), Known::of(&whole));
        assert_eq!(host.shard(0).counters().updates_divided, 2);
        host.got(b);
        host.step_1(b, &[5, 5, 3, 4, 1, 3, 1, 2, 1, 1, 1]);
        assert!(matches!(host.got(b)[..], [Got::Step2(_)]), "nothing waits");
    }
}

#[test]
fn who_asks_while_a_rest_of_its_own_waits_is_asked_first() {
    for shards in [1, 2] {
        let (mut host, _, b) = two(shards);
        host.update(b, &all(&[&refers(0), &typed(3, 0, "own")]));
        stored(&mut host);
        host.got(b);
        host.step_1(b, &[1, 3, 3]);
        assert_eq!(host.got(b), [Got::Step1(state_vector(&[(3, 3)])), Got::Step2(vec![0, 0])]);
    }
}

#[test]
fn what_can_never_be_completed_does_not_keep_the_rest_of_a_sync_step_2_out() {
    for shards in [1, 2] {
        let (mut host, a, b) = two(shards);
        for (clock, word) in [(0, "off"), (3, "line")] {
            // All that it has written, and what it will never be able to integrate.
            step_2(&mut host, b, &all(&[&refers(7), &typed(3, clock, word)]));
            assert_eq!(host.got(a), [Got::Update(typed(3, clock, word))]);
            stored(&mut host);
            host.got(b);
            host.pass(10_250);
            let clocks = [(3, u32::from(clock) + u32::try_from(word.len()).expect("short"))];
            assert_eq!(host.got(b), [Got::Step1(state_vector(&clocks))], "the rest is dropped, and asked for again");
        }
        assert_eq!(host.shard(0).counters().updates_dropped, 2);
    }
}

#[test]
fn who_brings_again_what_can_never_be_completed_is_asked_once_for_each_time_that_it_is_dropped() {
    for shards in [1, 2] {
        let (mut host, _, b) = two(shards);
        let whole = all(&[&refers(7), &typed(3, 0, "own")]);
        step_2(&mut host, b, &whole);
        let mut asked = 0;
        for _ in 0..400 {
            host.pass(250);
            // It answers each question.
            for _ in host.got(b).iter().filter(|got| matches!(got, Got::Step1(_))) {
                asked += 1;
                step_2(&mut host, b, &whole);
            }
        }
        let dropped = host.shard(0).counters().updates_dropped;
        assert!((8..=12).contains(&dropped), "{dropped} times in 100 s, of 10 s each");
        assert!(asked <= dropped + 1, "{asked} times asked, {dropped} times dropped");
    }
}

#[test]
fn a_rest_for_which_there_is_no_room_is_dropped_and_the_part_is_taken() {
    let (mut host, a, b) = two(1);
    let long = typed(1, 9, &"x".repeat(120));
    host.update(b, &long);
    host.update(b, &typed(1, 10, &"x".repeat(120)));
    host.update(b, &all(&[&typed(3, 0, "own"), &long]));
    assert_eq!(host.shard(0).counters().updates_dropped, 2);
    assert_eq!(host.got(a), [Got::Update(typed(3, 0, "own"))]);
    // What waits is only the rest: of so much, the whole would have found no room.
    let (mut host, a, b) = two(1);
    host.update(b, &all(&[&typed(3, 0, &"x".repeat(120)), &typed(2, 0, &"x".repeat(120)), &long]));
    assert_eq!((host.got(a).len(), host.shard(0).counters().updates_dropped), (1, 0));
}

#[test]
fn who_brings_again_what_never_finds_room_is_not_asked_each_time() {
    let (mut host, _, b) = two(1);
    let long = "x".repeat(120);
    let whole = all(&[&typed(4, 1, &long), &typed(3, 1, &long), &typed(2, 1, &long)]);
    let mut asked = 0;
    for _ in 0..20 {
        step_2(&mut host, b, &whole);
        host.pass(1_000);
        asked += host.got(b).iter().filter(|got| matches!(got, Got::Step1(_))).count();
    }
    assert!((1..=5).contains(&asked), "{asked} times in 20 s");
}

#[test]
fn a_rest_that_is_completed_bit_by_bit_without_end_is_dropped_and_brought_again() {
    let (mut host, a, b) = two(1);
    // Clients from 61 on each refer to one of those from 11 on.
    let lacking: Vec<Vec<u8>> = (0..20).map(|at| vec![1, 1, 61 + at, 0, 0x84, 11 + at, 0, 1, b'r', 0]).collect();
    let whole = merge(&lacking).expect("legal");
    host.update(b, &whole);
    // The last of them first: that is the one for which it waits each time.
    for at in (0..16).rev().map(|at| at + 4) {
        assert_eq!(host.shard(0).counters().updates_dropped, 0);
        host.update(a, &typed(11 + at, 0, "x"));
    }
    let counters = host.shard(0).counters();
    assert_eq!((counters.updates_dropped, counters.updates_divided), (1, 16));
    stored(&mut host);
    host.got(b);
    host.pass(5_250);
    let got = host.got(b);
    assert!(got.iter().any(|got| matches!(got, Got::Step1(_))), "it is asked again: {got:?}");
    step_2(&mut host, b, &whole);
    for at in 0..4 {
        host.update(a, &typed(11 + at, 0, "x"));
    }
    let state = stored(&mut host);
    assert_eq!(Known::of(&state).expect("complete").clients(), 40);
    assert_eq!(host.shard(0).counters().updates_dropped, 1);
}

#[test]
fn an_update_is_acknowledged_when_its_rest_is_and_not_before() {
    for shards in [1, 2] {
        let (mut host, a, b) = one_that_counts(shards, Access::ReadWrite);
        host.update(a, &all(&[&refers(0), &typed(3, 0, "own")]));
        stored(&mut host);
        assert_eq!(acknowledged(&mut host, a), 0, "a part of it is saved");
        host.update(b, &typed(2, 0, "x"));
        assert_eq!(acknowledged(&mut host, a), 0);
        stored(&mut host);
        assert_eq!(acknowledged(&mut host, a), 1);
        host.pass(3_000);
        assert_eq!(acknowledged(&mut host, a), 0, "once");
    }
}

#[test]
fn an_update_whose_rest_is_dropped_is_not_saved() {
    for shards in [1, 2] {
        let (mut host, a, b) = one_that_counts(shards, Access::ReadWrite);
        let whole = all(&[&refers(0), &typed(3, 0, "own")]);
        host.step_1(a, EMPTY_STEP_1);
        step_2(&mut host, a, &whole);
        stored(&mut host);
        assert_eq!(acknowledged(&mut host, a), 0);
        host.pass(10_250);
        let got = host.got(a);
        assert_eq!(got.iter().filter(|got| **got == NOT_SAVED).count(), 1, "{got:?}");
        // What it brings when it is asked again is worth what was dropped.
        step_2(&mut host, a, &whole);
        assert_eq!(host.got(a).iter().filter(|got| matches!(got, Got::Status(_))).count(), 0);
        host.update(b, &typed(2, 0, "x"));
        stored(&mut host);
        assert_eq!(acknowledged(&mut host, a), 1);
    }
}

#[test]
fn nothing_is_taken_of_what_its_sender_may_not_write_or_the_disk_does_not_take() {
    let whole = all(&[&refers(0), &typed(3, 0, "own")]);
    for shards in [1, 2] {
        let (mut host, a, _) = two(shards);
        let reader = at(usize::from(shards) - 1, 7);
        host.attach_as(reader, NAME, Access::ReadOnly);
        host.got(reader);
        host.update(reader, &whole);
        assert!(matches!(&host.got(reader)[..], [Got::Denied(_)]));
        assert_eq!(host.got(a), []);
        host.handle(0, Input::CommitFailed { reason: "full".into() });
        host.update(a, &whole);
        assert!(matches!(&host.got(a)[..], [Got::Denied(_)]));
        assert!(host.appended.is_empty());
        let counters = host.shard(0).counters();
        assert_eq!((counters.updates_waited, counters.updates_accepted), (0, 0));
    }
}

#[test]
fn a_part_that_the_document_has_no_room_for_ends_the_session_and_leaves_no_rest() {
    let mut host = Host::with(1, |config| config.document_bytes_max = 20);
    let session = at(0, 1);
    host.attach(session);
    host.say(session, Message::Update { update: &all(&[&refers(0), &typed(3, 0, &"x".repeat(20))]) });
    host.turn();
    assert_eq!(host.closed.get(&session), Some(&CloseReason::DocumentFull { bytes_max: 20 }));
    let counters = host.shard(0).counters();
    assert_eq!((counters.updates_too_large, counters.updates_waited), (1, 0));
    assert!(host.appended.is_empty());
}
